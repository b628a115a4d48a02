"""KD-SVD: singular vectors against torch's own, their derivative where torch has none, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from math import exp
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.errors import SpecError
from distill_core.methods.kdsvd import _decompose
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

FORMS = ["repdistiller", "mdistiller"]
seeds = st.integers(0, 1000)

STUDENT = [randn(2, 5, 3, 4), randn(2, 6, 2, 3, seed=1), randn(2, 4, 5, 2, seed=2)]
TEACHER = [randn(2, 5, 3, 4, seed=3), randn(2, 6, 2, 3, seed=4), randn(2, 4, 5, 2, seed=5)]


def compute(student: list[Tensor], teacher: list[Tensor], **params: Any) -> Tensor:
    named = [{f"stage{number}": x for number, x in enumerate(maps, start=1)} for maps in (student, teacher)]
    term = build_term("kdsvd", params, *named)
    value: Tensor = term(*map(activate, named), batch_of(len(student[0])))
    return value


def find_vectors(x: Tensor, form: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the right singular vectors of one map as rows, and the singular values, by numpy."""
    channels, height, width = x.shape
    rows = (
        [[x[c, h, w] for c in range(channels)] for h in range(height) for w in range(width)]
        if form == "repdistiller"
        else [[x[c, h, w] for w in range(width)] for c in range(channels) for h in range(height)]
    )
    _, values, vectors = np.linalg.svd(np.array([[float(value) for value in row] for row in rows]), full_matrices=False)
    return vectors, values


def expect(student: list[Tensor], teacher: list[Tensor], form: str, count: int, scale: str) -> float:
    """Return the loss, entry by entry."""
    total = 0.0
    for sample in range(len(student[0])):
        found = []
        for x, y in zip(student, teacher, strict=True):
            (mine, _), (wanted, values) = (find_vectors(z[sample], form) for z in (x, y))
            length = sum(values[:count] ** 2) ** 0.5 if scale == "unit" else 1
            pairs = []
            for vector, value in zip(wanted[:count], values[:count] / length, strict=True):
                best = max(mine[: count + 3], key=lambda row: abs(row @ vector))
                pairs.append((best * np.sign(best @ vector) * value, vector * value))
            found.append(pairs)
        for last, current in pairwise(found):
            for (s, t), (s_last, t_last) in zip(current, last, strict=True):
                for i in range(len(s)):
                    for j in range(len(s_last)):
                        kernels = [exp(-((a - b) ** 2) / 8) for a, b in ((s[i], s_last[j]), (t[i], t_last[j]))]
                        total += (kernels[0] - kernels[1]) ** 2
    return total / len(student[0])


@pytest.mark.parametrize(("count", "scale"), [(1, "unit"), (2, "unit"), (2, "raw")])
@pytest.mark.parametrize("form", FORMS)
def test_it_compares_how_singular_vectors_change_from_map_to_map(form: str, count: int, scale: str) -> None:
    value = compute(STUDENT, TEACHER, form=form, num_vectors=count, scale=scale)
    assert value.item() == pytest.approx(expect(STUDENT, TEACHER, form, count, scale), rel=1e-9)


@pytest.mark.parametrize("shape", [(7, 4), (4, 4), (4, 7)])
def test_the_derivative_is_that_of_torch_where_torch_has_one(shape: tuple[int, int]) -> None:
    x, pull = randn(3, *shape).requires_grad_(), randn(3, shape[1], 2, seed=1)
    vectors, values = _decompose(x, 2)
    (mine,) = torch.autograd.grad((vectors * pull).sum(), x)
    _, squares, rows = torch.linalg.svd(x, full_matrices=False)
    (wanted,) = torch.autograd.grad((rows.mT[..., :2] * pull).sum(), x)
    assert vectors.equal(rows.mT[..., :2])
    assert values.equal(squares[:, :2])
    assert mine.allclose(wanted, rtol=1e-9, atol=1e-12)


def test_dead_channels_leave_a_finite_derivative_that_still_teaches() -> None:
    maps = [x.clone() for x in STUDENT]
    maps[0][:, 1:4] = 0
    maps[0].requires_grad_()
    compute(maps, TEACHER).backward()
    assert maps[0].grad is not None
    assert torch.isfinite(maps[0].grad).all()
    assert maps[0].grad[:, 0].abs().max() > 1e-4


@pytest.mark.parametrize("x", [torch.zeros(2, 4, 4), torch.eye(4).expand(2, 4, 4), torch.ones(2, 4, 4)])
def test_singular_values_that_are_equal_give_no_derivative_without_a_number(x: Tensor) -> None:
    given = x.double().requires_grad_()
    vectors, _ = _decompose(given, 2)
    vectors.sum().backward()
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()


@given(seeds, st.floats(0.1, 10))
def test_it_does_not_see_scale_and_sign_of_a_map(seed: int, scale: float) -> None:
    student = [randn(2, 5, 3, 4, seed=seed), randn(2, 6, 2, 3, seed=seed + 1)]
    moved = [-scale * student[0], student[1]]
    assert compute(moved, TEACHER[:2]).item() == pytest.approx(compute(student, TEACHER[:2]).item(), rel=1e-6)


@given(st.permutations(range(12)))
def test_it_does_not_see_where_in_the_picture_features_are(order: list[int]) -> None:
    moved = [STUDENT[0].flatten(2)[..., order].reshape(STUDENT[0].shape), *STUDENT[1:]]
    assert compute(moved, TEACHER).item() == pytest.approx(compute(STUDENT, TEACHER).item(), rel=1e-9)


def test_equal_maps_give_zero_and_the_teacher_gets_no_gradient() -> None:
    student, teacher = ([x.clone().requires_grad_() for x in maps] for maps in (STUDENT, TEACHER))
    assert compute(student, STUDENT).item() == pytest.approx(0, abs=1e-20)
    compute(student, teacher).backward()
    assert all(x.grad is not None and x.grad.norm() > 0 for x in student)
    assert all(x.grad is None for x in teacher)


def test_maps_need_not_have_equal_sizes_nor_in_the_other_form_equal_channels() -> None:
    sized = [randn(2, 5, 2, 2), randn(2, 6, 4, 4, seed=1)]
    assert compute(sized, TEACHER[:2]).item() > 0
    thin = [randn(2, 3, 3, 4), randn(2, 2, 5, 3, seed=1)]
    assert compute(thin, TEACHER[:2], form="mdistiller").item() > 0


@pytest.mark.parametrize(
    ("student", "params", "pointer", "message"),
    [
        (STUDENT[:1], {}, "/params/student_places", "a single map"),
        ([STUDENT[0], randn(2, 5, 6)], {}, "/params/student_places/1", "takes a map"),
        ([STUDENT[0], randn(2, 7, 2, 3)], {}, "/params/student_places/1", r"gives \[7, 2, 3\]"),
        ([STUDENT[0], randn(2, 6, 2, 4)], {"form": "mdistiller"}, "/params/student_places/1", r"gives \[6, 2, 4\]"),
        (STUDENT[:2], {"num_vectors": 6}, "/params/student_places/0", r"gives \[5, 3, 4\]"),
    ],
    ids=["single", "tokens", "channels", "widths", "vectors"],
)
def test_maps_whose_vectors_cannot_be_compared_are_refused(
    student: list[Tensor], params: dict[str, Any], pointer: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        compute(student, TEACHER[: len(student)], **params)
    assert caught.value.problems[0].pointer == pointer
