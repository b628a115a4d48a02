"""Cross-entropy: where the smoothed mass goes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

unhurried = settings(deadline=None, max_examples=40)  # the first call of an operator is slow

LABELS = torch.tensor([2, 0, 1, 2])


def compute(logits: Tensor, labels: Tensor = LABELS, **params: Any) -> float:
    named = {"logits": logits}
    value: Tensor = build_term("ce", params, named, {})(activate(named), {}, batch_of(len(logits), labels))
    return value.item()


def smoothed_by_hand(logits: Tensor, wrong_classes: bool, smoothing: float) -> float:
    total = 0.0
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        norm = math.log(sum(math.exp(z) for z in row))
        for k, z in enumerate(row):
            if wrong_classes:
                target = 1 - smoothing if k == label else smoothing / (len(row) - 1)
            else:
                target = smoothing / len(row) + (1 - smoothing if k == label else 0)
            total -= target * (z - norm)
    return total / len(logits)


@unhurried
@given(smoothing=st.floats(0, 0.9), wrong_classes=st.booleans())
def test_the_smoothed_mass_goes_to_all_classes_or_to_the_wrong_ones(smoothing: float, wrong_classes: bool) -> None:
    logits = randn(4, 3)
    where = "wrong_classes" if wrong_classes else "all_classes"
    expected = smoothed_by_hand(logits, wrong_classes, smoothing)
    assert compute(logits, label_smoothing=smoothing, smoothing=where) == pytest.approx(expected, rel=1e-12)


def test_the_published_smoothing_over_the_wrong_classes_is_ours_with_targets_rounded_to_float32() -> None:
    row = ROWS["label_smoothing.tfkd_repo"]
    tensors = draw(row)
    logits, labels = tensors["student_logits"].requires_grad_(), tensors["labels"]
    rounded = torch.full((8, 10), 0.1 / 9).scatter(1, labels.unsqueeze(1), 0.9).double()
    named = {"logits": logits}
    value = build_term("ce", {}, named, {})(activate(named), {}, batch_of(8, rounded))
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    assert logits.grad is not None
    assert logits.grad.norm().item() == pytest.approx(row["grad_l2"]["student_logits"], rel=1e-9)
    exact = compute(logits, labels, label_smoothing=0.1, smoothing="wrong_classes")
    assert exact == pytest.approx(row["value"], rel=torch.finfo(torch.float32).eps)


def test_without_smoothing_both_are_plain_cross_entropy() -> None:
    logits = randn(4, 3)
    assert compute(logits, smoothing="wrong_classes") == pytest.approx(compute(logits), rel=1e-12)


@pytest.mark.parametrize("where", ["all_classes", "wrong_classes"])
def test_class_probabilities_are_smoothed_like_the_labels_that_they_mix(where: str) -> None:
    logits = randn(4, 3)
    options: dict[str, Any] = {"label_smoothing": 0.2, "smoothing": where}
    others = LABELS.roll(1)
    mixed = 0.7 * torch.eye(3).double()[LABELS] + 0.3 * torch.eye(3).double()[others]
    expected = 0.7 * compute(logits, **options) + 0.3 * compute(logits, others, **options)
    assert compute(logits, mixed, **options) == pytest.approx(expected, rel=1e-12)
