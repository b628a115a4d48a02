from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.distributed import World
from distill_core.engine.plan import Stage
from tests.distill_core.engine.stages import Ground, document

FURTHER = {
    "further": {"other": 8},
    "objective": {"ce": {"method": "ce"}, "kd": {"method": "kd", "stream": "other"}},
}
DATA = {
    "train": {"dataset": "digits", "num_samples": 40},
    "other": {"dataset": "digits", "split": "test", "num_samples": 30},
}


def stage(folder: Path, change: dict[str, Any] | None = None, *, size: int = 1, rank: int = 0) -> Stage:
    spec = document(change or {}, data=DATA)
    return Ground.of(spec, folder, world=World(rank, size, rank, size)).stages[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plan")


def rows_of(planned: Stage, epoch: int) -> list[int]:
    return torch.cat([part for step in planned.rows(epoch) for part in step]).tolist()


def test_an_epoch_shows_every_sample_once_in_an_order_of_its_own(folder: Path) -> None:
    planned = stage(folder)
    assert planned.steps_per_epoch == 3
    orders = [rows_of(planned, epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert orders[0] != orders[1]
    assert rows_of(stage(folder), 1) == orders[1]


def test_a_short_last_batch_can_be_left_out_and_is_known_then(folder: Path) -> None:
    planned = stage(folder, {"drop_last": True})
    assert planned.steps_per_epoch == 2
    left = planned.left_out(1).tolist()
    assert len(left) == 8
    assert sorted(rows_of(planned, 1) + left) == list(range(40))


@settings(deadline=None, max_examples=20)
@given(size=st.sampled_from([1, 2, 4]), accumulate=st.sampled_from([1, 2, 4]), epoch=st.integers(0, 3))
def test_ranks_share_each_batch_equally_and_know_what_falls_away(
    folder: Path, size: int, accumulate: int, epoch: int
) -> None:
    ranks = [stage(folder, {"accumulate": accumulate}, size=size, rank=rank) for rank in range(size)]
    shares = [ranked.rows(epoch) for ranked in ranks]
    assert len({tuple(tuple(map(len, step)) for step in share) for share in shares}) == 1
    seen = [row for ranked in ranks for row in rows_of(ranked, epoch)]
    assert sorted(seen + ranks[0].left_out(epoch).tolist()) == list(range(40))


def test_the_parts_of_a_step_are_the_step(folder: Path) -> None:
    whole, parts = stage(folder).rows(0), stage(folder, {"accumulate": 4}).rows(0)
    assert [[len(part) for part in step] for step in parts] == [[4] * 4, [4] * 4, [2] * 4]
    assert [torch.cat(step).tolist() for step in parts] == [torch.cat(step).tolist() for step in whole]


def test_batches_from_the_middle_are_those_of_an_uninterrupted_epoch(folder: Path) -> None:
    planned = stage(folder, FURTHER)
    views = {None: ("main",), "other": ("main",)}
    whole = [parts[0] for parts in planned.batches(1, views)]
    rest = [parts[0] for parts in planned.batches(1, views, start=1)]
    assert [batch.step for batch in whole] == [3, 4, 5]
    for batch, other in zip(whole[1:], rest, strict=True):
        assert batch.index.equal(other.index)
        assert batch.extras["other"].index.equal(other.extras["other"].index)
        images = [each.inputs["main"] for each in (batch, other)]
        assert isinstance(images[0], torch.Tensor)
        assert isinstance(images[1], torch.Tensor)
        assert images[0].equal(images[1])


def test_a_further_stream_begins_anew_at_its_end(folder: Path) -> None:
    planned = stage(folder, FURTHER)
    views = {None: ("main",), "other": ("main",)}
    seen = [
        index
        for epoch in range(5)
        for parts in planned.batches(epoch, views)
        for index in parts[0].extras["other"].index.tolist()
    ]
    assert len(seen) == 5 * 3 * 8
    everything = sorted(planned.further["other"].index.tolist())
    assert [sorted(seen[start : start + 30]) for start in range(0, 120, 30)] == [everything] * 4
    assert seen[:30] != seen[30:60]
