"""Soft labels of several crops: the loss, the short forms, and that the cache stores one of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.cache import Column
from distill_core.errors import SpecError
from distill_core.methods.fkd import FKD, FKDParams
from distill_core.place import LOGITS
from distill_core.spec import check
from tests.distill_core.experiments import run
from tests.distill_core.methods.settings import batch_of, build_term, randn

FORMS = ("full", "hard", "smoothing", "marginal_smoothing", "marginal_renorm")


def compute(student: Tensor, teacher: Tensor, **params: Any) -> Tensor:
    term = build_term("fkd", params, {"logits": student}, {"logits": teacher})
    value: Tensor = term({LOGITS: student}, {LOGITS: teacher}, batch_of(len(student)))
    return value


def soft_label(form: str, logits: Tensor, top_k: int) -> list[float]:
    """Return the short form of one soft label, class by class."""
    powers = [2.718281828459045**value for value in logits.tolist()]
    label = [power / sum(powers) for power in powers]
    count = {"full": len(label), "hard": 1, "smoothing": 1}.get(form, top_k)
    kept = sorted(range(len(label)), key=lambda place: -label[place])[:count]
    if form == "hard":
        return [float(place in kept) for place in range(len(label))]
    mass = sum(label[place] for place in kept)
    if form == "marginal_renorm":
        return [label[place] / mass if place in kept else 0.0 for place in range(len(label))]
    rest = (1 - mass) / max(1, len(label) - count)
    return [label[place] if place in kept else rest for place in range(len(label))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("top_k", [1, 3, 6])
def test_it_is_the_cross_entropy_with_the_short_form_of_the_soft_label(form: str, top_k: int) -> None:
    student, teacher = 2 * randn(5, 7), 2 * randn(5, 7, seed=1)
    total = 0.0
    for mine, said in zip(student, teacher, strict=True):
        logs = (mine.exp() / mine.exp().sum()).log()
        total -= sum(p * q for p, q in zip(soft_label(form, said, top_k), logs.tolist(), strict=True))
    assert compute(student, teacher, quantiser=form, top_k=top_k).item() == pytest.approx(total / 5, rel=1e-9)


def test_the_temperatures_divide_the_logits_and_scale_nothing() -> None:
    student, teacher = randn(5, 7), randn(5, 7, seed=1)
    found = compute(student, teacher, quantiser="full", temperature=2, teacher_temperature=4)
    assert found.item() == pytest.approx(compute(student / 2, teacher / 4, quantiser="full").item(), rel=1e-12)


@settings(deadline=None)  # the first call of an operator is slow
@given(st.integers(0, 1000), st.integers(1, 6), st.sampled_from(FORMS))
def test_every_short_form_is_a_distribution_with_the_same_largest_class(seed: int, top_k: int, form: str) -> None:
    teacher = 3 * randn(6, 7, seed=seed)
    term = FKD(FKDParams.model_validate({"quantiser": form, "top_k": top_k}))
    label = term._quantise(teacher.softmax(1))
    torch.testing.assert_close(label.sum(1), torch.ones(6, dtype=torch.float64))
    assert (label >= 0).all()
    assert label.argmax(1).equal(teacher.argmax(1))
    torch.testing.assert_close(term._quantise(label), label)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6))
def test_the_cache_stores_the_marginally_smoothed_label(seed: int, top_k: int) -> None:
    student, teacher = randn(6, 7, seed=seed), 3 * randn(6, 7, seed=seed + 1)
    column = Column("logits", (7,), "fp64", top_k)
    stored = column.decode(column.encode(teacher))
    wanted = compute(student, teacher, top_k=top_k).item()
    assert compute(student, stored, quantiser="full").item() == pytest.approx(wanted, rel=1e-9)
    assert compute(student, stored, top_k=top_k).item() == pytest.approx(wanted, rel=1e-9)


def test_marginal_smoothing_of_one_is_smoothing_and_of_all_but_one_is_everything() -> None:
    student, teacher = randn(5, 7), randn(5, 7, seed=1)
    values = {form: compute(student, teacher, quantiser=form, top_k=1).item() for form in FORMS}
    assert values["marginal_smoothing"] == pytest.approx(values["smoothing"], rel=1e-12)
    assert values["marginal_renorm"] == pytest.approx(values["hard"], rel=1e-12)
    assert compute(student, teacher, top_k=6).item() == pytest.approx(values["full"], rel=1e-12)


def test_several_crops_are_one_larger_batch_and_the_teacher_gets_no_gradient() -> None:
    crops = [replace(LOGITS, view=name) for name in ("a", "b")]
    student = {crop: randn(4, 7, seed=number).requires_grad_() for number, crop in enumerate(crops)}
    teacher = {crop: randn(4, 7, seed=number + 5).requires_grad_() for number, crop in enumerate(crops)}
    term = FKD(FKDParams(views=("a", "b")))
    assert term.places(term.params).student == term.places(term.params).teacher == tuple(crops)
    value = term(student, teacher, batch_of(4))
    joined = compute(torch.cat(list(student.values())), torch.cat(list(teacher.values())))
    assert value.item() == pytest.approx(joined.item(), rel=1e-12)
    value.backward()
    assert all(logits.grad is not None for logits in student.values())
    assert all(logits.grad is None for logits in teacher.values())


def test_a_sure_teacher_and_a_sure_student_that_is_wrong_give_a_finite_loss() -> None:
    student = torch.tensor([[0.0, 1e4, 0.0]], dtype=torch.float64).requires_grad_()
    teacher = torch.tensor([[1e4, 0.0, 0.0]], dtype=torch.float64)
    for form in FORMS:
        value = compute(student, teacher, quantiser=form, top_k=2)
        assert torch.isfinite(value)
        (gradient,) = torch.autograd.grad(value, student)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("form", "top_k", "most"), [("marginal_smoothing", 7, 6), ("marginal_renorm", 8, 7)])
def test_more_classes_than_there_are_cannot_be_kept(form: str, top_k: int, most: int) -> None:
    with pytest.raises(SpecError, match=rf"cannot keep {top_k} of 7 classes") as caught:
        compute(randn(2, 7), randn(2, 7), quantiser=form, top_k=top_k)
    assert (caught.value.problems[0].pointer, caught.value.problems[0].allowed) == ("/params/top_k", f"at most {most}")
    assert torch.isfinite(compute(randn(2, 7), randn(2, 7), quantiser=form, top_k=most))


def crops(*names: str) -> dict[str, Any]:
    chain = [{"transform": "random_resized_crop", "size": 8, "scale": [0.5, 1.0]}, {"transform": "normalize"}]
    return {name: {"transforms": chain, "seed": number, "variants": 2} for number, name in enumerate(names)}


def spec(views: list[str], **stage: Any) -> dict[str, Any]:
    """Return a spec of three short epochs with an untrained teacher."""
    learn = {
        "name": "learn", "student": "student", "teachers": ["teacher"], "train": "train", "epochs": 3, "batch_size": 8,
        "optimizer": {"optimizer": "sgd", "lr": 0.1},
        "objective": {"fkd": {"method": "fkd", "view": "a", "params": {"views": views}}},
    }  # fmt: skip
    return {
        "version": 1,
        "name": "crops",
        "models": {"teacher": {"model": "resnet14"}, "student": {"model": "resnet8"}},
        "data": {"train": {"dataset": "digits", "num_samples": 24, "views": crops("a", "b")}},
        "stages": [learn | stage],
        "runtime": {"device": "cpu", "checkpoint_interval_s": 3600},
        "evaluation": {"latency": False},
        "outputs": {"curves": [], "card": False},
    }


def test_a_crop_that_is_no_view_of_the_stream_is_told_at_its_place() -> None:
    assert check(spec(["a", "b"])) == []
    (problem,) = check(spec(["a", "c"]))
    assert (problem.pointer, problem.code) == ("/stages/0/objective/fkd/params/views/1", "unknown_name")


def test_every_crop_has_a_store_of_its_own_that_teaches_what_the_teacher_said(tmp_path: Path) -> None:
    losses = []
    for name, cache, modes in (
        ("live", {"mode": "off"}, ["off"] * 2),
        ("stored", {"top_k": 5}, ["write", "write", "ready", "ready"]),
    ):
        outcome = run(spec(["a", "b"], cache=cache), tmp_path / name, "--cache-root", tmp_path / "cache")
        assert outcome.code == 0
        assert [event["mode"] for event in outcome.of("cache")] == modes
        losses.append([values["train/loss"] for _, _, values in outcome.metrics() if "train/loss" in values])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)  # the last of three epochs is read


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_standardised_logits_do_not_see_scale_and_shift(scale: float, shift: float) -> None:
    student, teacher = randn(5, 7), randn(5, 7, seed=1)
    moved = compute(scale * student + shift, scale * teacher - shift, standardise=True)
    assert moved.item() == pytest.approx(compute(student, teacher, standardise=True).item(), rel=1e-5)
