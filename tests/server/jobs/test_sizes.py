from __future__ import annotations

from typing import Any

import pytest

from distill_core.spec import resolve
from server.jobs.sizes import Size, measure_spec
from tests.server.jobs.ground import experiment


def size(stage: dict[str, Any] | None = None, stream: dict[str, Any] | None = None, **runtime: Any) -> Size | None:
    document = experiment()
    document["stages"][0] |= stage or {}
    document["data"]["train"] |= stream or {}
    return measure_spec(resolve(document | {"runtime": runtime}))


@pytest.mark.parametrize(
    ("stage", "runtime", "steps", "samples"),
    [
        ({}, {}, 2, 128),
        ({"batch_size": 100}, {}, 2, 128),
        ({"batch_size": 100, "drop_last": True}, {}, 1, 100),
        ({"epochs": 3, "batch_size": 50}, {}, 9, 384),
        ({"batch_size": 124}, {"devices": 2, "nodes": 2}, 2, 128),  # a sample for each of four ranks
        ({"batch_size": 84, "accumulate": 21}, {"devices": 4}, 1, 84),  # 44 samples: three a part, too few for four
        ({"batch_size": 126}, {"devices": 2}, 2, 128),
    ],
)
def test_the_steps_of_a_run_are_those_that_the_engine_takes(
    stage: dict[str, Any], runtime: dict[str, Any], steps: int, samples: int
) -> None:
    assert size(stage, **runtime) == Size(steps, samples)


def test_a_held_out_part_is_counted_as_the_engine_divides() -> None:
    whole = 1437
    assert size({"batch_size": 1}, {"num_samples": None}) == Size(whole, whole)
    part = {"num_samples": None, "hold_out": {"ratio": 0.25, "part": "rest"}}
    assert size({"batch_size": 1}, part) == Size(whole - 359, whole - 359)


def test_stages_add_up() -> None:
    document = experiment()
    document["stages"].append({"name": "more", "epochs": 2})
    assert measure_spec(resolve(document)) == Size(6, 384)


def test_a_data_set_of_ones_own_has_no_known_size() -> None:
    resize = {"transform": "resize", "size": 32}
    normalize = {"transform": "normalize", "mean": [0.5] * 3, "std": [0.5] * 3}
    stream = {
        "dataset": "image_folder",
        "params": {"folder": "mine", "num_classes": 10},
        "num_samples": None,
        "views": {"main": {"transforms": [resize, {"transform": "center_crop", "size": 32}, normalize]}},
    }
    assert size(stream=stream) is None
