"""RKD: published values, what it does not see, and angles in chunks."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.methods.rkd import _compare_angles
from tests.distill_core.methods.references import ROWS, Case, check_row, draw
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

seeds = st.integers(0, 1000)
POOLED = {"pooled": "student_emb"}


def compute(student: Tensor, teacher: Tensor, **params: Any) -> dict[str, Tensor]:
    named = {"pooled": student}, {"pooled": teacher}
    value: dict[str, Tensor] = build_term("rkd", params, *named)(*map(activate, named), batch_of(len(student)))
    return value


def smooth(difference: float) -> float:
    return difference**2 / 2 if abs(difference) < 1 else abs(difference) - 0.5


def find_angles(rows: Tensor) -> dict[tuple[int, ...], float]:
    angles: dict[tuple[int, ...], float] = {}
    for i, j, k in product(range(len(rows)), repeat=3):
        first, second = rows[j] - rows[i], rows[k] - rows[i]
        lengths = first.norm() * second.norm()
        angles[i, j, k] = ((first * second).sum() / lengths).item() if lengths > 0 else 0.0
    return angles


@pytest.mark.parametrize(("row", "relations"), [("rkd.official_distance", "distance"), ("rkd.official_angle", "angle")])
def test_each_part_is_that_of_the_published_implementation(row: str, relations: str) -> None:
    check_row(row, Case([("rkd", 1.0, {"relations": relations})], POOLED))


@pytest.mark.parametrize(
    ("name", "normalise"), [("rkd.repdistiller_25d_50a", False), ("rkd.mmrazor_l2norm_25d_50a", True)]
)
def test_the_weighted_parts_are_those_of_the_published_implementation(name: str, normalise: bool) -> None:
    row = ROWS[name]
    tensors = draw(row)
    student, teacher = tensors["student_emb"].requires_grad_(), tensors["teacher_emb"].requires_grad_()
    parts = compute(student, teacher, normalise=normalise)
    value = 25 * parts["distance"] + 50 * parts["angle"]
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    assert student.grad is not None
    assert student.grad.norm().item() == pytest.approx(row["grad_l2"]["student_emb"], rel=1e-9)
    assert teacher.grad is None


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3, 3), (4, 6, 5)])
def test_it_is_huber_of_scaled_distances_and_of_cosines(shape: tuple[int, ...]) -> None:
    student, teacher = 3 * randn(*shape), randn(4, 5, seed=1)
    mine, wanted = student.flatten(1), teacher
    pairs: list[tuple[int, ...]] = list(product(range(4), repeat=2))
    scaled: list[dict[tuple[int, ...], float]] = []
    for rows in (mine, wanted):
        distances = {(i, j): (rows[i] - rows[j]).norm().item() for i, j in pairs}
        mean = sum(distances.values()) / 12
        scaled.append({pair: distance / mean for pair, distance in distances.items()})
    angles = find_angles(mine), find_angles(wanted)
    value = compute(student, teacher)
    assert value["distance"].item() == pytest.approx(sum(smooth(scaled[0][x] - scaled[1][x]) for x in pairs) / 16)
    assert value["angle"].item() == pytest.approx(sum(smooth(angles[0][x] - angles[1][x]) for x in angles[0]) / 64)


@given(seeds, st.floats(0.1, 10))
def test_it_does_not_see_rotation_translation_and_scale(seed: int, scale: float) -> None:
    student, teacher = randn(5, 6, seed=seed), randn(5, 4, seed=seed + 1)
    rotation, _ = torch.linalg.qr(randn(6, 6, seed=seed + 2))
    moved = compute(scale * student @ rotation + randn(6, seed=seed + 3), teacher)
    for name, value in compute(student, teacher).items():
        assert moved[name].item() == pytest.approx(value.item(), rel=1e-7)


@pytest.mark.parametrize("limit", [1, 70, 10**9])
def test_angles_in_chunks_are_the_same_with_their_gradients(limit: int) -> None:
    values, gradients = [], []
    for bound in (limit, 10**9):
        student = randn(7, 5).requires_grad_()
        value = _compare_angles(student, randn(7, 3, seed=1), bound)
        value.backward()
        assert student.grad is not None
        values.append(value.item())
        gradients.append(student.grad)
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-10, atol=1e-15)


def test_chunks_keep_none_of_their_angles_for_the_backward_pass() -> None:
    kept: dict[int, list[int]] = {}
    student, teacher = randn(12, 5).requires_grad_(), randn(12, 5, seed=1)
    for limit in (12 * 12, 10**9):
        sizes = kept.setdefault(limit, [])

        def note(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            _compare_angles(student, teacher, limit)
    assert max(kept[12 * 12], default=0) < 12 * 12
    assert max(kept[10**9]) >= 12**3


def test_only_what_is_asked_for_is_compared() -> None:
    student, teacher = randn(4, 3), randn(4, 3, seed=1)
    both = compute(student, teacher)
    assert set(both) == {"distance", "angle"}
    for name, value in both.items():
        assert compute(student, teacher, relations=name) == {name: value}


def test_it_is_zero_for_equal_features() -> None:
    features = randn(5, 6)
    assert [part.item() for part in compute(features, features).values()] == [0, 0]


@pytest.mark.parametrize("count", [1, 4])
def test_equal_features_and_a_lone_sample_give_a_finite_gradient(count: int) -> None:
    student = torch.ones(count, 3, dtype=torch.float64, requires_grad=True)
    torch.stack(list(compute(student, randn(count, 3, seed=1)).values())).sum().backward()
    assert student.grad is not None
    assert student.grad.abs().max() < 1e3
