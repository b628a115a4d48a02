"""Consistency between views, and the objectives made of it and of distillation on two views."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.errors import Problem
from distill_core.place import LOGITS, Place
from distill_core.spec import check
from tests.distill_core.methods.references import ROWS, Case, check_row, draw
from tests.distill_core.methods.settings import batch_of, build_term, randn

STRONG = Place("logits", view="strong")
SEEDS_HELPER = {"direction": "augmented_teaches", "detach": False}


def compute(clean: Tensor, strong: Tensor, **params: Any) -> Tensor:
    term = build_term("uda", params, {}, {})
    value: Tensor = term({LOGITS: clean, STRONG: strong}, {}, batch_of(len(clean)))
    return value


def gradients(clean: Tensor, strong: Tensor, **params: Any) -> list[Tensor | None]:
    both = [clean.clone().requires_grad_(), strong.clone().requires_grad_()]
    compute(*both, **params).backward()
    return [logits.grad for logits in both]


def soft(logits: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in logits]
    return [power / sum(powers) for power in powers]


def divergence(wanted: list[float], mine: list[float]) -> float:
    return sum(p * math.log(p / q) for p, q in zip(wanted, mine, strict=True))


@pytest.mark.parametrize("average", ["batch", "confident"])
@pytest.mark.parametrize(("sharpening", "confidence"), [(1.0, 0.0), (0.4, 0.0), (0.4, 0.5), (1.0, 0.6)])
@pytest.mark.parametrize("direction", ["clean_teaches", "augmented_teaches"])
def test_it_is_the_mean_divergence_of_samples_that_the_student_is_sure_of(
    average: str, sharpening: float, confidence: float, direction: str
) -> None:
    clean, strong = 2 * randn(7, 4), 2 * randn(7, 4, seed=1)
    targets, taught = (clean, strong) if direction == "clean_teaches" else (strong, clean)
    losses = [
        divergence(soft(target, sharpening), soft(mine))
        for target, mine in zip(targets.tolist(), taught.tolist(), strict=True)
        if max(soft(target)) > confidence
    ]
    expected = sum(losses) / (7 if average == "batch" else len(losses))
    assert 0 < len(losses) <= (7 if confidence == 0 else 6)
    params = {"average": average, "sharpening": sharpening, "confidence": confidence, "direction": direction}
    assert compute(clean, strong, **params).item() == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)  # the first call of an operator is slow
@given(st.integers(0, 1000), st.floats(-20, 20))
def test_it_is_zero_for_equal_views_and_does_not_see_what_is_added_to_all_logits(seed: int, shift: float) -> None:
    clean, strong = randn(5, 4, seed=seed), randn(5, 4, seed=seed + 1)
    assert compute(clean, clean + shift).item() == pytest.approx(0, abs=1e-12)
    assert compute(clean, strong).item() > 0
    assert compute(clean + shift, strong).item() == pytest.approx(compute(clean, strong).item(), rel=1e-9)


def test_only_the_view_that_is_taught_learns_unless_both_shall() -> None:
    clean, strong = randn(5, 4), randn(5, 4, seed=1)
    still, moved = gradients(clean, strong)
    assert still is None
    assert moved is not None
    torch.testing.assert_close(moved, (strong.softmax(1) - clean.softmax(1)) / 5)
    moved, still = gradients(clean, strong, direction="augmented_teaches")
    assert still is None
    assert moved is not None
    torch.testing.assert_close(moved, (clean.softmax(1) - strong.softmax(1)) / 5)
    assert all(gradient is not None for gradient in gradients(clean, strong, detach=False))


@pytest.mark.parametrize("average", ["batch", "confident"])
def test_a_batch_without_a_sure_sample_teaches_nothing(average: str) -> None:
    clean, strong = 1e-3 * randn(5, 4), randn(5, 4, seed=1)
    _, gradient = gradients(clean, strong, confidence=0.9, average=average)
    assert compute(clean, strong, confidence=0.9, average=average).item() == 0
    assert gradient is not None
    assert gradient.count_nonzero() == 0


def test_extreme_logits_give_a_finite_loss() -> None:
    clean = torch.tensor([[1e4, 0.0, -1e4]], dtype=torch.float64)
    assert torch.isfinite(compute(clean, -clean, sharpening=0.1))
    assert all(torch.isfinite(found).all() for found in gradients(clean, -clean, detach=False) if found is not None)


def test_value_and_gradients_are_those_of_the_seeds_unused_helper() -> None:
    row = ROWS["uda_consistency.seed001_unused"]
    tensors = {name: tensor.requires_grad_() for name, tensor in draw(row).items()}
    value = compute(tensors["student_logits"], tensors["student_logits_aug"], **SEEDS_HELPER)
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    for name, norm in row["grad_l2"].items():
        gradient = tensors[name].grad
        assert gradient is not None
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-9)


def test_the_recipes_objective_is_that_of_the_seeds_code() -> None:
    row = ROWS["uda_cifar.seed001_total"]
    tensors = draw(row)
    value = torch.zeros((), dtype=torch.float64)
    learning = {name: tensors[name].requires_grad_() for name in ("student_logits", "student_logits_aug")}
    for ending in ("", "_aug"):
        student, teacher = (
            {"logits": learning[f"student_logits{ending}"]},
            {"logits": tensors[f"teacher_logits{ending}"]},
        )
        for method, params in (("ce", {}), ("kd", {"temperature": 5.0})):
            term = build_term(method, params, student, teacher)
            heard = ({LOGITS: logits["logits"]} for logits in (student, teacher))
            value = value + 0.25 * term(*heard, batch_of(8, tensors["labels"]))
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    for name, norm in row["grad_l2"].items():
        gradient = learning[name].grad
        assert gradient is not None
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-9)


@pytest.mark.parametrize("name", ["unsupervised_kd.seed001_blind", "unsupervised_kd.torch"])
def test_distillation_without_labels_is_that_of_the_seeds_code(name: str) -> None:
    check_row(name, Case([("kd", 0.5, {"temperature": 5.0})]))


def refused(option: dict[str, Any], views: dict[str, Any]) -> list[Problem]:
    stage = {
        "name": "learn", "student": "student", "train": "train", "epochs": 1, "batch_size": 8,
        "optimizer": {"optimizer": "sgd", "lr": 0.1}, "objective": {"uda": {"method": "uda", "params": option}},
    }  # fmt: skip
    data = {"train": {"dataset": "digits", "views": views}}
    return check(
        {"version": 1, "name": "x", "models": {"student": {"model": "resnet8"}}, "data": data, "stages": [stage]}
    )


def test_a_view_that_the_stream_does_not_have_is_told_with_the_nearest() -> None:
    views: dict[str, Any] = {"main": {}, "strong": {}}
    assert refused({}, views) == []
    (problem,) = refused({"strong_view": "stronk"}, views)
    assert problem.pointer == "/stages/0/objective/uda/params/strong_view"
    assert (problem.code, problem.nearest) == ("unknown_name", ("strong",))
    (problem,) = refused({}, {"main": {}})
    assert problem.value == "strong"


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_standardised_logits_do_not_see_scale_and_shift(scale: float, shift: float) -> None:
    clean, strong = randn(5, 7), randn(5, 7, seed=1)
    moved = compute(scale * clean + shift, scale * strong - shift, standardise=True)
    assert moved.item() == pytest.approx(compute(clean, strong, standardise=True).item(), rel=1e-5)
