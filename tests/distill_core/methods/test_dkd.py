"""DKD: its two parts, how they make KD, and the rise of its weight."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.errors import SpecError
from distill_core.spec.recipes import RECIPES
from distill_core.weight import Moment, weigh
from tests.distill_core.methods.references import Case, check_row
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

unhurried = settings(deadline=None, max_examples=40)  # the first call of an operator is slow

LABELS = torch.tensor([2, 0, 4, 2])

seeds = st.integers(0, 1000)


def compute(method: str, student: Tensor, teacher: Tensor, labels: Tensor = LABELS, **params: Any) -> Tensor:
    named = {"logits": student}, {"logits": teacher}
    value: Tensor = build_term(method, params, *named)(*map(activate, named), batch_of(len(student), labels))
    return value


def diverge(mine: list[float], wanted: list[float]) -> float:
    return sum(t * math.log(t / s) for s, t in zip(mine, wanted, strict=True))


def parts_by_hand(student: Tensor, teacher: Tensor, temperature: float) -> tuple[float, float]:
    tckd = nckd = 0.0
    for mine, wanted, label in zip(student.tolist(), teacher.tolist(), LABELS.tolist(), strict=True):
        rows = []
        for row in (mine, wanted):
            powers = [math.exp(z / temperature) for z in row]
            own = powers.pop(label)
            rows.append((own / (own + sum(powers)), [power / sum(powers) for power in powers]))
        (s, others), (t, others_wanted) = rows
        tckd += diverge([s, 1 - s], [t, 1 - t]) / len(student)
        nckd += diverge(others, others_wanted) / len(student)
    return tckd * temperature**2, nckd * temperature**2


@unhurried
@given(seed=seeds, alpha=st.floats(0, 10), beta=st.floats(0, 10), temperature=st.floats(0.5, 10))
def test_it_is_the_divergence_on_the_label_and_that_among_the_others(
    seed: int, alpha: float, beta: float, temperature: float
) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    tckd, nckd = parts_by_hand(student, teacher, temperature)
    value = compute("dkd", student, teacher, alpha=alpha, beta=beta, temperature=temperature).item()
    assert value == pytest.approx(alpha * tckd + beta * nckd, rel=1e-9, abs=1e-12)


@unhurried
@given(seed=seeds)
def test_kd_is_the_label_and_the_others_weighed_by_what_the_teacher_leaves_them(seed: int) -> None:
    student, teacher = randn(1, 5, seed=seed), randn(1, 5, seed=seed + 1)
    label = LABELS[:1]
    options: dict[str, Any] = {"labels": label, "temperature": 1.0}
    tckd = compute("dkd", student, teacher, alpha=1, beta=0, **options)
    nckd = compute("dkd", student, teacher, alpha=0, beta=1, **options)
    left = 1 - teacher.softmax(1)[0, int(label)]
    assert (tckd + left * nckd).item() == pytest.approx(compute("kd", student, teacher, **options).item(), rel=1e-9)


def test_value_and_gradients_are_those_of_the_published_implementation() -> None:
    check_row("dkd.mdistiller", Case([("dkd", 1.0, {"alpha": 1.0, "beta": 8.0, "temperature": 4.0})]))


def test_standardised_it_is_that_of_standardised_logits() -> None:
    student, teacher = randn(4, 5), randn(4, 5, seed=1)
    rows = [(z - z.mean(1, keepdim=True)) / (z.var(1, keepdim=True).sqrt() + 1e-7) for z in (student, teacher)]
    tckd, nckd = parts_by_hand(rows[0], rows[1], 2.0)
    value = compute("dkd", student, teacher, temperature=2.0, standardise=True).item()
    assert value == pytest.approx(tckd + 8 * nckd, rel=1e-12)


@unhurried
@given(seed=seeds, scale=st.floats(0.1, 10), shift=st.floats(-5, 5), of_teacher=st.booleans())
def test_standardised_it_does_not_see_scale_and_shift_of_either_nets_logits(
    seed: int, scale: float, shift: float, of_teacher: bool
) -> None:
    student, teacher = randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1)
    options: dict[str, Any] = {"temperature": 2.0, "standardise": True}
    moved = (student, scale * teacher + shift) if of_teacher else (scale * student + shift, teacher)
    expected = compute("dkd", student, teacher, **options).item()
    assert compute("dkd", *moved, **options).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sure", [1e3, -1e3])
def test_a_student_that_is_sure_leaves_finite_values_and_gradients(sure: float) -> None:
    student = torch.zeros(4, 5)
    student[torch.arange(4), LABELS] = sure
    student.requires_grad_()
    value = compute("dkd", student, torch.zeros(4, 5))
    value.backward()
    assert student.grad is not None
    assert value.isfinite()
    assert student.grad.isfinite().all()


def test_a_sample_with_class_probabilities_counts_as_one_of_its_likeliest_class() -> None:
    student, teacher = randn(4, 5), randn(4, 5, seed=1)
    mixed = 0.6 * torch.eye(5).double()[LABELS] + 0.4 * torch.eye(5).double()[1]
    expected = compute("dkd", student, teacher).item()
    assert compute("dkd", student, teacher, mixed).item() == pytest.approx(expected, rel=1e-12)


def test_it_is_zero_for_equal_logits_and_gives_the_teacher_no_gradient() -> None:
    student, teacher = randn(4, 5).requires_grad_(), randn(4, 5, seed=1).requires_grad_()
    assert compute("dkd", student, student).item() == pytest.approx(0, abs=1e-12)
    compute("dkd", student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize("shape", [(4, 1), (4, 5, 2, 2)])
def test_logits_that_leave_no_class_beside_the_label_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        build_term("dkd", {}, {"logits": randn(*shape)}, {"logits": randn(*shape)})
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("", "shape_unfit")


@pytest.mark.parametrize("epoch", [0, 1, 2, 9, 18, 19, 20, 239])
@pytest.mark.parametrize("step", [0, 6])
def test_the_recipes_weight_rises_as_published_with_epochs_counted_from_1(epoch: int, step: int) -> None:
    (stage,) = RECIPES["dkd"]().stages()
    weight = weigh(stage["objective"]["dkd"]["weight"], Moment(7 * epoch + step, 7, 7 * 240))
    assert weight == pytest.approx(min((epoch + 1) / 20, 1), rel=1e-12)
