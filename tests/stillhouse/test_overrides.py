"""Changes to a spec by place and value."""

from __future__ import annotations

from typing import Any

import pytest

from distill_core.errors import SpecError
from stillhouse.overrides import apply_overrides


@pytest.fixture
def document() -> dict[str, Any]:
    return {"models": {"teacher": {"model": "resnet20", "weights": None}}, "stages": [{"epochs": 3}]}


def test_a_place_that_is_not_there_yet_is_made(document: dict[str, Any]) -> None:
    changed = apply_overrides(document, ["models.teacher.weights.artifact=art_1"])
    assert changed["models"]["teacher"]["weights"] == {"artifact": "art_1"}


def test_a_number_is_a_position_in_a_list(document: dict[str, Any]) -> None:
    assert apply_overrides(document, ["stages.0.epochs=5"])["stages"] == [{"epochs": 5}]


def test_values_are_yaml(document: dict[str, Any]) -> None:
    changed = apply_overrides(document, ["a=[1, x]", "b=0.5", "c=", "d=true"])
    assert (changed["a"], changed["b"], changed["c"], changed["d"]) == ([1, "x"], 0.5, None, True)


def test_the_given_document_stays_as_it_is(document: dict[str, Any]) -> None:
    apply_overrides(document, ["models.teacher.model=resnet8"])
    assert document["models"]["teacher"]["model"] == "resnet20"


@pytest.mark.parametrize("override", ["no_equals", "=3", "stages.7.epochs=1", "stages.x=1", "stages.0.epochs.deep=1"])
def test_a_change_that_cannot_be_made_is_refused(document: dict[str, Any], override: str) -> None:
    with pytest.raises(SpecError) as refusal:
        apply_overrides(document, [override])
    assert refusal.value.problems[0].code == "override_invalid"
    assert refusal.value.problems[0].value == override
