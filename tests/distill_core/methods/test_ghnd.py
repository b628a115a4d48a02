"""HND and GHND: the reference value, sums and means, parts, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.errors import SpecError
from tests.distill_core.methods.references import ROWS, Case, check_row, draw
from tests.distill_core.methods.settings import Named, activate, batch_of, build_term, randn

STAGES = {f"stage{number + 1}": f"student_feat{number}" for number in range(3)}
STUDENT = {"stage1": randn(4, 3, 4, 4), "stage2": randn(4, 5, 6, seed=1), "stage3": randn(4, 2, seed=2)}
TEACHER = {name: randn(*tensor.shape, seed=number) for number, (name, tensor) in enumerate(STUDENT.items(), start=3)}


def compute(method: str, student: Named = STUDENT, teacher: Named = TEACHER, **params: Any) -> Any:
    return build_term(method, params, student, teacher)(activate(student), activate(teacher), batch_of(4))


def sum_of_squares(mine: Tensor, other: Tensor) -> float:
    pairs = zip(mine.flatten().tolist(), other.flatten().tolist(), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs))


def test_value_and_gradients_are_those_of_the_reference() -> None:
    check_row("ghnd.own", Case([("ghnd", 1.0, {})], STAGES))


def test_hnd_is_the_first_of_the_terms_alone() -> None:
    row = ROWS["ghnd.own"]
    tensors = draw(row)
    student = {place: tensors[name] for place, name in STAGES.items()}
    teacher = {place: tensors[name.replace("student", "teacher")] for place, name in STAGES.items()}
    expected = row["components"]
    assert compute("hnd", student, teacher).item() == pytest.approx(expected["term0"], rel=1e-9)
    parts = compute("ghnd", student, teacher)
    assert list(parts) == ["layer1", "layer2", "layer3"]
    assert [part.item() for part in parts.values()] == pytest.approx(list(expected.values()), rel=1e-9)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_layer_is_the_sum_of_squares_or_their_mean(reduction: str) -> None:
    parts = compute("ghnd", reduction=reduction)
    for part, (name, mine) in zip(parts.values(), STUDENT.items(), strict=True):
        count = 1 if reduction == "sum" else mine.numel()
        assert part.item() == pytest.approx(sum_of_squares(mine, TEACHER[name]) / count, rel=1e-12)
    assert compute("hnd", reduction=reduction).equal(parts["layer1"])


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_it_grows_with_the_square_of_the_difference(scale: float) -> None:
    further = {name: TEACHER[name] + scale * (tensor - TEACHER[name]) for name, tensor in STUDENT.items()}
    for part, grown in zip(compute("ghnd").values(), compute("ghnd", further).values(), strict=True):
        assert grown.item() == pytest.approx(scale**2 * part.item(), rel=1e-9)


def test_the_teacher_gets_no_gradient() -> None:
    student = {name: tensor.clone().requires_grad_() for name, tensor in STUDENT.items()}
    teacher = {name: tensor.clone().requires_grad_() for name, tensor in TEACHER.items()}
    torch.stack(list(compute("ghnd", student, teacher).values())).sum().backward()
    assert all(tensor.grad is not None for tensor in student.values())
    assert all(tensor.grad is None for tensor in teacher.values())


@pytest.mark.parametrize(
    ("method", "place", "pointer"),
    [("hnd", "stage1", "/params/student_place"), ("ghnd", "stage2", "/params/student_places/1")],
)
def test_places_of_different_shape_are_refused(method: str, place: str, pointer: str) -> None:
    with pytest.raises(SpecError, match="copy of the teacher") as caught:
        compute(method, {**STUDENT, place: randn(4, 7, 4, 4)})
    assert caught.value.problems[0].pointer == pointer
