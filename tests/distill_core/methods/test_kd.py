"""KD: its formula, its variants, and what it does not see."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.distill_core.methods.references import Case, check_row
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

unhurried = settings(deadline=None, max_examples=40)  # the first call of an operator is slow

STANDARDISED: dict[str, Any] = {"temperature": 2.0, "standardise": True}

seeds = st.integers(0, 1000)
scales = st.floats(0.1, 10)
shifts = st.floats(-5, 5)


def compute(student: Tensor, teacher: Tensor, labels: Any = None, **params: Any) -> Tensor:
    named = {"logits": student}, {"logits": teacher}
    value: Tensor = build_term("kd", params, *named)(*map(activate, named), batch_of(len(student), labels))
    return value


def soften_by_hand(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(z / temperature) for z in row]
    return [power / sum(powers) for power in powers]


def diverge_by_hand(student: Tensor, teacher: Tensor, temperature: float) -> float:
    total = 0.0
    for mine, wanted in zip(student.tolist(), teacher.tolist(), strict=True):
        pairs = zip(soften_by_hand(mine, temperature), soften_by_hand(wanted, temperature), strict=True)
        total += sum(t * math.log(t / s) for s, t in pairs)
    return total / len(student)


@unhurried
@given(seed=seeds, temperature=st.floats(0.5, 20))
def test_the_factor_t_squared_is_there_at_every_temperature(seed: int, temperature: float) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    expected = temperature**2 * diverge_by_hand(student, teacher, temperature)
    assert compute(student, teacher, temperature=temperature).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("ce_weight", [0.0, 1e-9, 0.3, 1.0])
def test_the_factor_t_squared_is_there_whatever_cross_entropy_weighs_and_without_labels(ce_weight: float) -> None:
    student, teacher = randn(4, 5).requires_grad_(), randn(4, 5, seed=1)
    labels = torch.tensor([0, 1, 2, 3])
    cross_entropy = build_term("ce", {}, {"logits": student}, {})
    value = ce_weight * cross_entropy(activate({"logits": student}), {}, batch_of(4, labels))
    value = value + (1 - ce_weight) * compute(student, teacher, labels if ce_weight else None, temperature=3.0)
    expected = ce_weight * functional.cross_entropy(student, labels).item()
    expected += (1 - ce_weight) * 9 * diverge_by_hand(student.detach(), teacher, 3.0)
    assert value.item() == pytest.approx(expected, rel=1e-12)


@unhurried
@given(seed=seeds)
def test_the_mean_over_classes_is_the_divergence_over_their_number(seed: int) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    for form in ("divergence", "cross_entropy"):
        whole = compute(student, teacher, form=form).item()
        assert compute(student, teacher, form=form, reduction="mean").item() == pytest.approx(whole / 5, rel=1e-12)


@unhurried
@given(seed=seeds, temperature=st.floats(0.5, 20))
def test_cross_entropy_differs_by_the_teachers_entropy_and_has_the_same_gradient(seed: int, temperature: float) -> None:
    student, teacher = randn(4, 5, seed=seed).requires_grad_(), randn(4, 5, seed=seed + 1)
    values = [compute(student, teacher, temperature=temperature, form=f) for f in ("divergence", "cross_entropy")]
    entropy = 0.0
    for row in teacher.tolist():
        entropy -= sum(p * math.log(p) for p in soften_by_hand(row, temperature)) / len(teacher)
    assert (values[1] - values[0]).item() == pytest.approx(temperature**2 * entropy, rel=1e-9)
    gradients = [torch.autograd.grad(value, student)[0] for value in values]
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-9, atol=1e-12)


@unhurried
@given(seed=seeds, scale=scales, shift=shifts, of_teacher=st.booleans())
def test_standardised_it_does_not_see_scale_and_shift_of_either_nets_logits(
    seed: int, scale: float, shift: float, of_teacher: bool
) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    expected = compute(student, teacher, **STANDARDISED).item()
    moved = (student, scale * teacher + shift) if of_teacher else (scale * student + shift, teacher)
    assert compute(*moved, **STANDARDISED).item() == pytest.approx(expected, rel=1e-4)


def test_standardised_logits_have_mean_0_and_deviation_1_a_sample() -> None:
    student, teacher = randn(4, 5), randn(4, 5, seed=1)
    rows = []
    for z in (student, teacher):
        means = [sum(row) / 5 for row in z.tolist()]
        spread = [
            math.sqrt(sum((x - m) ** 2 for x in row) / 4) + 1e-7 for row, m in zip(z.tolist(), means, strict=True)
        ]
        rows.append((z - torch.tensor(means).double()[:, None]) / torch.tensor(spread).double()[:, None])
    expected = 4 * diverge_by_hand(rows[0], rows[1], 2.0)
    assert compute(student, teacher, **STANDARDISED).item() == pytest.approx(expected, rel=1e-6)


def test_standardised_it_is_the_published_one() -> None:
    check_row("logit_std_kd.official", Case([("kd", 1.0, STANDARDISED)]))


def test_torchdistill_leaves_out_the_factor_t_squared_without_cross_entropy() -> None:
    check_row("logit_std_kd.torchdistill_soft_only", Case([("kd", 1.0, STANDARDISED)], factor=1 / 4))


def test_self_training_is_the_mean_over_classes_with_a_large_weight() -> None:
    kd = ("kd", 0.95 * 50, {"temperature": 20.0, "reduction": "mean"})
    check_row("tfkd_self.official_kl_mean", Case([kd, ("ce", 0.05, {})]))


def test_equal_logits_standardise_to_zeros_and_leave_finite_gradients() -> None:
    student = torch.zeros(2, 5, dtype=torch.float64).requires_grad_()
    value = compute(student, randn(2, 5), **STANDARDISED)
    assert value.isfinite()


def test_it_is_zero_for_equal_logits_and_gives_the_teacher_no_gradient() -> None:
    student, teacher = randn(4, 5).requires_grad_(), randn(4, 5, seed=1).requires_grad_()
    assert compute(student, student).item() == pytest.approx(0, abs=1e-12)
    compute(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None
