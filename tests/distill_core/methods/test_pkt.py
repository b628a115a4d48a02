"""PKT: its formula, what it does not see, and features that are all 0."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

seeds = st.integers(0, 1000)


def compute(student: Tensor, teacher: Tensor, **params: Any) -> Tensor:
    named = {"pooled": student}, {"pooled": teacher}
    value: Tensor = build_term("pkt", params, *named)(*map(activate, named), batch_of(len(student)))
    return value


def find_neighbours(features: Tensor, with_self: bool) -> list[list[float]]:
    rows = features.flatten(1).tolist()
    lengths = [sum(x * x for x in row) ** 0.5 + 1e-7 for row in rows]
    kernel = [
        [
            (1 + sum(a * b for a, b in zip(one, other, strict=True)) / lengths[i] / lengths[j]) / 2
            if i != j or with_self
            else 0.0
            for j, other in enumerate(rows)
        ]
        for i, one in enumerate(rows)
    ]
    return [[entry / sum(row) for entry in row] for row in kernel]


@pytest.mark.parametrize("with_self", [True, False])
@pytest.mark.parametrize(("reduction", "divisor"), [("mean", 25), ("sum", 1)])
@pytest.mark.parametrize("shape", [(5, 4), (5, 3, 2, 2), (5, 6, 4)])
def test_it_compares_the_probabilities_of_neighbours(
    shape: tuple[int, ...], reduction: str, divisor: int, with_self: bool
) -> None:
    student, teacher = randn(*shape), randn(5, 7, seed=1)
    mine, wanted = find_neighbours(student, with_self), find_neighbours(teacher, with_self)
    expected = sum(wanted[i][j] * log((wanted[i][j] + 1e-7) / (mine[i][j] + 1e-7)) for i in range(5) for j in range(5))
    value = compute(student, teacher, reduction=reduction, with_self=with_self)
    assert value.item() == pytest.approx(expected / divisor, rel=1e-10)


@given(seeds, st.floats(0.5, 10))
def test_it_does_not_see_rotation_and_scale_of_the_features(seed: int, scale: float) -> None:
    student, teacher = randn(5, 6, seed=seed), randn(5, 4, seed=seed + 1)
    rotation, _ = torch.linalg.qr(randn(6, 6, seed=seed + 2))
    moved = compute(scale * student @ rotation, teacher).item()
    assert moved == pytest.approx(compute(student, teacher).item(), rel=1e-5, abs=1e-12)


def test_it_is_zero_for_equal_features_and_gives_the_teacher_no_gradient() -> None:
    student, teacher = randn(5, 6).requires_grad_(), randn(5, 6, seed=1).requires_grad_()
    assert compute(student, student).item() == 0
    compute(student, teacher).backward()
    assert student.grad is not None
    assert student.grad.norm() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("with_self", [True, False])
def test_features_that_are_all_zero_are_as_far_from_all_and_give_a_finite_gradient(with_self: bool) -> None:
    student = randn(4, 3)
    student[1] = 0
    student.requires_grad_()
    value = compute(student, randn(4, 3, seed=1), with_self=with_self)
    value.backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    neighbours = torch.tensor(find_neighbours(student.detach(), with_self))[1]
    assert neighbours[neighbours > 0].tolist() == pytest.approx([1 / 4] * 4 if with_self else [1 / 3] * 3)


def test_a_short_last_batch_of_one_sample_is_borne() -> None:
    student = randn(1, 3).requires_grad_()
    value = compute(student, randn(1, 3, seed=1), with_self=False)
    value.backward()
    assert value.item() == 0
