"""FitNet: regressors of every form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.fitnet import FitNet
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def build(student: Tensor, teacher: Tensor, **params: Any) -> FitNet:
    term = build_term("fitnet", params, {"stage2": student}, {"stage2": teacher})
    assert isinstance(term, FitNet)
    return term


def compute(student: Tensor, teacher: Tensor, **params: Any) -> Tensor:
    named = {"stage2": student}, {"stage2": teacher}
    value: Tensor = build(student, teacher, **params)(*map(activate, named), batch_of(len(student)))
    return value


@given(sizes, sizes)
def test_the_fitted_regressor_gives_the_teachers_shape(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    is_half = all(2 * mine == other for mine, other in zip(size, wanted, strict=True))
    assume(is_half or all(mine >= other for mine, other in zip(size, wanted, strict=True)))
    student, teacher = randn(2, 3, *size), randn(2, 5, *wanted)
    term = build(student, teacher).eval()
    assert term.regressor(student).shape == teacher.shape


def test_the_fitted_regressor_takes_its_form_from_the_sizes() -> None:
    forms = {}
    for size, wanted in ((8, 4), (4, 8), (4, 4), (6, 4)):
        convolution, *rest = build(randn(2, 3, size, size), randn(2, 5, wanted, wanted)).regressor
        assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
        forms[size, wanted] = (type(convolution), convolution.kernel_size, convolution.stride)
        assert [type(layer) for layer in rest] == [nn.BatchNorm2d, nn.ReLU]
    assert forms == {
        (8, 4): (nn.Conv2d, (3, 3), (2, 2)),
        (4, 8): (nn.ConvTranspose2d, (4, 4), (2, 2)),
        (4, 4): (nn.Conv2d, (1, 1), (1, 1)),
        (6, 4): (nn.Conv2d, (3, 3), (1, 1)),
    }


@pytest.mark.parametrize(("regressor", "num_weights"), [("conv1x1", 16 * 32 + 32), ("conv3x3", 4640)])
def test_a_bare_convolution_has_the_weights_of_the_tutorial(regressor: str, num_weights: int) -> None:
    student, teacher = randn(2, 16, 8, 8), randn(2, 32, 8, 8)
    term = build(student, teacher, regressor=regressor, batch_norm_relu=False)
    assert sum(parameter.numel() for parameter in term.parameters()) == num_weights
    value = term(activate({"stage2": student}), activate({"stage2": teacher}), batch_of(2))
    assert value.item() == pytest.approx((term.regressor(student) - teacher).square().mean().item())


def test_without_a_regressor_the_maps_are_compared_as_they_are() -> None:
    student, teacher = randn(2, 3, 4, 4), randn(2, 3, 4, 4, seed=1)
    expected = (student - teacher).square()
    assert compute(student, teacher, regressor="none").item() == pytest.approx(expected.mean().item())
    assert compute(student, teacher, regressor="none", reduction="sum").item() == pytest.approx(expected.sum().item())


def test_every_weight_gets_a_gradient_and_the_teacher_none() -> None:
    student, teacher = randn(2, 3, 8, 8).requires_grad_(), randn(2, 5, 4, 4).requires_grad_()
    term = build(student, teacher)
    term(activate({"stage2": student}), activate({"stage2": teacher}), batch_of(2)).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize(
    ("regressor", "student", "teacher"),
    [
        ("fitted", (3, 4, 4), (5, 7, 7)),
        ("fitted", (3, 4, 4), (5, 8, 4)),
        ("fitted", (3,), (5,)),
        ("conv1x1", (3, 4, 4), (5, 2, 2)),
        ("conv3x3", (3, 4, 4), (5, 2, 2)),
        ("none", (3, 4, 4), (5, 4, 4)),
    ],
)
def test_maps_that_no_such_convolution_joins_are_refused(
    regressor: str, student: tuple[int, ...], teacher: tuple[int, ...]
) -> None:
    with pytest.raises(SpecError) as caught:
        compute(randn(2, *student), randn(2, *teacher), regressor=regressor)
    (problem,) = caught.value.problems
    assert problem.pointer == "/params/regressor"
    assert str(list(student)) in problem.message
    assert str(list(teacher)) in problem.message
