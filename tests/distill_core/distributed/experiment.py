"""What is computed on one rank and on two, and must come out equal. Run as a program it is one rank of two."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from distill_core.cli import _leave_at_once
from distill_core.distributed import (
    World,
    accumulate,
    agree,
    any_over_ranks,
    broadcast_document,
    current_world,
    gather_rows,
    join_world,
    leave_world,
    mean_over_ranks,
    share,
    sum_over_ranks,
    synchronise_batchnorm,
    wrap,
)
from distill_core.errors import DistributedError

CPU = torch.device("cpu")
NUM_STEPS = 4
NUM_PARTS = 2
Tensors = dict[str, Tensor]


class Objective(nn.Module):
    """A small network with BatchNorm, and one loss of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5)
        )

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the total of a mean, a comparison of samples, a sum and a masked mean."""
        world = current_world()
        logits = self.body(x)
        mean = functional.cross_entropy(logits, labels)
        relation = _compare(gather_rows(logits), gather_rows(x.flatten(1)))
        total = logits.square().sum() * world.size
        chosen = labels < 2
        masked = (logits.exp().sum(1) * chosen).sum() * world.size / sum_over_ranks(chosen.sum())
        loss: Tensor = mean + relation + 1e-2 * total + 1e-1 * masked
        return loss


def train(world: World) -> Tensors:
    """Return weights, running statistics and losses after a few accumulated steps with synchronised BatchNorm."""
    torch.manual_seed(0)
    objective = Objective().double()
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.05, momentum=0.9)
    wrapped = wrap(objective, world, CPU)
    losses = []
    with synchronise_batchnorm(objective, world):
        for step in range(NUM_STEPS):
            optimizer.zero_grad()
            for part in range(NUM_PARTS):
                x, labels = (share(rows, world).rows for rows in _draw_batch(step * NUM_PARTS + part))
                with accumulate(wrapped, is_last=part == NUM_PARTS - 1):
                    loss = wrapped(x, labels) / NUM_PARTS
                    loss.backward()
                losses.append(mean_over_ranks(loss.detach()))
            optimizer.step()
    return {**objective.state_dict(), "losses": torch.stack(losses)}


def normalise(world: World) -> Tensors:
    """Return output, gradients and running statistics of every kind of BatchNorm."""
    torch.manual_seed(1)
    kinds = {
        "1d": (nn.BatchNorm1d(3), (8, 3)),
        "sequence": (nn.BatchNorm1d(3, momentum=None), (8, 3, 5)),
        "2d": (nn.BatchNorm2d(3, affine=False), (8, 3, 4, 4)),
        "3d": (nn.BatchNorm3d(3, track_running_stats=False), (4, 3, 2, 2, 2)),
        "one row": (nn.BatchNorm1d(3), (2, 3)),
    }
    results: Tensors = {}
    for name, (module, shape) in kinds.items():
        module.double()
        whole = torch.randn(shape, dtype=torch.float64) * 3 + 100
        weights = torch.randn(shape, dtype=torch.float64)
        with synchronise_batchnorm(module, world):
            for _ in range(2):
                x = share(whole, world).rows.clone().requires_grad_()
                output = module(x)
                (output * share(weights, world).rows).sum().backward()
        results |= {f"{name}.out": gather_rows(output.detach()), f"{name}.grad": gather_rows(_gradient(x))}
        results |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        results |= {f"{name}.{key}.grad": sum_over_ranks(_gradient(value)) for key, value in module.named_parameters()}
    return results


def differentiate(world: World) -> Tensors:
    """Return first and second derivatives through the exchanges."""
    torch.manual_seed(2)
    whole = torch.randn(6, 3, dtype=torch.float64)
    rows = share(whole, world).rows.clone().requires_grad_()
    loss = _compare(gather_rows(rows), whole) + sum_over_ranks(rows.exp().sum(0)).square().mean()
    (first,) = torch.autograd.grad(loss, rows, create_graph=True)
    # Every rank's loss is the global one, so what all of them say of a row is W times the gradient: once in `first`,
    # whose square therefore is W * W times too large, and once more here.
    (second,) = torch.autograd.grad(sum_over_ranks(first.square().sum()), rows)
    return {
        "loss": loss.detach(),
        "first": gather_rows(first.detach()) / world.size,
        "second": gather_rows(second) / world.size**3,
    }


def gather_kinds(world: World) -> Tensors:
    """Return gathered rows of each type; half precision carries gradients too."""
    whole = torch.arange(8).reshape(4, 2)
    types = (torch.int64, torch.uint8, torch.bool, torch.float16, torch.bfloat16, torch.float32, torch.complex64)
    return {str(dtype): gather_rows(share(whole.to(dtype), world).rows) for dtype in types}


SAME: dict[str, Callable[[World], Tensors]] = {
    "train": train,
    "normalise": normalise,
    "differentiate": differentiate,
    "gather_kinds": gather_kinds,
}


def observe(world: World) -> dict[str, Any]:
    """Return what can be seen only where there are two."""
    return {
        "world": [world.rank, world.size, world.local_rank, world.local_size, world.backend, world.is_first],
        "document": broadcast_document({"from": world.rank, "letters": "äß", "none": None}),
        "any": [any_over_ranks(world.rank == 1), any_over_ranks(flag=False)],
        "agreed": agree(world.rank == 0, world.rank == 1, False),
        "ragged": _find_error(lambda: gather_rows(torch.zeros(2 + world.rank, 3))),
        "widths": _find_error(lambda: gather_rows(torch.zeros(2, 3 + world.rank))),
        "types": _find_error(lambda: gather_rows(torch.zeros(2, dtype=(torch.int64, torch.float32)[world.rank]))),
        "scalar": _find_error(lambda: gather_rows(torch.zeros(()))),
        "weights": _gather_weights(world),
        "untrained": type(wrap(nn.Linear(2, 2).requires_grad_(requires_grad=False), world, CPU)).__name__,
        "unsynchronised": _drift(world),
    }


def _compare(rows: Tensor, others: Tensor) -> Tensor:
    """Return how unlike the distances within two sets of rows [B D] [B E] are."""
    return functional.smooth_l1_loss(torch.pdist(rows), torch.pdist(others.to(rows.dtype)), beta=0.1)


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def _draw_batch(number: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(100 + number)
    return torch.randn(8, 2, 6, 6, dtype=torch.float64), torch.tensor([0, 0, 1, 4, 2, 3, 4, 3])


def _find_error(act: Callable[[], object]) -> str | None:
    try:
        act()
    except DistributedError as error:
        return str(error)
    return None


def _gather_weights(world: World) -> list[float]:
    """Return the weights of all ranks after wrapping unlike modules."""
    module = nn.Linear(1, 1)
    with torch.no_grad():
        module.weight.fill_(world.rank)
    wrap(module, world, CPU)
    return gather_rows(module.weight.detach()).flatten().tolist()


def _drift(world: World) -> bool:
    """Return whether BatchNorm's running statistics differ between ranks once synchronising is undone."""
    module = nn.BatchNorm1d(2)
    synchronise_batchnorm(module, world).close()
    module(torch.full((4, 2), float(world.rank)))
    means = gather_rows(module.running_mean.unsqueeze(0)) if module.running_mean is not None else torch.zeros(2, 2)
    return not bool(means[0].equal(means[1]))


def main(folder: Path) -> None:
    """Compute everything and write it to the folder."""
    world = join_world("cpu", timeout_s=60)
    for name, compute in SAME.items():
        tensors = {key: value.contiguous() for key, value in compute(world).items()}
        save_file(tensors, folder / f"{name}.{world.rank}.safetensors")
    (folder / f"seen.{world.rank}.json").write_text(json.dumps(observe(world)))
    leave_world()
    assert current_world() == World()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    _leave_at_once(0)
