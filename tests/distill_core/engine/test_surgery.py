"""Weights that a student takes over from another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import SpecError
from distill_core.spec import check, resolve
from tests.distill_core.engine.stages import Ground, document

FROZEN = {"frozen": ["stem", "stage1", "stage2", "stage3"], "trainable": ["logits"], "epochs": 1}


def spec_of(parts: dict[str, str] | None = None, model: str = "teacher") -> dict[str, Any]:
    taken = {"model": model} | ({} if parts is None else {"parts": parts})
    return document(FROZEN | {"take_over": taken})


def test_weights_of_equal_name_and_shape_are_those_of_the_giver(tmp_path: Path) -> None:
    carry = Ground.of(spec_of(), tmp_path).run()
    student, teacher = (carry.models[name].state_dict() for name in ("student", "teacher"))
    names = [name for name in student if not name.startswith("classifier")]
    assert names
    assert all(student[name].equal(teacher[name]) for name in names)


def test_a_part_may_have_another_place_in_the_giver(tmp_path: Path) -> None:
    ground = Ground.of(spec_of({"stage2.0": "stage2.0"}), tmp_path)
    before = {name: tensor.clone() for name, tensor in ground.carry.models["student"].state_dict().items()}
    carry = ground.run()
    student, teacher = (carry.models[name].state_dict() for name in ("student", "teacher"))
    assert student["stage2.0.conv1.weight"].equal(teacher["stage2.0.conv1.weight"])
    assert student["stage1.0.conv1.weight"].equal(before["stage1.0.conv1.weight"])


@pytest.mark.parametrize(
    ("parts", "code"), [({"stage1": "stage9"}, "unknown_name"), ({"stage1.0.conv1": "classifier"}, "weights_unfit")]
)
def test_parts_that_do_not_fit_are_refused_where_they_stand(parts: dict[str, str], code: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        Ground.of(spec_of(parts), tmp_path).run()
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == (f"/stages/0/take_over/parts/{next(iter(parts))}", code)


def test_an_unknown_giver_is_refused_at_submission() -> None:
    assert [problem.pointer for problem in check(spec_of(model="nobody"))] == ["/stages/0/take_over/model"]
    assert [problem.pointer for problem in check(spec_of(model="student"))] == ["/stages/0/take_over/model"]


def test_taking_over_is_not_inherited() -> None:
    spec = spec_of()
    spec["stages"].append({"name": "second"})
    assert resolve(spec).stages[1].take_over is None
