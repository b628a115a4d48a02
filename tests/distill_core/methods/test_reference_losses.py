"""Losses against values of published implementations; the data file says how its tensors are drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.methods import METHODS
from distill_core.tap import LOGITS
from distill_core.tensors import Batch

ROWS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[2] / "data/reference_losses.json").read_text())[
    "methods"
]

Terms = list[tuple[str, float, dict[str, Any]]]

TERMS: dict[str, Terms] = {
    "ce.torch": [("ce", 1.0, {})],
    "label_smoothing.torch": [("ce", 1.0, {"label_smoothing": 0.1})],
    "kd.repdistiller_kl": [("kd", 1.0, {"temperature": 4.0})],
    "kd.mdistiller_kl": [("kd", 1.0, {"temperature": 4.0})],
    "kd.mmrazor_kl": [("kd", 1.0, {"temperature": 4.0})],
    "kd.attention_transfer_total": [("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})],
    "kd.torchdistill_total": [("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})],
    "kd.seed001_total": [("kd", 0.5, {"temperature": 5.0}), ("ce", 0.5, {})],
    "tutorial_kd.own_current_kl": [("kd", 0.25, {"temperature": 2.0}), ("ce", 0.75, {})],
}
"""Row -> the weighted terms that it is the sum of."""

OTHERS: dict[str, Terms] = {
    "label_smoothing.tfkd_repo": [("ce", 1.0, {"label_smoothing": 0.1})],
    "kd.takd_total_kl_mean_bug": [("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})],
}
"""Rows of other conventions, which ours must not give."""


def draw(row: dict[str, Any]) -> dict[str, Tensor]:
    tensors = {}
    for entry in row["inputs"]:
        generator = torch.Generator("cpu").manual_seed(entry["seed"])
        if entry["kind"] == "randint":
            tensors[entry["role"]] = torch.randint(entry["low"], entry["high"], entry["shape"], generator=generator)
        else:
            drawn = torch.randn(entry["shape"], generator=generator, dtype=torch.float64)
            tensors[entry["role"]] = drawn * entry["scale"] + entry["shift"]
        assert tensors[entry["role"]].sum().item() == pytest.approx(entry["sum"], rel=1e-9)
    return tensors


def compute(row: dict[str, Any], terms: Terms) -> tuple[Tensor, Tensor, Tensor]:
    tensors = draw(row)
    student, teacher = tensors["student"].requires_grad_(), tensors["teacher"].requires_grad_()
    batch = Batch(torch.arange(len(student)), tensors["label"], {})
    total = torch.zeros((), dtype=torch.float64)
    for method, weight, params in terms:
        total = total + weight * METHODS.create(method, params)({LOGITS: student}, {LOGITS: teacher}, batch)
    total.backward()
    return total.detach(), student, teacher


@pytest.mark.parametrize("name", TERMS)
def test_value_and_gradient_are_those_of_the_published_implementation(name: str) -> None:
    row = ROWS[name]
    total, student, teacher = compute(row, TERMS[name])
    assert total.item() == pytest.approx(row["value"], rel=1e-9)
    assert student.grad is not None
    assert student.grad.norm().item() == pytest.approx(row["grad_l2"]["student_logits"], rel=1e-9)
    assert teacher.grad is None


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_convention_gives_another_value(name: str) -> None:
    total, _, _ = compute(ROWS[name], OTHERS[name])
    assert total.item() != pytest.approx(ROWS[name]["value"], rel=1e-4)


def test_every_reference_row_is_used() -> None:
    assert set(ROWS) == set(TERMS) | set(OTHERS)
