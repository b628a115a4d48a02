"""Distillation from an ensemble: its formula, its two averages, and what it does not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

seeds = st.integers(0, 1000)
temperatures = st.floats(0.5, 20)


def compute(student: Tensor, teachers: Tensor, **params: Any) -> Tensor:
    named = {"logits": student}, {"logits": teachers}
    value: Tensor = build_term("mkd", params, *named)(*map(activate, named), batch_of(len(student)))
    return value


def gradient(student: Tensor, teachers: Tensor, **params: Any) -> Tensor:
    student = student.clone().requires_grad_()
    (found,) = torch.autograd.grad(compute(student, teachers, **params), student)
    return found


def soft(logits: Tensor, temperature: float) -> list[float]:
    powers = [2.718281828459045 ** (value / temperature) for value in logits.tolist()]
    return [power / sum(powers) for power in powers]


def divergence(wanted: list[float], mine: list[float]) -> float:
    return sum(p * (torch.tensor(p).log() - torch.tensor(q).log()).item() for p, q in zip(wanted, mine, strict=True))


def test_it_is_the_mean_over_teachers_and_samples_of_the_divergence() -> None:
    student, teachers = randn(4, 6), randn(3, 4, 6, seed=1)
    losses = [divergence(soft(teachers[m, b], 3), soft(student[b], 3)) for m in range(3) for b in range(4)]
    assert compute(student, teachers, temperature=3).item() == pytest.approx(9 * sum(losses) / 12, rel=1e-5)


def test_with_probabilities_it_is_the_divergence_from_the_ensembles_mean() -> None:
    student, teachers = randn(4, 6), randn(3, 4, 6, seed=1)
    total = 0.0
    for sample in range(4):
        said = [soft(teachers[teacher, sample], 3) for teacher in range(3)]
        total += divergence([sum(column) / 3 for column in zip(*said, strict=True)], soft(student[sample], 3))
    found = compute(student, teachers, temperature=3, average="probabilities").item()
    assert found == pytest.approx(9 * total / 4, rel=1e-5)


@settings(deadline=None)  # the first call of an operator is slow
@given(seeds, temperatures, st.integers(1, 4))
def test_both_averages_pull_the_student_as_the_mean_soft_target_does(seed: int, temperature: float, count: int) -> None:
    student, teachers = randn(5, 4, seed=seed), 3 * randn(count, 5, 4, seed=seed + 1)
    mean = (teachers / temperature).softmax(2).mean(0)
    expected = temperature * ((student / temperature).softmax(1) - mean) / 5
    for average in ("losses", "probabilities"):
        found = gradient(student, teachers, temperature=temperature, average=average)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(seeds, st.permutations(range(4)))
def test_it_does_not_see_the_order_of_the_teachers(seed: int, order: list[int]) -> None:
    student, teachers = randn(5, 4, seed=seed), randn(4, 5, 4, seed=seed + 1)
    for average in ("losses", "probabilities"):
        ordered = compute(student, teachers[order], average=average).item()
        assert ordered == pytest.approx(compute(student, teachers, average=average).item(), rel=1e-12)


@pytest.mark.parametrize("average", ["losses", "probabilities"])
@pytest.mark.parametrize("standardise", [False, True])
def test_teachers_that_say_the_same_are_one_teacher(average: str, standardise: bool) -> None:
    student, teacher = randn(5, 4), randn(5, 4, seed=1)
    named = {"logits": student}, {"logits": teacher}
    params = {"temperature": 5.0, "standardise": standardise}
    alone = build_term("kd", params, *named)(*map(activate, named), batch_of(5)).item()
    together = compute(student, teacher.expand(3, 5, 4), average=average, **params).item()
    assert together == pytest.approx(alone, rel=1e-12)


def test_the_mean_of_the_losses_is_the_larger_one() -> None:
    student, teachers = randn(5, 4), 4 * randn(2, 5, 4, seed=1)
    means = {average: compute(student, teachers, average=average).item() for average in ("losses", "probabilities")}
    assert means["losses"] > means["probabilities"] + 0.1


def test_sure_teachers_that_contradict_each_other_give_a_finite_loss_and_no_gradient_of_their_own() -> None:
    teachers = torch.tensor([[[1e4, 0.0]], [[0.0, 1e4]]], dtype=torch.float64, requires_grad=True)
    student = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    for average in ("losses", "probabilities"):
        value = compute(student, teachers, average=average, temperature=1)
        assert torch.isfinite(value)
        value.backward()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()
    assert teachers.grad is None


def test_value_and_gradient_are_those_of_the_seeds_code() -> None:
    row = ROWS["mkd.seed001_total"]
    tensors = draw(row)
    student = tensors["student_logits"].requires_grad_()
    teachers = torch.stack([tensors["teacher_logits"], tensors["teacher2_logits"]])
    value = 0.5 * compute(student, teachers) + 0.5 * functional.cross_entropy(student, tensors["labels"])
    value.backward()
    assert student.grad is not None
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    assert student.grad.norm().item() == pytest.approx(row["grad_l2"]["student_logits"], rel=1e-9)
