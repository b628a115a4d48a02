from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from distill_core.draw import draw_order
from distill_core.spec import resolve
from distill_core.stream import Stream, open_stream
from tests.distill_core.experiments import supervised
from tests.distill_core.stream.folders import image_of

CPU = torch.device("cpu")


def digits(**options: Any) -> Stream:
    document = supervised()
    document["data"]["train"] = {"dataset": "digits", **options}
    return open_stream(resolve(document).data["train"], Path("/nonexistent"), CPU, "/data/train")


def test_held_out_part_and_rest_share_nothing_and_miss_nothing() -> None:
    held_out = digits(hold_out={"ratio": 0.1, "part": "held_out"})
    rest = digits(hold_out={"ratio": 0.1, "part": "rest"})
    assert len(held_out) == 144
    assert torch.cat([held_out.index, rest.index]).sort().values.equal(torch.arange(1437))


def test_a_subset_is_the_same_in_every_run_and_grows_by_adding() -> None:
    small, large = digits(num_samples=100), digits(num_samples=300)
    assert small.index.equal(digits(num_samples=100).index)
    assert set(small.index.tolist()) < set(large.index.tolist())


def test_an_epoch_sees_every_sample_once_and_keeps_the_short_last_batch() -> None:
    stream = digits(num_samples=150)
    batches = list(stream.batches(draw_order(7, 150, CPU).split(64), 0, ("main",)))
    assert [len(batch.index) for batch in batches] == [64, 64, 22]
    seen = torch.cat([batch.index for batch in batches])
    assert not seen.equal(stream.index)
    assert seen.sort().values.equal(stream.index)


def test_an_epoch_can_be_taken_up_at_any_batch() -> None:
    stream = digits(num_samples=150)
    rows = draw_order(7, 150, CPU).split(32)
    whole = list(stream.batches(rows, 2, ("main",)))
    for start in range(6):
        for resumed, straight in zip(stream.batches(rows, 2, ("main",), start), whole[start:], strict=True):
            assert resumed.index.equal(straight.index)
            assert image_of(resumed).equal(image_of(straight))


def test_labels_belong_to_their_pixels() -> None:
    stream, subset = digits(), digits(num_samples=50)
    rows = torch.searchsorted(stream.index, subset.index)
    whole, part = stream.batch(rows, 0, ("main",)), subset.batch(torch.arange(50), 0, ("main",))
    assert image_of(whole).equal(image_of(part))
    assert whole.labels.equal(part.labels)
    assert stream.fingerprint == subset.fingerprint
