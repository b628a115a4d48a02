"""SPKD: its formula and what it does not see."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

seeds = st.integers(0, 1000)


def compute(student: Tensor, teacher: Tensor, **params: str) -> float:
    named = {"stage3": student}, {"stage3": teacher}
    term = build_term("spkd", params, *named)
    value: Tensor = term(*map(activate, named), batch_of(len(student)))
    return value.item()


@pytest.mark.parametrize(("row_norm", "order"), [("l2", 2), ("l1", 1)])
def test_it_is_the_mean_squared_difference_of_normalised_similarities(row_norm: str, order: int) -> None:
    features = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    grams = []
    for x in features:
        gram = torch.tensor([[(a * b).sum() for b in x] for a in x], dtype=torch.float64)
        grams.append(torch.stack([row / row.abs().pow(order).sum().pow(1 / order) for row in gram]))
    expected = (grams[0] - grams[1]).square().sum() / 16
    assert compute(*features, row_norm=row_norm) == pytest.approx(expected.item(), rel=1e-12)


def test_tokens_and_maps_of_other_sizes_are_compared_by_their_elements() -> None:
    tokens, maps = randn(4, 5, 6), randn(4, 3, 7, 7, seed=1)
    assert compute(tokens, maps) == compute(tokens.reshape(4, 30), maps.reshape(4, 147)) > 0


@given(seeds, st.floats(0.1, 10))
def test_it_does_not_see_rotation_and_scale_of_the_features(seed: int, scale: float) -> None:
    student, teacher = randn(5, 6, seed=seed), randn(5, 4, seed=seed + 1)
    rotation, _ = torch.linalg.qr(randn(6, 6, seed=seed + 2))
    assert compute(scale * student @ rotation, teacher) == pytest.approx(compute(student, teacher), rel=1e-9)


@given(st.permutations(range(5)))
def test_it_does_not_see_the_order_of_the_batch(order: list[int]) -> None:
    student, teacher = randn(5, 6), randn(5, 4, seed=1)
    assert compute(student[order], teacher[order]) == pytest.approx(compute(student, teacher), rel=1e-12)


def test_it_is_zero_for_equal_features_and_gives_the_teacher_no_gradient() -> None:
    features = randn(4, 3).requires_grad_()
    other = randn(4, 3, seed=1).requires_grad_()
    assert compute(features, features) == 0
    named = {"stage3": features}, {"stage3": other}
    build_term("spkd", {}, *named)(*map(activate, named), batch_of(4)).backward()
    assert features.grad is not None
    assert other.grad is None
