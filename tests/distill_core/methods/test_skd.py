"""SKD: both parts in loops, in the form of paper and code."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.distill_core.methods.settings import activate, batch_of, build_term, randn, total

STUDENT, TEACHER = 3 * randn(6, 5), 3 * randn(6, 5, seed=1)
MODES = ["paper", "code", "released"]
seeds = st.integers(0, 1000)


def compute(student: Tensor = STUDENT, teacher: Tensor = TEACHER, **params: Any) -> dict[str, Tensor]:
    named = {"logits": student}, {"logits": teacher}
    value: dict[str, Tensor] = build_term("skd", params, *named)(*map(activate, named), batch_of(len(student)))
    return value


def diverge(temperature: float) -> list[float]:
    """Return KL(p_t || p_s) of every sample."""
    losses = []
    for student, teacher in zip(STUDENT, TEACHER, strict=True):
        weights = [[math.exp(float(z) / temperature) for z in logits] for logits in (student, teacher)]
        mine, wanted = ([w / sum(row) for w in row] for row in weights)
        losses.append(sum(t * math.log(t / s) for s, t in zip(mine, wanted, strict=True)))
    return losses


def confidences() -> list[float]:
    return [max(math.exp(float(z)) for z in row) / sum(math.exp(float(z)) for z in row) for row in TEACHER]


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def turn(tikhonov: float, divisor: float) -> float:
    """Return mean_b sqrt(D_b (cov(D) + tikhonov I)^-1 D_b), by an inverse and a covariance of sums."""
    cosines = []
    for logits in (STUDENT, TEACHER):
        rows = [row / float(row.square().sum()) ** 0.5 for row in logits]
        cosines.append(torch.tensor([[float(a @ b) for b in rows] for a in rows], dtype=torch.float64))
    difference = (cosines[0] - cosines[1]) / divisor
    deviations = difference - difference.mean(0)
    covariance = sum(torch.outer(row, row) for row in deviations) / 5
    inverse = torch.linalg.inv(covariance + tikhonov * torch.eye(6, dtype=torch.float64))
    return sum(math.sqrt(row @ inverse @ row) for row in difference) / 6


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_papers_instance_part_is_the_divergence_without_a_factor(temperature: float) -> None:
    expected = sum(diverge(temperature)) / 6
    assert compute(mode="paper", temperature=temperature)["instance"].item() == pytest.approx(expected, rel=1e-9)


def test_the_codes_instance_part_heeds_the_samples_of_which_the_teacher_is_unsure() -> None:
    limit = median(confidences())
    kept = [loss for loss, sure in zip(diverge(4.0), confidences(), strict=True) if sure <= limit]
    assert len(kept) == 3
    assert compute(mode="code")["instance"].item() == pytest.approx(16 * sum(kept) / 6, rel=1e-9)


def test_the_released_code_keeps_the_share_of_those_samples_alone() -> None:
    expected = 16 * sum(diverge(4.0)) / 6 / 2
    assert compute(mode="released")["instance"].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("tikhonov", [0.1, 0.001])
def test_the_direction_is_a_distance_of_mahalanobis(tikhonov: float) -> None:
    assert compute(mode="paper", tikhonov=tikhonov)["direction"].item() == pytest.approx(turn(tikhonov, 1), rel=1e-9)


@pytest.mark.parametrize("mode", ["code", "released"])
def test_the_codes_direction_is_divided_by_the_classes_and_times_the_share_of_rare_ones(mode: str) -> None:
    mass = [float(column.sum()) for column in TEACHER.softmax(1).T]
    share = sum(m <= median(mass) for m in mass) / 5
    assert share == 3 / 5
    assert compute(mode=mode)["direction"].item() == pytest.approx(turn(0.1, 5) * share, rel=1e-9)


@given(seeds, st.floats(0.1, 10))
def test_the_direction_does_not_see_the_length_of_the_logits(seed: int, scale: float) -> None:
    student, teacher = randn(5, 4, seed=seed), randn(5, 4, seed=seed + 1)
    expected = compute(student, teacher)["direction"].item()
    assert compute(scale * student, teacher)["direction"].item() == pytest.approx(expected, rel=1e-9)


@given(st.permutations(range(6)), st.sampled_from(MODES))
def test_neither_part_sees_the_order_of_the_batch(order: list[int], mode: str) -> None:
    for part, value in compute(STUDENT[order], TEACHER[order], mode=mode).items():
        assert value.item() == pytest.approx(compute(mode=mode)[part].item(), rel=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_equal_logits_cost_nothing_and_give_no_nan(mode: str) -> None:
    student = TEACHER.clone().requires_grad_()
    parts = compute(student, TEACHER, mode=mode)
    total(parts).backward()
    assert {part: value.item() for part, value in parts.items()} == {"instance": 0, "direction": 0}
    assert student.grad is not None
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_of_zero_give_no_nan(dtype: torch.dtype) -> None:
    student = torch.zeros(6, 5, dtype=dtype, requires_grad=True)
    total(compute(student, TEACHER.to(dtype), mode="code")).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    total(compute(student, teacher)).backward()
    assert student.grad is not None
    assert teacher.grad is None
