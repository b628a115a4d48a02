"""NST: the discrepancy of two sets of channels, what it does not see, and what it needs."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from distill_core.errors import SpecError
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

seeds = st.integers(0, 1000)


def compute(*pairs: tuple[Tensor, Tensor]) -> Tensor:
    named = [{f"stage{number}": pair[side] for number, pair in enumerate(pairs, start=1)} for side in (0, 1)]
    value: Tensor = build_term("nst", {}, *named)(*map(activate, named), batch_of(len(pairs[0][0])))
    return value


def kernel(x: Tensor, y: Tensor) -> float:
    """Return the mean kernel of all pairs of channels, pair by pair."""
    values = []
    for mine, others in zip(x, y, strict=True):
        for a, b in product(mine, others):
            values.append(float((a * b).sum() / a.norm() / b.norm()) ** 2)
    return sum(values) / len(values)


def test_it_is_the_discrepancy_of_the_channels_under_the_squared_cosine() -> None:
    student, teacher = randn(2, 3, 2, 3), randn(2, 4, 2, 3, seed=1)
    expected = kernel(teacher, teacher) + kernel(student, student) - 2 * kernel(student, teacher)
    assert compute((student, teacher)).item() == pytest.approx(expected, rel=1e-12)


def test_pairs_of_places_are_added_up() -> None:
    first, second = (randn(2, 3, 4, 4), randn(2, 5, 4, 4, seed=1)), (randn(2, 6, 2, 2), randn(2, 7, 2, 2, seed=1))
    assert compute(first, second).item() == pytest.approx(compute(first).item() + compute(second).item(), rel=1e-12)


@given(seeds)
def test_it_is_never_negative(seed: int) -> None:
    student = randn(2, 1 + seed % 5, 2, 2, seed=seed)
    assert compute((student, randn(2, 3, 2, 2, seed=seed + 1))).item() >= 0


@given(seeds, st.permutations(range(5)))
def test_it_is_zero_for_the_same_channels_in_another_order(seed: int, order: list[int]) -> None:
    teacher = randn(2, 5, 3, 3, seed=seed)
    assert compute((teacher[:, order], teacher)).item() == pytest.approx(0, abs=1e-14)


@given(seeds, st.permutations(range(9)), st.floats(0.1, 10))
def test_it_does_not_see_the_scale_of_channels_nor_where_the_pixels_are(
    seed: int, order: list[int], scale: float
) -> None:
    student, teacher = randn(2, 4, 3, 3, seed=seed), randn(2, 2, 3, 3, seed=seed + 1)
    moved, wanted = (x.flatten(2)[..., order].reshape(x.shape) for x in (student, teacher))
    moved[:, 1] *= -scale
    assert compute((moved, wanted)).item() == pytest.approx(compute((student, teacher)).item(), rel=1e-9, abs=1e-14)


def test_twice_the_same_channels_are_the_same_distribution() -> None:
    teacher = randn(2, 3, 3, 3)
    assert compute((teacher.repeat(1, 2, 1, 1), teacher)).item() == pytest.approx(0, abs=1e-14)


def test_the_larger_map_is_averaged_to_the_smaller_and_tokens_are_pixels() -> None:
    student, teacher = randn(2, 3, 8, 8), randn(2, 5, 4, 4, seed=1)
    pooled = functional.avg_pool2d(student, 2)
    expected = compute((pooled, teacher)).item()
    assert compute((student, teacher)).item() == pytest.approx(expected, rel=1e-12)
    tokens = pooled.flatten(2).mT, teacher.flatten(2).mT
    assert compute(tokens).item() == pytest.approx(expected, rel=1e-12)


def test_it_keeps_no_tensor_of_channels_by_channels_by_pixels() -> None:
    student, teacher = randn(2, 16, 16, 16).requires_grad_(), randn(2, 16, 16, 16, seed=1)
    sizes: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        compute((student, teacher))
    assert 0 < max(sizes) <= student.numel() < 2 * 16 * 16 * 256


def test_the_teacher_gets_no_gradient_and_a_dead_channel_a_finite_one() -> None:
    student, teacher = randn(2, 3, 4, 4), randn(2, 5, 4, 4, seed=1).requires_grad_()
    student[:, 1] = 0
    student.requires_grad_()
    compute((student, teacher)).backward()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()
    assert teacher.grad is None


@pytest.mark.parametrize(("student", "teacher"), [(randn(2, 3), randn(2, 3)), (randn(2, 5, 3), randn(2, 6, 3))])
def test_places_without_common_positions_are_refused(student: Tensor, teacher: Tensor) -> None:
    with pytest.raises(SpecError, match="two maps") as caught:
        compute((student, teacher))
    assert caught.value.problems[0].pointer == "/params/student_places/0"
