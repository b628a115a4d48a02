"""FSP: flow matrices, their distances and what cannot be compared."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.errors import SpecError
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

PAIR = {"student_pairs": [["stage1", "stage2"]], "teacher_pairs": [["stage1", "stage2"]]}


def maps(seed: int, channels: tuple[int, int] = (3, 5), side: int = 4) -> dict[str, Tensor]:
    first, last = channels
    return {
        "stage1": randn(2, first, 2 * side, 2 * side, seed=seed),
        "stage2": randn(2, last, side, side, seed=seed + 1),
    }


def compute(student: dict[str, Tensor], teacher: dict[str, Tensor], **params: Any) -> float:
    term = build_term("fsp", PAIR | params, student, teacher)
    losses: dict[str, Tensor] = term(activate(student), activate(teacher), batch_of(2))
    assert list(losses) == ["pair1"]
    return losses["pair1"].item()


def flow(pair: dict[str, Tensor]) -> Tensor:
    first, last = torch.nn.functional.max_pool2d(pair["stage1"], 2), pair["stage2"]
    return torch.einsum("bihw,bjhw->bij", first, last) / last[0, 0].numel()


@pytest.mark.parametrize("reduction", ["mean_square", "frobenius", "column_norm"])
def test_it_is_the_distance_of_the_flow_matrices(reduction: str) -> None:
    student, teacher = maps(0), maps(2, side=3)
    difference = flow(student) - flow(teacher)
    expected = {
        "mean_square": difference.square().mean(),
        "frobenius": difference.square().sum() / 2,
        "column_norm": difference.square().sum(1).sqrt().sum() / 2,
    }
    assert compute(student, teacher, reduction=reduction) == pytest.approx(expected[reduction].item(), rel=1e-12)


@given(st.permutations(range(16)))
def test_it_does_not_see_where_in_the_picture_features_are(order: list[int]) -> None:
    student, teacher = maps(0), maps(2)
    student["stage1"] = torch.nn.functional.max_pool2d(student["stage1"], 2)
    moved = {name: x.flatten(2)[..., order].reshape(x.shape) for name, x in student.items()}
    assert compute(moved, teacher) == pytest.approx(compute(student, teacher), rel=1e-9)


@pytest.mark.parametrize("reduction", ["mean_square", "frobenius", "column_norm"])
def test_equal_maps_give_zero_and_a_finite_gradient(reduction: str) -> None:
    student = {name: x.requires_grad_() for name, x in maps(0).items()}
    term = build_term("fsp", PAIR | {"reduction": reduction}, student, student)
    value = term(activate(student), activate(student), batch_of(2))["pair1"]
    value.backward()
    assert value.item() == 0
    assert all(x.grad is not None and torch.isfinite(x.grad).all() for x in student.values())


def test_the_teachers_places_may_have_other_names() -> None:
    student, teacher = maps(0), maps(2)
    renamed = {"layer1.0": teacher["stage1"], "layer2": teacher["stage2"]}
    assert compute(student, renamed, teacher_pairs=[["layer1.0", "layer2"]]) == compute(student, teacher)


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(SpecError, match=r"\[4, 8, 8\] and \[5, 4, 4\]") as caught:
        compute(maps(0, (4, 5)), maps(2))
    assert caught.value.problems[0].pointer == "/params/student_pairs/0"
