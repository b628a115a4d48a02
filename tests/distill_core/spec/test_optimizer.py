from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from distill_core.spec.optimizer import OptimizerSpec, ScheduleSpec, find_optimizer_problems, find_schedule_problems

OPTIMIZERS: TypeAdapter[OptimizerSpec] = TypeAdapter(OptimizerSpec)
SCHEDULES: TypeAdapter[ScheduleSpec] = TypeAdapter(ScheduleSpec)


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({"nesterov": True}, ["/optimizer/nesterov"]),
        ({"nesterov": True, "momentum": 0.9}, []),
        ({"groups": [{"paths": ["a"], "lr": 0.1, "lr_factor": 2.0}]}, ["/optimizer/groups/0/lr_factor"]),
        ({"groups": [{"paths": ["a"], "lr": 0.1}, {"paths": ["b"]}]}, ["/optimizer/groups/1"]),
        ({"groups": [{"paths": ["a"], "weight_decay": 0.0}]}, []),
    ],
)
def test_what_cannot_work_in_an_optimizer_is_told_at_its_place(document: dict[str, Any], pointers: list[str]) -> None:
    spec = OPTIMIZERS.validate_python({"optimizer": "sgd", "lr": 0.1, **document})
    assert [problem.pointer for problem in find_optimizer_problems("/optimizer", spec)] == pointers


@pytest.mark.parametrize(("milestones", "count"), [([2, 4], 0), ([4, 2], 1), ([2, 2], 1), ([2, 6], 1)])
def test_milestones_ascend_and_are_reached(milestones: list[int], count: int) -> None:
    schedule = SCHEDULES.validate_python({"schedule": "multistep", "milestones": milestones})
    assert len(list(find_schedule_problems("/schedule", schedule, 6))) == count


def test_every_optimizer_takes_groups_and_says_what_its_fields_are() -> None:
    schema = OPTIMIZERS.json_schema()
    kinds = [schema["$defs"][reference["$ref"].rsplit("/", 1)[1]] for reference in schema["oneOf"]]
    assert len(kinds) == 10
    for kind in kinds:
        assert {"lr", "weight_decay", "decay_vectors", "groups"} <= kind["properties"].keys()
        assert [name for name, field in kind["properties"].items() if not field.get("description")] == []


@pytest.mark.parametrize(
    "document",
    [
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "lr": 0.0},
        {"optimizer": "adam", "lr": 0.1, "betas": [0.9, 1.0]},
        {"optimizer": "lars", "lr": 0.1, "trust_coefficient": 0.0},
        {"optimizer": "sgd", "lr": 0.1, "groups": [{"paths": []}]},
        {"optimizer": "lamb", "lr": 0.1},
    ],
)
def test_optimizers_out_of_bounds_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OPTIMIZERS.validate_python(document)
