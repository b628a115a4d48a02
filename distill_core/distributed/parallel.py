"""The objective as all ranks train it together, and the rows that each of them gets.

Shapes: B rows of the global batch, W ranks.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from distill_core.distributed.world import World

__all__ = ["Share", "accumulate", "share", "wrap"]

_IS_RENAMED = "forward_sync_buffers" in signature(DistributedDataParallel).parameters
NO_BUFFERS: dict[str, Any] = {"forward_sync_buffers" if _IS_RENAMED else "broadcast_buffers": False}
"""The option that spares each forward pass an exchange of buffers; torch 2.15 warns of its old name."""


@dataclass(frozen=True, slots=True)
class Share:
    """One rank's part of a global batch.

    Attributes:
        rows: the part [(B - num_dropped) / W ...].
        num_dropped: rows at the batch's end that no rank gets, since shares are equal.
    """

    rows: Tensor
    num_dropped: int


def share(rows: Tensor, world: World) -> Share:
    """Return this rank's rows of a global batch [B ...]: the rank-th of W contiguous equal parts.

    A batch of fewer rows than ranks leaves every rank without any.
    """
    each, num_dropped = divmod(len(rows), world.size)
    return Share(rows[world.rank * each : (world.rank + 1) * each], num_dropped)


def wrap(objective: nn.Module, world: World, device: torch.device) -> nn.Module:
    """Return the objective with gradients averaged over ranks in its backward pass, and rank 0's weights everywhere.

    Alone, or when nothing in it is trained, it is the objective itself. Buffers are not exchanged: synchronised
    BatchNorm keeps its own equal, and a memory bank would cost more than the step.
    """
    if world.size == 1 or not any(parameter.requires_grad for parameter in objective.parameters()):
        return objective
    return DistributedDataParallel(
        objective,
        device_ids=[device] if device.type == "cuda" else None,
        find_unused_parameters=False,
        gradient_as_bucket_view=True,
        **NO_BUFFERS,
    )


def accumulate(wrapped: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
    """Return the context for forward and backward of one part of an accumulated step.

    Gradients stay on their rank until the last part: one exchange a step, whatever the number of parts.
    """
    if is_last or not isinstance(wrapped, DistributedDataParallel):
        return nullcontext()
    return wrapped.no_sync()
