"""Logit standardisation is an option of every method that compares logits, and then scale and shift are not seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.methods import METHODS
from distill_core.spec.catalog import load_catalog
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

TAPS = {key: entry.taps["student"] for key, entry in load_catalog().methods.items()}
COMPARING = [key for key in METHODS if key not in {"ce", "loss"} and any(tap.startswith("logits") for tap in TAPS[key])]
TURNED = {"sskd"}
"""Which compare the logits of turned images alone, in a part of their own form."""

MAP = randn(6, 3, 2, 2, seed=5)
OPTIONS: dict[str, dict[str, Any]] = {"mlkd": {"strong_view": None}, "fkd": {"top_k": 2}}
PARTS = {
    "skd": ("instance",),
    "dist_plus": ("inter", "intra"),
    "mlkd": ("instance_weak",),
}
"""Parts that compare softened logits, where there are others."""


def compute(key: str, student: Tensor, teacher: Tensor, *, standardise: bool) -> Tensor:
    """Return the loss between logits, summed over the parts that compare them."""
    mine, others = {"logits": student, "stage3": MAP}, {"logits": teacher, "stage3": MAP}
    if key == "mkd":
        others = {"logits": torch.stack([teacher, teacher.flip(0)])}
    term = build_term(key, {"standardise": standardise, **OPTIONS.get(key, {})}, mine, others)
    given_student = activate(mine)
    for place in term.places(term.params).student:
        given_student.setdefault(place, teacher)  # the other view of `uda`
    value = term(given_student, activate(others), batch_of(len(student), torch.arange(6) % 5))
    return torch.stack([value[part] for part in PARTS[key]]).sum() if isinstance(value, dict) else value


def test_every_method_that_compares_logits_has_the_option_and_leaves_it_off() -> None:
    for key in set(COMPARING) - TURNED:
        assert METHODS.find(key).Params.model_fields["standardise"].default is False


@pytest.mark.parametrize("key", sorted(set(COMPARING) - TURNED))
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), scale=st.floats(0.5, 5), shift=st.floats(-5, 5))
def test_scale_and_shift_of_the_students_logits_are_seen_without_it_alone(
    key: str, seed: int, scale: float, shift: float
) -> None:
    student, teacher = randn(6, 5, seed=seed), randn(6, 5, seed=seed + 1)
    moved = scale * student + shift
    plain, same = (compute(key, logits, teacher, standardise=True) for logits in (student, moved))
    assert same.item() == pytest.approx(plain.item(), rel=1e-5, abs=1e-7)
    if abs(scale - 1) > 0.1:
        plain, other = (compute(key, logits, teacher, standardise=False) for logits in (student, moved))
        assert other.item() != pytest.approx(plain.item(), rel=1e-5)
