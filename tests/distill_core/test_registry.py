from __future__ import annotations

from typing import Any

import pytest

from distill_core.errors import SpecError, UnknownNameError
from distill_core.models import MODELS
from distill_core.registry import Registry


def test_an_unknown_name_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        MODELS.find("resnt8", "/models/student/model")
    (problem,) = caught.value.problems
    assert problem.pointer == "/models/student/model"
    assert problem.nearest[0] == "resnet8"
    assert set(problem.allowed or ()) == set(MODELS)


def test_options_that_a_component_does_not_take_are_all_refused_at_their_places() -> None:
    with pytest.raises(SpecError) as caught:
        MODELS.create("resnet8", {"num_classes": 0, "in_channels": 1, "image_size": 8, "depth": 3}, "/models/x")
    assert {problem.pointer for problem in caught.value.problems} == {
        "/models/x/params/num_classes",
        "/models/x/params/depth",
    }


def test_what_only_building_shows_is_told_where_the_component_stands() -> None:
    options = {"num_classes": 5, "in_channels": 1, "image_size": 8}
    further: list[dict[str, Any]] = [{"student_place": "stag3"}, {"student_params": {"depth": 3}}]
    for params, place in zip(further, ("student_place", "student/params/depth"), strict=True):
        with pytest.raises(SpecError) as caught:
            MODELS.create("reused_classifier", options | params, "/models/x")
        assert [problem.pointer for problem in caught.value.problems] == [f"/models/x/params/{place}"]


def test_two_components_cannot_share_a_key() -> None:
    registry: Registry[object] = Registry("thing", "distill_core.models")  # type: ignore[type-var]
    registry.register("one")(int)
    with pytest.raises(ValueError, match="two things are called 'one'"):
        registry.register("one")(str)


def test_every_file_of_the_package_is_found() -> None:
    assert {"resnet8", "resnet110", "deep_nn", "light_nn"} <= set(MODELS)
