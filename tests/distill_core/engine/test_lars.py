from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.engine.lars import LARS


def take_steps(weight: Tensor, gradients: list[Tensor], **options: Any) -> Tensor:
    parameter = nn.Parameter(weight.clone())
    optimizer = LARS([parameter], **{"lr": 1.0, **options})
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


def test_two_steps_are_those_of_the_papers_algorithm() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, dtype=torch.float64)
    gradients = [torch.randn(4, 3, dtype=torch.float64) for _ in range(2)]
    expected, velocity = weight.clone(), torch.zeros_like(weight)
    for gradient in gradients:
        trust = 0.02 * expected.norm() / (gradient.norm() + 0.1 * expected.norm())
        velocity = 0.9 * velocity + 0.5 * trust * (gradient + 0.1 * expected)
        expected = expected - velocity
    options = {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.1, "trust_coefficient": 0.02, "eps": 0.0}
    assert take_steps(weight, gradients, **options).sub(expected).abs().max() < 1e-15


@given(scale=st.floats(1e-4, 1e4))
def test_the_scale_of_the_gradient_does_not_matter_without_decay(scale: float) -> None:
    torch.manual_seed(0)
    weight, gradient = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    plain, scaled = (take_steps(weight, [factor * gradient], eps=0.0) for factor in (1.0, scale))
    assert torch.allclose(plain, scaled, rtol=1e-12)


def test_a_step_moves_a_layer_by_the_trust_coefficient_of_its_norm() -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 6)
    moved = take_steps(weight, [100 * torch.randn(6, 6)], trust_coefficient=0.01)
    assert (moved - weight).norm() / weight.norm() == pytest.approx(0.01, rel=1e-4)


def test_vectors_are_adapted_only_by_option() -> None:
    bias, gradient = torch.tensor([3.0, 4.0]), torch.tensor([0.6, 0.8])
    assert take_steps(bias, [gradient], lr=0.1).tolist() == pytest.approx([2.94, 3.92])
    adapted = take_steps(bias, [gradient], lr=0.1, adapt_vectors=True, trust_coefficient=0.1)
    assert adapted.tolist() == pytest.approx([2.97, 3.96])


def test_a_layer_of_zeros_moves_and_one_without_gradient_stays() -> None:
    zeros, ones = torch.zeros(2, 2), torch.ones(2, 2)
    assert take_steps(zeros, [ones], lr=0.1, eps=0.0).equal(torch.full((2, 2), -0.1))
    assert take_steps(ones, [zeros], lr=0.1, eps=0.0).equal(ones)


def test_a_weight_without_gradient_is_left_alone() -> None:
    weights = [nn.Parameter(torch.ones(2, 2)) for _ in range(2)]
    optimizer = LARS(weights, lr=1.0, weight_decay=0.1)
    weights[0].grad = torch.ones(2, 2)
    optimizer.step()
    assert weights[1].equal(torch.ones(2, 2))
    assert weights[1] not in optimizer.state
