"""Tf-KD's virtual teacher: its formula and its options."""

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

LABELS = torch.tensor([2, 0, 4, 2])


def compute(logits: Tensor, labels: Tensor = LABELS, **params: Any) -> Tensor:
    named = {"logits": logits}
    value: Tensor = build_term("tfkd_reg", params, named, {})(activate(named), {}, batch_of(len(logits), labels))
    return value


def virtual_by_hand(label: int, num_classes: int, correct: float, temperature: float) -> list[float]:
    powers = [
        math.exp((correct if k == label else (1 - correct) / (num_classes - 1)) / temperature)
        for k in range(num_classes)
    ]
    return [power / sum(powers) for power in powers]


@unhurried
@given(seed=st.integers(0, 1000), temperature=st.floats(0.2, 40), correct=st.floats(0.1, 0.999))
def test_it_is_the_mean_divergence_from_probabilities_softened_as_if_they_were_logits(
    seed: int, temperature: float, correct: float
) -> None:
    logits = randn(4, 5, seed=seed)
    total = 0.0
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        norm = math.log(sum(math.exp(z) for z in row))
        wanted = virtual_by_hand(label, 5, correct, temperature)
        total += sum(d * (math.log(d) - (z - norm)) for d, z in zip(wanted, row, strict=True))
    options: dict[str, Any] = {"temperature": temperature, "correct_probability": correct, "multiplier": 100.0}
    assert compute(logits, **options).item() == pytest.approx(100 * total / 20, rel=1e-9)
    assert compute(logits, **options, reduction="batchmean").item() == pytest.approx(100 * total / 4, rel=1e-9)


@unhurried
@given(seed=st.integers(0, 1000))
def test_it_is_zero_for_a_student_that_says_what_the_virtual_teacher_does(seed: int) -> None:
    labels = torch.randint(5, (4,), generator=torch.Generator().manual_seed(seed))
    logits = torch.tensor([virtual_by_hand(label, 5, 0.99, 20) for label in labels.tolist()]).double().log()
    assert compute(logits, labels).item() == pytest.approx(0, abs=1e-9)


def test_a_mixed_label_makes_a_mixed_virtual_teacher() -> None:
    logits = randn(4, 5)
    mixed = 0.5 * torch.eye(5).double()[LABELS] + 0.5 * torch.eye(5).double()[1]
    u = torch.full((4, 5), 0.01 / 4).double() + mixed * (0.99 - 0.01 / 4)
    wanted = (u / 20).softmax(1)
    expected = (wanted * (wanted.log() - logits.log_softmax(1))).mean()
    assert compute(logits, mixed).item() == pytest.approx(expected.item(), rel=1e-12)


def test_it_takes_the_type_of_the_logits_and_gives_them_a_gradient() -> None:
    logits = randn(4, 5).float().requires_grad_()
    value = compute(logits)
    value.backward()
    assert value.dtype == torch.float32
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
