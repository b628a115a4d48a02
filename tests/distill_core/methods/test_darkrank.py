"""DarkRank: the likelihood of the teacher's ranking, and what it does not see."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.methods.darkrank import DarkRank, DarkRankParams
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

seeds = st.integers(0, 1000)


def compute(student: Tensor, teacher: Tensor, **params: Any) -> Tensor:
    named = {"pooled": student}, {"pooled": teacher}
    value: Tensor = build_term("darkrank", params, *named)(*map(activate, named), batch_of(len(student)))
    return value


def expect(student: Tensor, teacher: Tensor, scale: float, power: float, num_ranked: int) -> float:
    """Choose the ranked samples one after the other, each with a probability among those that are left."""
    count, loss = len(student), 0.0
    for query in range(count):
        others = [i for i in range(count) if i != query]
        others.sort(key=lambda i, query=query: (teacher[query] - teacher[i]).norm().item())  # type: ignore[misc]
        chances = [exp(-scale * (student[query] - student[i]).norm().item() ** power) for i in others[:num_ranked]]
        while chances:
            loss -= log(chances[0] / sum(chances)) / count
            chances.pop(0)
    return loss


@pytest.mark.parametrize("options", [(3.0, 3.0, 4), (2.0, 3.0, 4), (1.5, 1.0, 2), (3.0, 2.0, 100)])
@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 2, 2), (6, 5, 2)])
def test_it_is_the_likelihood_of_the_teachers_ranking(
    shape: tuple[int, ...], options: tuple[float, float, int]
) -> None:
    student, teacher = randn(*shape) / 3, randn(6, 7, seed=1)
    scale, power, num_ranked = options
    value = compute(student, teacher, scale=scale, power=power, num_ranked=num_ranked)
    assert value.item() == pytest.approx(expect(student.flatten(1), teacher, *options), rel=1e-9)


def test_the_defaults_are_those_of_the_published_code() -> None:
    student, teacher = randn(6, 4) / 3, randn(6, 7, seed=1)
    assert compute(student, teacher).item() == pytest.approx(expect(student, teacher, 3, 3, 4), rel=1e-9)


def test_embeddings_are_brought_to_length_1_when_asked_for() -> None:
    student, teacher = randn(6, 4), randn(6, 7, seed=1)
    mine, others = (torch.stack([row / row.norm() for row in rows]) for rows in (student, teacher))
    assert compute(student, teacher, normalise=True).item() == pytest.approx(expect(mine, others, 3, 3, 4), rel=1e-9)


@given(seeds, st.floats(0.1, 10))
def test_it_does_not_see_rotation_translation_and_the_teachers_scale(seed: int, scale: float) -> None:
    student, teacher = randn(6, 5, seed=seed), randn(6, 4, seed=seed + 1)
    rotation, _ = torch.linalg.qr(randn(5, 5, seed=seed + 2))
    moved = compute(student @ rotation + randn(5, seed=seed + 3), scale * teacher)
    assert moved.item() == pytest.approx(compute(student, teacher).item(), rel=1e-7)


def test_whoever_ranks_like_the_teacher_is_better_than_whoever_ranks_the_other_way_round() -> None:
    line = torch.tensor([[0.0], [1.0], [1.9], [2.7], [3.4]], dtype=torch.float64)
    assert compute(line, line) < compute(line.flip(0) ** 2, line)


def test_equal_features_give_a_finite_gradient_and_the_teacher_none() -> None:
    student = torch.ones(5, 3, dtype=torch.float64, requires_grad=True)
    teacher = torch.ones(5, 3, dtype=torch.float64, requires_grad=True)
    value = compute(student, teacher, power=1)
    value.backward()
    assert value.item() == pytest.approx(log(24))
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert teacher.grad is None


def test_a_short_last_batch_of_one_sample_has_nothing_to_rank() -> None:
    student = randn(1, 3).requires_grad_()
    value = compute(student, randn(1, 3, seed=1))
    value.backward()
    assert value.item() == 0


def test_a_batch_must_hold_a_sample_and_all_that_are_ranked() -> None:
    assert DarkRank.needs_of(DarkRankParams(num_ranked=7)).smallest_batch == 8
    assert DarkRank.needs_of(DarkRankParams()) == DarkRank.needs
