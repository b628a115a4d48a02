"""SFD: text, code and concatenation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from distill_core.errors import SpecError
from tests.distill_core.methods.references import Case, check_row
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

FORMS = ["text", "seed001", "concatenated"]
STAGES = {f"stage{number}": f"student_feat{number}" for number in range(3)}
STUDENT = [randn(3, 2, 4, 4), randn(3, 5, 2, 2, seed=1)]
TEACHER = [randn(3, 2, 8, 8, seed=2), randn(3, 5, 2, 2, seed=3)]


def compute(student: list[Tensor], teacher: list[Tensor], **params: Any) -> Tensor:
    named = [{f"stage{number}": x for number, x in enumerate(maps, start=1)} for maps in (student, teacher)]
    value: Tensor = build_term("sfd", params, *named)(*map(activate, named), batch_of(len(student[0])))
    return value


@pytest.mark.parametrize(
    ("name", "form"),
    [("sfd.own_paper_text", "text"), ("sfd.seed001_code", "seed001"), ("pkd_patience.seed001", "concatenated")],
)
def test_each_form_is_the_published_one(name: str, form: str) -> None:
    check_row(name, Case([("sfd", 1.0, {"form": form})], STAGES))


def test_by_the_text_the_teacher_is_max_pooled_to_the_students_size() -> None:
    pooled = [functional.max_pool2d(TEACHER[0], 2), TEACHER[1]]
    means = [(x - y).square().mean().item() for x, y in zip(STUDENT, pooled, strict=True)]
    assert compute(STUDENT, TEACHER).item() == pytest.approx(sum(means), rel=1e-12)
    counts = [x.numel() for x in STUDENT]
    expected = sum(mean * count for mean, count in zip(means, counts, strict=True)) / sum(counts)
    assert compute(STUDENT, TEACHER, form="concatenated").item() == pytest.approx(expected, rel=1e-12)


def test_by_the_code_one_channel_of_one_sample_a_layer_learns() -> None:
    student = [x.clone().requires_grad_() for x in STUDENT]
    value = compute(student, TEACHER, form="seed001")
    expected = 0.0
    for x, y in zip(STUDENT, TEACHER, strict=True):
        differences = [
            abs(max(mine.flatten().tolist()) - max(wanted.flatten().tolist()))
            for mine, wanted in zip(x.flatten(0, 1), y.flatten(0, 1), strict=True)
        ]
        expected += max(differences) + 1e-6
    assert value.item() == pytest.approx(expected, rel=1e-12)
    value.backward()
    assert [x.grad is not None and int(x.grad.count_nonzero()) for x in student] == [1, 1]


def test_a_smaller_map_of_the_teacher_is_repeated() -> None:
    teacher = [randn(3, 2, 2, 2, seed=2), TEACHER[1]]
    repeated = [teacher[0].repeat_interleave(2, 2).repeat_interleave(2, 3), TEACHER[1]]
    assert compute(STUDENT, teacher).item() == pytest.approx(compute(STUDENT, repeated).item(), rel=1e-12)


@given(st.permutations(range(3)), st.sampled_from(FORMS))
def test_it_does_not_see_the_order_of_the_batch(order: list[int], form: str) -> None:
    moved, wanted = ([x[order] for x in maps] for maps in (STUDENT, TEACHER))
    assert compute(moved, wanted, form=form).item() == pytest.approx(
        compute(STUDENT, TEACHER, form=form).item(), rel=1e-12
    )


@pytest.mark.parametrize("form", FORMS)
def test_equal_maps_give_the_least_value_and_the_teacher_gets_no_gradient(form: str) -> None:
    student, teacher = ([x.clone().requires_grad_() for x in maps] for maps in (STUDENT, TEACHER))
    assert compute(student, STUDENT, form=form).item() == pytest.approx(2e-6 if form == "seed001" else 0, abs=1e-12)
    compute(student, teacher, form=form).backward()
    assert all(x.grad is not None and torch.isfinite(x.grad).all() for x in student)
    assert all(x.grad is None for x in teacher)


@pytest.mark.parametrize(
    ("student", "teacher", "pointer"),
    [
        (randn(3, 4, 2, 2), randn(3, 5, 2, 2), "/params/student_places/1"),
        (randn(3, 5, 4), randn(3, 5, 2, 2), "/params/student_places/1"),
        (randn(3, 5, 2, 2), randn(3, 5), "/params/teacher_places/1"),
    ],
    ids=["channels", "tokens", "vector"],
)
def test_what_is_no_map_of_equal_channels_is_refused(student: Tensor, teacher: Tensor, pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        compute([STUDENT[0], student], [TEACHER[0], teacher])
    assert caught.value.problems[0].pointer == pointer
