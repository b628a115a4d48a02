"""Activation boundaries: the formula in loops, connectors, and what the loss does not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.ab import AB
from tests.distill_core.methods.settings import Named, activate, batch_of, build_term, randn

PLACES = ("stage1.pre", "stage2.pre", "stage3.pre")


def maps(seed: int, *, channels: int = 3, side: int = 4) -> dict[str, Tensor]:
    return {place: randn(2, channels, side, side, seed=seed + number) for number, place in enumerate(PLACES)}


def build(student: Named, teacher: Named, **params: Any) -> AB:
    term = build_term("ab", params, student, teacher)
    assert isinstance(term, AB)
    return term


def compute(student: Named, teacher: Named, **params: Any) -> Tensor:
    value: Tensor = build(student, teacher, **params)(activate(student), activate(teacher), batch_of(2))
    return value


def penalise(mine: float, other: float, margin: float) -> float:
    if mine > -margin and other <= 0:
        return (mine + margin) ** 2
    if mine <= margin and other > 0:
        return (mine - margin) ** 2
    return 0.0


@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_a_neuron_is_penalised_by_its_distance_to_the_margin_on_the_teachers_side(margin: float) -> None:
    student, teacher = maps(0), maps(10)
    expected = 0.0
    for place, weight in zip(PLACES, (0.25, 0.5, 1.0), strict=True):
        pairs = zip(student[place].flatten().tolist(), teacher[place].flatten().tolist(), strict=True)
        expected += weight * sum(penalise(*pair, margin) for pair in pairs) / 2
    assert compute(student, teacher, margin=margin).item() == pytest.approx(expected, rel=1e-12)


LEARNED = maps(0)
BUILT = build(LEARNED, maps(10))


@given(st.floats(0.01, 100))
def test_it_does_not_see_how_strongly_the_teachers_neurons_are_active(scale: float) -> None:
    plain, louder = ({place: factor * x for place, x in maps(10).items()} for factor in (1, scale))
    values = [BUILT(activate(LEARNED), activate(teacher), batch_of(2)).item() for teacher in (plain, louder)]
    assert values[0] == values[1]


def test_neurons_beyond_the_margin_on_the_right_side_cost_nothing() -> None:
    teacher = maps(10)
    student = {place: x.sign() * (1 + x.abs()) for place, x in teacher.items()}
    assert compute(student, teacher).item() == 0
    assert compute({place: -x for place, x in student.items()}, teacher).item() > 0


def test_a_neuron_of_the_teacher_at_zero_is_inactive() -> None:
    student, teacher = {"stage1.pre": torch.full((2, 1, 1, 1), 0.5).double()}, {"stage1.pre": randn(2, 1, 1, 1) * 0}
    assert compute(student, teacher).item() == pytest.approx(1.5**2)


def test_equal_shapes_need_no_connector_and_others_get_one_that_fits() -> None:
    student = {"stage1.pre": randn(2, 3, 4, 4), "stage2.pre": randn(2, 3, 4, 4), "stage3.pre": randn(2, 6, 2, 2)}
    teacher = {"stage1.pre": randn(2, 3, 4, 4), "stage2.pre": randn(2, 5, 4, 4), "stage3.pre": randn(2, 8, 4, 4)}
    term = build(student, teacher)
    assert isinstance(term.connectors[0], nn.Identity)
    assert [type(layer) for layer in term.connectors[1].children()] == [nn.Conv2d, nn.BatchNorm2d]
    assert [type(layer) for layer in term.connectors[2].children()] == [nn.ConvTranspose2d, nn.BatchNorm2d]
    term(activate(student), activate(teacher), batch_of(2)).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())


def test_the_teacher_gets_no_gradient() -> None:
    student = {place: x.requires_grad_() for place, x in maps(0).items()}
    teacher = {place: x.requires_grad_() for place, x in maps(10, channels=4).items()}
    compute(student, teacher).backward()
    assert all(x.grad is not None for x in student.values())
    assert all(x.grad is None for x in teacher.values())


@pytest.mark.parametrize(
    ("student", "teacher"), [((3, 4, 4), (5, 7, 7)), ((16, 3), (16, 3)), ((3,), (3,)), ((3, 4, 4), (3,))]
)
def test_what_no_connector_can_join_is_refused_with_both_shapes(
    student: tuple[int, ...], teacher: tuple[int, ...]
) -> None:
    pair = {"stage1.pre": randn(2, 3, 4, 4)}
    with pytest.raises(SpecError) as caught:
        build(pair | {"stage2.pre": randn(2, *student)}, pair | {"stage2.pre": randn(2, *teacher)})
    (problem,) = caught.value.problems
    assert problem.pointer == "/params/student_places/1"
    assert str(list(student)) in problem.message
    assert str(list(teacher)) in problem.message
