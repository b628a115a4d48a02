"""Attention transfer: its forms, what it does not see, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from distill_core.errors import SpecError
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

FORMS = ["code", "paper", "length"]
seeds = st.integers(0, 1000)


def compute_parts(student: list[Tensor], teacher: list[Tensor], **params: Any) -> dict[str, Tensor]:
    named = [{f"stage{number}": x for number, x in enumerate(maps, start=1)} for maps in (student, teacher)]
    term = build_term("at", params, *named)
    parts: dict[str, Tensor] = term(*map(activate, named), batch_of(len(student[0])))
    return parts


def compute(student: Tensor, teacher: Tensor, **params: Any) -> Tensor:
    return compute_parts([student], [teacher], **params)["place1"]


def attend(x: Tensor, power: int) -> list[list[float]]:
    """Return the attention of each sample, by loops."""
    rows = []
    for sample in x:
        pixels = [float(sum(abs(value) ** power for value in column)) for column in sample.flatten(1).T]
        length = sum(value**2 for value in pixels) ** 0.5
        rows.append([value / length for value in pixels])
    return rows


@pytest.mark.parametrize("power", [1, 2, 4])
@pytest.mark.parametrize("form", FORMS)
def test_it_is_the_distance_of_the_attentions(form: str, power: int) -> None:
    student, teacher = randn(3, 4, 2, 3), randn(3, 5, 2, 3, seed=1)
    pairs = zip(attend(student, power), attend(teacher, power), strict=True)
    squares = [sum((a - b) ** 2 for a, b in zip(mine, wanted, strict=True)) for mine, wanted in pairs]
    length = sum(square**0.5 for square in squares) / 3
    expected = {"code": sum(squares) / (3 * 6), "paper": length / 2, "length": length}[form]
    assert compute(student, teacher, form=form, power=power).item() == pytest.approx(expected, rel=1e-12)


def test_with_its_channels_kept_the_whole_map_is_compared() -> None:
    student, teacher = randn(3, 4, 2, 3), randn(3, 4, 2, 3, seed=1)
    rows = [torch.stack([row / row.norm() for row in x.pow(2).flatten(1)]) for x in (student, teacher)]
    expected = sum(float(value) ** 2 for value in (rows[0] - rows[1]).flatten()) / (3 * 24)
    assert compute(student, teacher, channels="kept").item() == pytest.approx(expected, rel=1e-12)


def test_every_pair_of_places_is_a_part_of_its_own() -> None:
    student = [randn(2, 3, 4, 4), randn(2, 6, 2, 2, seed=1)]
    teacher = [randn(2, 5, 4, 4, seed=2), randn(2, 7, 2, 2, seed=3)]
    parts = compute_parts(student, teacher)
    assert list(parts) == ["place1", "place2"]
    for part, mine, wanted in zip(parts.values(), student, teacher, strict=True):
        assert part.item() == compute(mine, wanted).item()


@pytest.mark.parametrize(("size", "wanted"), [((8, 8), (4, 4)), ((4, 4), (8, 8)), ((8, 2), (4, 4))])
def test_the_larger_map_is_averaged_to_the_smaller(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    student, teacher = randn(2, 3, *size), randn(2, 5, *wanted, seed=1)
    common = min(size[0], wanted[0]), min(size[1], wanted[1])
    pooled = [functional.avg_pool2d(x, (x.shape[2] // common[0], x.shape[3] // common[1])) for x in (student, teacher)]
    assert compute(student, teacher).item() == pytest.approx(compute(*pooled).item(), rel=1e-12)


def test_tokens_are_pixels_with_their_features_last() -> None:
    student, teacher = randn(2, 3, 2, 4), randn(2, 5, 2, 4, seed=1)
    tokens = [x.flatten(2).mT for x in (student, teacher)]
    assert compute(*tokens).item() == pytest.approx(compute(student, teacher).item(), rel=1e-12)


@given(seeds, st.permutations(range(4)), st.floats(0.1, 10), st.sampled_from(FORMS))
def test_it_does_not_see_scale_sign_and_order_of_the_channels(
    seed: int, order: list[int], scale: float, form: str
) -> None:
    student, teacher = randn(3, 4, 3, 3, seed=seed), randn(3, 2, 3, 3, seed=seed + 1)
    value = compute(student, teacher, form=form).item()
    assert compute(-scale * student[:, order], teacher, form=form).item() == pytest.approx(value, rel=1e-9)


@given(seeds)
def test_two_attentions_are_never_further_apart_than_two_opposite_unit_vectors(seed: int) -> None:
    student, teacher = randn(3, 4, 3, 3, seed=seed), randn(3, 2, 3, 3, seed=seed + 1)
    assert 0 < compute(student, teacher, form="length").item() <= 2**0.5


@pytest.mark.parametrize("form", FORMS)
def test_equal_and_dead_maps_give_zero_and_a_finite_gradient(form: str) -> None:
    for maps in (randn(2, 3, 4, 4), torch.zeros(2, 3, 4, 4, dtype=torch.float64)):
        student = maps.clone().requires_grad_()
        value = compute(student, maps, form=form)
        value.backward()
        assert value.item() == 0
        assert student.grad is not None
        assert torch.isfinite(student.grad).all()


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = randn(2, 3, 4, 4).requires_grad_(), randn(2, 5, 4, 4, seed=1).requires_grad_()
    compute(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize(
    ("student", "teacher", "params"),
    [
        (randn(2, 3), randn(2, 3), {}),
        (randn(2, 5, 3), randn(2, 6, 3), {}),
        (randn(2, 4, 3), randn(2, 3, 2, 2), {}),
        (randn(2, 3, 4, 4), randn(2, 5, 4, 4), {"channels": "kept"}),
        (randn(2, 4, 3), randn(2, 4, 5), {"channels": "kept"}),
    ],
    ids=["vectors", "token counts", "tokens and a map", "channels", "features of tokens"],
)
def test_attentions_that_cannot_be_compared_are_refused(
    student: Tensor, teacher: Tensor, params: dict[str, Any]
) -> None:
    with pytest.raises(SpecError) as caught:
        compute_parts([randn(2, 3, 4, 4), student], [randn(2, 3, 4, 4), teacher], **params)
    (problem,) = caught.value.problems
    assert problem.pointer == "/params/student_places/1"
    assert "'stage2' of the student" in problem.message
