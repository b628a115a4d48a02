"""CSE-L2: its published value, its linear layer and its refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.l2 import L2
from tests.distill_core.methods.references import Case, check_row
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn


def build(student: Tensor, teacher: Tensor, **params: Any) -> L2:
    term = build_term("l2", params, {"pooled": student}, {"pooled": teacher})
    assert isinstance(term, L2)
    return term


def compute(student: Tensor, teacher: Tensor, **params: Any) -> float:
    term = build(student, teacher, **params)
    value: Tensor = term(activate({"pooled": student}), activate({"pooled": teacher}), batch_of(len(student)))
    return value.item()


def test_with_cross_entropy_it_is_the_published_sum() -> None:
    tapped = {"logits": "student_logits", "pooled": "student_emb"}
    check_row("l2_cse.own", Case([("ce", 1.0, {}), ("l2", 15.0, {})], tapped))


@given(st.integers(0, 1000), st.floats(-3, 3))
def test_a_shift_of_all_features_costs_its_square(seed: int, shift: float) -> None:
    features = randn(4, 6, seed=seed)
    assert compute(features + shift, features) == pytest.approx(shift**2, abs=1e-12)


def test_maps_and_tokens_are_averaged_over_their_positions() -> None:
    maps, tokens = randn(4, 6, 3, 3), randn(4, 5, 6, seed=1)
    expected = sum(
        (float(maps[b, d].sum()) / 9 - float(tokens[b, :, d].sum()) / 5) ** 2 for b in range(4) for d in range(6)
    )
    assert compute(maps, tokens) == pytest.approx(expected / 24, rel=1e-12)


@pytest.mark.parametrize(
    ("embed", "width", "expected"),
    [("auto", 6, nn.Identity), ("auto", 3, nn.Linear), ("linear", 6, nn.Linear), ("none", 6, nn.Identity)],
)
def test_a_linear_layer_stands_between_where_it_is_needed_or_wanted(
    embed: str, width: int, expected: type[nn.Module]
) -> None:
    student, teacher = randn(4, width), randn(4, 6, seed=1)
    term = build(student, teacher, embed=embed)
    assert type(term.embed) is expected
    mine = term.embed(student).detach()
    value = term(activate({"pooled": student}), activate({"pooled": teacher}), batch_of(4))
    assert value.item() == pytest.approx(float((mine - teacher).square().sum()) / 24, rel=1e-12)


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = randn(4, 6).requires_grad_(), randn(4, 6, seed=1).requires_grad_()
    build(student, teacher)(activate({"pooled": student}), activate({"pooled": teacher}), batch_of(4)).backward()
    assert teacher.grad is None
    torch.testing.assert_close(student.grad, (2 * (student - teacher) / 24).detach())


@pytest.mark.parametrize("method", ["l2", "pad"])
@pytest.mark.parametrize(
    ("student", "params", "pointer"),
    [
        (randn(4, 3), {"embed": "none"}, "/params/embed"),
        (randn(4), {}, "/params/student_place"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_its_place(
    method: str, student: Tensor, params: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(SpecError) as caught:
        build_term(method, params, {"pooled": student}, {"pooled": randn(4, 6)})
    assert caught.value.problems[0].pointer == pointer
