"""What ranks tell one another. Each function is to be called by every rank, in the same order.

Shapes: b rows of this rank, B = b times the number of ranks.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from distill_core.distributed.world import cpu_group, current_world
from distill_core.errors import DistributedError

__all__ = [
    "agree",
    "any_over_ranks",
    "broadcast_document",
    "gather_equal_rows",
    "gather_rows",
    "mean_over_ranks",
    "sum_over_ranks",
]


def gather_rows(tensor: Tensor) -> Tensor:
    """Return the rows of all ranks [B ...] in the order of ranks, given those of this one [b ...].

    Gradients flow back to every rank's own rows, summed over ranks; integers have none.

    Raises:
        DistributedError: the ranks hold tensors of different shapes.
    """
    if current_world().size == 1:
        return tensor
    _require_equal_shapes(tensor)
    return gather_equal_rows(tensor)


def gather_equal_rows(tensor: Tensor) -> Tensor:
    """Return what `gather_rows` does, where the shapes [b ...] cannot differ between ranks."""
    if tensor.is_floating_point() or tensor.is_complex():
        gathered: Tensor = _Gathering.apply(tensor)
        return gathered
    return _gather(tensor)


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor of equal shape over ranks, on every rank; gradients flow as in `gather_rows`."""
    if current_world().size == 1:
        return tensor
    total: Tensor = _Summing.apply(tensor)
    return total


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor of equal shape over ranks, on every rank."""
    return sum_over_ranks(tensor) / current_world().size


def any_over_ranks(flag: bool) -> bool:
    """Return whether any rank raised its flag; costs one small exchange between CPUs and no wait for a device."""
    return agree(flag)[0]


def agree(*flags: bool) -> tuple[bool, ...]:
    """Return for each flag whether any rank raised it, in a single exchange."""
    if current_world().size == 1:
        return flags
    raised = torch.tensor(flags, dtype=torch.uint8)
    distributed.all_reduce(raised, distributed.ReduceOp.MAX, group=cpu_group())
    return tuple(bool(flag) for flag in raised.tolist())


def broadcast_document(value: Any) -> Any:
    """Return rank 0's plain JSON data on every rank; what the others pass is ignored."""
    world = current_world()
    if world.size == 1:
        return value
    content = json.dumps(value).encode() if world.is_first else b""
    length = torch.tensor([len(content)])
    distributed.broadcast(length, 0, group=cpu_group())
    letters = torch.frombuffer(bytearray(content.ljust(int(length))), dtype=torch.uint8)
    distributed.broadcast(letters, 0, group=cpu_group())
    return json.loads(bytes(letters.tolist()))


class _Gathering(Function):
    """Rows of all ranks; the gradient of a row is the sum of what every rank says of it."""

    @staticmethod
    def forward(_: FunctionCtx, tensor: Tensor) -> Tensor:
        return _gather(tensor)

    @staticmethod
    def backward(_: FunctionCtx, *gradients: Tensor) -> Tensor:
        world = current_world()
        return sum_over_ranks(gradients[0]).chunk(world.size)[world.rank]


class _Summing(Function):
    """Sum over ranks; every rank's loss depends on every rank's summand, so the gradient is summed too."""

    @staticmethod
    def forward(_: FunctionCtx, tensor: Tensor) -> Tensor:
        total = tensor.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: FunctionCtx, *gradients: Tensor) -> Tensor:
        return sum_over_ranks(gradients[0])


def _gather(tensor: Tensor) -> Tensor:
    rows = tensor.detach().contiguous()
    # Neither backend carries booleans: their bytes are carried instead.
    carried = rows.view(torch.uint8) if rows.dtype == torch.bool else rows
    gathered = carried.new_empty((current_world().size * rows.shape[0], *rows.shape[1:]))
    distributed.all_gather_into_tensor(gathered, carried)
    return gathered.view(rows.dtype)


def _require_equal_shapes(tensor: Tensor) -> None:
    world = current_world()
    if tensor.ndim == 0:
        raise DistributedError("a scalar has no rows to gather; sum_over_ranks takes it")
    # Shapes may differ in length, so a hash of what follows the rows stands for it.
    own = torch.tensor([tensor.shape[0], _digest(tensor)])
    table = torch.empty(world.size, 2, dtype=torch.int64)
    distributed.all_gather_into_tensor(table.view(-1), own, group=cpu_group())
    if not bool((table == own).all()):
        raise DistributedError(
            f"only equal shares can be gathered, but the ranks hold {table[:, 0].tolist()} rows, rank {world.rank} of "
            f"shape {list(tensor.shape)} and type {tensor.dtype}"
        )


def _digest(tensor: Tensor) -> int:
    """Return a number that ranks with unequal widths or types do not share; Python's hash differs by process."""
    digest = 7
    for letter in f"{list(tensor.shape[1:])} {tensor.dtype}".encode():
        digest = (digest * 257 + letter) % (2**61 - 1)
    return digest
