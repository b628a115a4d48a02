"""How fast a stage goes, and how much of its time it waits for samples: by the clock, so it is in no history."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from distill_core.tensors import Batch

__all__ = ["Pace"]

INTERVAL_S = 3.0
"""Seconds between two reports."""


class Pace:
    """Counts the samples of all ranks, and the seconds in which this one waited for them, since the last report.

    Args:
        num_ranks: processes that share each batch in equal parts.
        interval_s: seconds that a report stands for at least.
    """

    def __init__(self, num_ranks: int = 1, interval_s: float = INTERVAL_S) -> None:
        self._num_ranks = num_ranks
        self._interval_s = interval_s
        self._begin()

    def watch(self, steps: Iterable[Sequence[Batch]]) -> Iterator[Sequence[Batch]]:
        """Yield the parts of each step, and take note of how long they took to come."""
        source = iter(steps)
        while True:
            asked = time.monotonic()
            parts = next(source, None)
            self._waited_s += time.monotonic() - asked
            if parts is None:
                return
            self._num_samples += sum(map(len, parts)) * self._num_ranks
            yield parts

    def take(self) -> dict[str, float]:
        """Return the figures once a report is due, and begin anew; nothing before."""
        spent_s = time.monotonic() - self._started
        if spent_s < self._interval_s or spent_s <= 0:
            return {}
        figures = {"samples_per_s": self._num_samples / spent_s, "data_wait_ratio": min(1.0, self._waited_s / spent_s)}
        self._begin()
        return figures

    def _begin(self) -> None:
        self._started = time.monotonic()
        self._num_samples, self._waited_s = 0, 0.0
