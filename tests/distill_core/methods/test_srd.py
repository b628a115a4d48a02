"""SRD: its published value, its formula in loops, and where the logarithm ends."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.srd import SRD
from tests.distill_core.methods.references import Case, check_row
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

STUDENT, TEACHER = {"pooled": randn(5, 3)}, {"pooled": randn(5, 4, seed=1)}


def build(student: Tensor = STUDENT["pooled"], teacher: Tensor = TEACHER["pooled"], **params: Any) -> SRD:
    torch.manual_seed(0)
    term = build_term("srd", params, {"pooled": student}, {"pooled": teacher})
    assert isinstance(term, SRD)
    return term


def compute(term: SRD, student: Tensor = STUDENT["pooled"], teacher: Tensor = TEACHER["pooled"]) -> Tensor:
    value: Tensor = term(activate({"pooled": student}), activate({"pooled": teacher}), batch_of(len(student)))
    return value


def standardise(column: Tensor) -> Tensor:
    mean = sum(column) / len(column)
    variance = sum((x - mean) ** 2 for x in column) / len(column)
    return torch.stack([(x - mean) / (variance + 1e-4) ** 0.5 for x in column])


def test_value_and_gradients_are_those_of_the_authors_code() -> None:
    places = {"pooled": "student_gap"}
    weights = {"embed.weight": "srd.embed.weight", "embed.bias": "srd.embed.bias"}
    check_row("srd.official_log_bn_4", Case([("srd", 1.0, {})], places, weights))


@pytest.mark.parametrize("exponent", [1, 2.5, 4])
def test_it_is_the_logarithm_of_the_summed_powers(exponent: float) -> None:
    term = build(exponent=exponent)
    projected = (STUDENT["pooled"] @ term.embed.weight.T + term.embed.bias).detach()
    total = 0.0
    for feature in range(4):
        mine, wanted = standardise(projected[:, feature]), standardise(TEACHER["pooled"][:, feature])
        total += sum(abs(float(s - t)) ** exponent for s, t in zip(mine, wanted, strict=True))
    assert compute(term).item() == pytest.approx(math.log(total), rel=1e-12)


def test_the_form_for_transformers_sums_what_correlations_lack_to_one() -> None:
    term = build(form="correlation")
    projected = (STUDENT["pooled"] @ term.embed.weight.T + term.embed.bias).detach()
    total = 0.0
    for feature in range(4):
        mine, wanted = standardise(projected[:, feature]), standardise(TEACHER["pooled"][:, feature])
        total += (float((mine * wanted).sum()) / 5 - 1) ** 4
    assert compute(term).item() == pytest.approx(math.log(total), rel=1e-12)


@given(st.integers(0, 1000), st.floats(-5, 5))
def test_it_does_not_see_where_the_features_of_the_teacher_lie(seed: int, shift: float) -> None:
    term, teacher = build(), randn(5, 4, seed=seed)
    assert compute(term, teacher=teacher + shift).item() == pytest.approx(compute(term, teacher=teacher).item())


@pytest.mark.parametrize("form", ["difference", "correlation"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_features_give_a_finite_loss_and_no_gradient(form: str, dtype: torch.dtype) -> None:
    features = randn(5, 4).to(dtype)
    term = build(features, features, form=form).to(dtype)
    term.embed.weight = nn.Parameter(torch.eye(4, dtype=dtype))
    term.embed.bias = nn.Parameter(torch.zeros(4, dtype=dtype))
    student = features.clone().requires_grad_()
    value = compute(term, student, features)
    value.backward()
    assert value.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    if form == "difference":
        assert value.item() == pytest.approx(math.log(torch.finfo(dtype).tiny))
        assert not student.grad.any()


def test_a_feature_that_never_changes_gives_no_nan() -> None:
    student = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    compute(build(), student).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_maps_and_tokens_are_averaged_over_their_positions() -> None:
    maps, tokens = randn(5, 3, 2, 4), randn(5, 7, 4, seed=1)
    flat = build(maps.mean((2, 3)), tokens.mean(1))
    term = build(maps, tokens)
    term.load_state_dict(flat.state_dict())
    value = compute(term, maps, tokens)
    assert value.item() == pytest.approx(compute(flat, maps.mean((2, 3)), tokens.mean(1)).item())


def test_the_teacher_gets_no_gradient_and_keeps_no_statistics() -> None:
    teacher = TEACHER["pooled"].clone().requires_grad_()
    term = build()
    compute(term, teacher=teacher).backward()
    assert teacher.grad is None
    assert list(term.state_dict()) == ["embed.weight", "embed.bias"]
    assert all(parameter.grad is not None for parameter in term.parameters())


def test_what_has_no_features_is_refused_with_its_place() -> None:
    with pytest.raises(SpecError, match="which are no vectors") as caught:
        build(teacher=randn(5))
    assert caught.value.problems[0].pointer == "/params/teacher_place"
