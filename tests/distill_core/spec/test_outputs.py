from __future__ import annotations

from typing import Any

import pytest

from distill_core.errors import Problem, SpecError
from distill_core.spec import resolve
from distill_core.spec.catalog import load_catalog
from distill_core.spec.places import find_output_problems
from tests.distill_core.experiments import supervised


def problem_of(outputs: dict[str, Any]) -> Problem:
    with pytest.raises(SpecError) as caught:
        resolve(supervised(outputs=outputs))
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("path", ["stage2", "stage2.pre", "stage1.0.conv1", "pooled", ""])
def test_exports_may_end_at_any_place_of_the_student(path: str) -> None:
    assert resolve(supervised(outputs={"exports": ["onnx"], "until": path})).outputs.until == path


def test_a_place_that_the_student_does_not_have_is_refused_with_the_nearest_names() -> None:
    problem = problem_of({"exports": ["onnx"], "until": "stage9"})
    assert (problem.pointer, problem.code) == ("/outputs/until", "unknown_name")
    assert "stage1" in problem.nearest


def test_a_place_without_an_export_is_refused() -> None:
    problem = problem_of({"until": "stage2"})
    assert (problem.pointer, problem.code) == ("/outputs/until", "exports_missing")


def test_of_a_model_that_declares_no_feature_points_a_probe_may_find_the_place() -> None:
    catalog = load_catalog()
    entry = catalog.models["resnet8"].model_copy(update={"feature_points": {}, "derived": ()})
    fixed = entry.model_copy(update={"params": {}})
    undeclared = catalog.model_copy(update={"models": {**catalog.models, "resnet8": fixed}})
    for path, codes in {"stage12": [], "stage12.pre": [], "pooled": [], "middle": ["unknown_name"]}.items():
        spec = resolve(supervised(outputs={"exports": ["onnx"], "until": "stem"}))
        spec = spec.model_copy(update={"outputs": spec.outputs.model_copy(update={"until": path})})
        assert [problem.code for problem in find_output_problems(spec, undeclared)] == codes
