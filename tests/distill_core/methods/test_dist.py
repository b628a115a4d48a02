"""DIST: its correlations, and what they do not see."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

unhurried = settings(deadline=None, max_examples=40)  # the first call of an operator is slow

seeds = st.integers(0, 1000)


def compute(student: Tensor, teacher: Tensor, **params: Any) -> Tensor:
    named = {"logits": student}, {"logits": teacher}
    value: Tensor = build_term("dist", params, *named)(*map(activate, named), batch_of(len(student)))
    return value


def soften_by_hand(logits: Tensor, temperature: float) -> list[list[float]]:
    powers = [[math.exp(z / temperature) for z in row] for row in logits.tolist()]
    return [[power / sum(row) for power in row] for row in powers]


def correlate_by_hand(a: list[float], b: list[float]) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    product = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    lengths = [math.sqrt(sum((x - mean) ** 2 for x in row)) for row, mean in ((a, mean_a), (b, mean_b))]
    return product / (lengths[0] * lengths[1] + 1e-8)


@unhurried
@given(seed=seeds, beta=st.floats(0, 10), gamma=st.floats(0, 10), temperature=st.floats(0.5, 10))
def test_it_is_what_the_correlations_of_samples_and_of_classes_lack_of_1(
    seed: int, beta: float, gamma: float, temperature: float
) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    mine, wanted = soften_by_hand(student, temperature), soften_by_hand(teacher, temperature)
    rows = [correlate_by_hand(mine[i], wanted[i]) for i in range(4)]
    columns = [correlate_by_hand([row[k] for row in mine], [row[k] for row in wanted]) for k in range(5)]
    expected = temperature**2 * (beta * (1 - sum(rows) / 4) + gamma * (1 - sum(columns) / 5))
    value = compute(student, teacher, beta=beta, gamma=gamma, temperature=temperature).item()
    assert value == pytest.approx(expected, rel=1e-8, abs=1e-12)


@unhurried
@given(seed=seeds, share=st.floats(0.2, 1), of_teacher=st.booleans())
def test_it_does_not_see_a_positive_affine_map_of_the_probabilities(seed: int, share: float, of_teacher: bool) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    pair = [student, teacher]
    pair[of_teacher] = (share * pair[of_teacher].softmax(1) + (1 - share) / 5).log()
    expected = compute(student, teacher, temperature=1.0).item()
    assert compute(pair[0], pair[1], temperature=1.0).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


@unhurried
@given(seed=seeds, shift=st.floats(-5, 5))
def test_it_does_not_see_a_shift_of_a_samples_logits(seed: int, shift: float) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    moved = student.clone()
    moved[0] += shift
    assert compute(moved, teacher).item() == pytest.approx(compute(student, teacher).item(), rel=1e-9)


@unhurried
@given(order=st.permutations(range(5)))
def test_it_does_not_see_the_order_of_the_batch(order: list[int]) -> None:
    student, teacher = randn(5, 4), randn(5, 4, seed=1)
    expected = compute(student, teacher).item()
    assert compute(student[order], teacher[order]).item() == pytest.approx(expected, rel=1e-9)


@unhurried
@given(seed=seeds, scale=st.floats(0.1, 10))
def test_standardised_it_does_not_see_the_scale_of_a_samples_logits(seed: int, scale: float) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    scaled = student * torch.tensor([scale, 1, 1, 1]).double().unsqueeze(1)
    expected = compute(student, teacher, standardise=True).item()
    assert compute(scaled, teacher, standardise=True).item() == pytest.approx(expected, rel=1e-4)


@unhurried
@given(seed=seeds)
def test_it_is_zero_for_equal_predictions(seed: int) -> None:
    logits = randn(6, 5, seed=seed)
    assert compute(logits, logits, temperature=1.0).item() == pytest.approx(0, abs=1e-3)


def test_predictions_that_are_all_alike_leave_finite_gradients() -> None:
    student = torch.zeros(3, 4, dtype=torch.float64).requires_grad_()
    value = compute(student, torch.zeros(3, 4, dtype=torch.float64), temperature=1.0)
    value.backward()
    assert value.item() == pytest.approx(2)
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_it_gives_the_teacher_no_gradient() -> None:
    student, teacher = randn(4, 5).requires_grad_(), randn(4, 5, seed=1).requires_grad_()
    compute(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None
