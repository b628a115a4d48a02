from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from distill_core.engine.pace import Pace
from distill_core.tensors import Batch

PART = Batch(torch.arange(8), None, {})


def slowly(count: int, pause_s: float) -> Iterator[list[Batch]]:
    for _ in range(count):
        time.sleep(pause_s)
        yield [PART, PART]


def test_nothing_is_told_before_it_is_due() -> None:
    pace = Pace(interval_s=60)
    assert len(list(pace.watch(slowly(3, 0)))) == 3
    assert pace.take() == {}


def test_samples_of_all_ranks_and_the_wait_for_them_are_told_since_the_last_time() -> None:
    pace = Pace(num_ranks=2, interval_s=0)
    started = time.monotonic()
    for _ in pace.watch(slowly(5, 0.02)):
        time.sleep(0.02)
    spent_s = time.monotonic() - started
    figures = pace.take()
    assert figures["samples_per_s"] == pytest.approx(5 * 16 * 2 / spent_s, rel=0.1)
    assert 0.3 < figures["data_wait_ratio"] < 0.7
    time.sleep(0.001)
    assert pace.take() == {"samples_per_s": 0.0, "data_wait_ratio": 0.0}
