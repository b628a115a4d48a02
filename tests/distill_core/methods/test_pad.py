"""PAD-L2: its formula in loops, and what the variances do."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from distill_core.methods.pad import PAD
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

TEACHER = randn(5, 4, seed=1)


def build(student: Tensor, embed: str = "auto") -> PAD:
    torch.manual_seed(0)
    term = build_term("pad", {"embed": embed}, {"pooled": student}, {"pooled": TEACHER})
    assert isinstance(term, PAD)
    return term


def compute(term: PAD, student: Tensor, teacher: Tensor = TEACHER) -> Tensor:
    value: Tensor = term(activate({"pooled": student}), activate({"pooled": teacher}), batch_of(len(student)))
    return value


def fix_variance(term: PAD, log_variance: float) -> None:
    """Have the branch tell one variance for everything."""
    norm = term.variance[1]
    assert isinstance(norm, nn.BatchNorm1d)
    nn.init.zeros_(norm.weight)
    nn.init.constant_(norm.bias, log_variance)


@pytest.mark.parametrize("width", [4, 3])
def test_it_is_the_likelihood_under_the_variances_of_the_branch(width: int) -> None:
    student = randn(5, width)
    term = build(student)
    mine, linear = term.embed(student).detach(), term.variance[0](student).detach()
    total = 0.0
    for d in range(4):
        mean = sum(float(v) for v in linear[:, d]) / 5
        deviation = math.sqrt(sum((float(v) - mean) ** 2 for v in linear[:, d]) / 5 + 1e-5)
        for b in range(5):
            log_variance = (float(linear[b, d]) - mean) / deviation
            total += float(TEACHER[b, d] - mine[b, d]) ** 2 / (1e-6 + math.exp(log_variance)) + log_variance
    assert compute(term, student).item() == pytest.approx(total / 20, rel=1e-12)
    assert isinstance(term.embed, nn.Identity) == (width == 4)


def test_with_variance_one_it_is_the_squared_difference() -> None:
    student = randn(5, 4)
    term = build(student)
    fix_variance(term, 0.0)
    expected = float((student - TEACHER).square().mean()) / (1 + 1e-6)
    assert compute(term, student).item() == pytest.approx(expected, rel=1e-12)


def test_what_is_told_to_vary_pulls_less_and_costs_its_logarithm() -> None:
    student = randn(5, 4).requires_grad_()
    term = build(student)
    fix_variance(term, 3.0)
    compute(term, student).backward()
    pull = 2 * (student - TEACHER) / (math.exp(3) + 1e-6) / 20
    torch.testing.assert_close(student.grad, pull.detach())
    assert compute(term, TEACHER).item() == pytest.approx(3.0)


def test_a_variance_near_zero_gives_no_infinity() -> None:
    student = randn(5, 4)
    term = build(student)
    fix_variance(term, -800.0)
    assert compute(term, student).isfinite()


def test_the_branch_and_the_embedding_learn_and_the_teacher_gets_no_gradient() -> None:
    student, teacher = randn(5, 3).requires_grad_(), TEACHER.clone().requires_grad_()
    term = build(student, "linear")
    compute(term, student, teacher).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert student.grad is not None
    assert teacher.grad is None
