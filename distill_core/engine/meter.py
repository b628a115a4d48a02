"""Means of the losses between two reports, read from the device once a report instead of once a step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill_core.distributed import current_world, sum_over_ranks
from distill_core.errors import DivergedError

__all__ = ["Meter"]

MAX_PENDING = 100
"""Steps after which the device is read although no report is due: NaN must not go unseen for long."""


class Meter:
    """Collects the losses of each step on the device; `flush` reads them and refuses what is not finite."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, int, tuple[str, ...], Tensor]] = []
        self._sums: dict[str, float] = {}
        self._num_samples = 0

    def add(self, step: int, values: Mapping[str, Tensor], num_samples: int) -> None:
        """Take note of the scalars of a step without waiting for the device."""
        row = torch.stack([value.detach() for value in values.values()])
        self._pending.append((step, num_samples, tuple(values), row))
        if len(self._pending) >= MAX_PENDING:
            self.flush()

    def flush(self) -> None:
        """Read what is pending.

        Raises:
            DivergedError: a value is NaN or infinite; names it and its step.
        """
        if not self._pending:
            return
        table = torch.stack([row for *_, row in self._pending]).tolist()
        for (step, num_samples, names, _), row in zip(self._pending, table, strict=True):
            for name, value in zip(names, row, strict=True):
                if not math.isfinite(value):
                    raise DivergedError(
                        f"{name!r} became {value} in step {step}; try a smaller learning rate or weight"
                    )
                self._sums[name] = self._sums.get(name, 0.0) + value * num_samples
            self._num_samples += num_samples
        self._pending.clear()

    def take(self) -> dict[str, float]:
        """Return the mean over the samples of all ranks since the last call, and begin anew."""
        num_samples, sums = self._sum_up()
        means = {name: total / num_samples for name, total in sums.items()}
        self._sums, self._num_samples = {}, 0
        return means

    def state_dict(self) -> dict[str, Any]:
        """Return the running sums of all ranks."""
        num_samples, sums = self._sum_up()
        return {"sums": sums, "num_samples": num_samples}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up running sums: the first rank holds those of all."""
        share = int(current_world().is_first)
        self._sums = {name: total * share for name, total in state["sums"].items()}
        self._num_samples = state["num_samples"] * share

    def _sum_up(self) -> tuple[int, dict[str, float]]:
        """Return the number of samples and the sums over all ranks; every rank has to ask."""
        self.flush()
        totals = torch.tensor([self._num_samples, *self._sums.values()], dtype=torch.float64)
        world = current_world()
        device = torch.device("cuda", world.local_rank) if world.backend == "nccl" else totals.device
        num_samples, *sums = sum_over_ranks(totals.to(device)).tolist()
        return int(num_samples), dict(zip(self._sums, sums, strict=True))
