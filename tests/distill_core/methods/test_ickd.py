"""ICKD: its formula in loops, its embeddings and what it does not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.ickd import ICKD
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

STUDENT, TEACHER = randn(3, 2, 4, 4), randn(3, 5, 2, 2, seed=1)
seeds = st.integers(0, 1000)


def build(student: Tensor = STUDENT, teacher: Tensor = TEACHER, **params: Any) -> ICKD:
    torch.manual_seed(0)
    term = build_term("ickd", params, {"stage3": student}, {"stage3": teacher})
    assert isinstance(term, ICKD)
    return term


def compute(term: ICKD, student: Tensor = STUDENT, teacher: Tensor = TEACHER) -> Tensor:
    value: Tensor = term(activate({"stage3": student}), activate({"stage3": teacher}), batch_of(len(student)))
    return value


def expect(student: Tensor, teacher: Tensor) -> float:
    """Return the sum over the batch of the squared differences of correlations, over channels, in loops."""
    total = 0.0
    for mine, others in zip(student.detach(), teacher, strict=True):
        rows = []
        for x in (mine, others):
            gram = torch.tensor([[float((a * b).sum()) for b in x] for a in x], dtype=torch.float64)
            rows.append([[float(g) / float(row.square().sum()) ** 0.5 for g in row] for row in gram])
        total += sum((a - b) ** 2 for x, y in zip(*rows, strict=True) for a, b in zip(x, y, strict=True))
    return total / teacher.shape[1]


@pytest.mark.parametrize(("reduction", "divisor"), [("official", 3), ("torchdistill", 9)])
def test_it_is_the_squared_difference_of_channel_correlations(reduction: str, divisor: int) -> None:
    term = build(reduction=reduction)
    expected = expect(term.embed(STUDENT), TEACHER) / divisor
    assert compute(term).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("params", "layers"),
    [
        ({}, [nn.Conv2d, nn.BatchNorm2d]),
        ({"embedding": "conv3x3"}, [nn.Conv2d, nn.BatchNorm2d]),
        ({"embedding": "conv3x3", "batch_norm": False}, [nn.Conv2d]),
        ({"batch_norm": False}, [nn.Conv2d]),
    ],
)
def test_an_embedding_gives_the_teachers_channels_and_keeps_the_size(
    params: dict[str, Any], layers: list[type[nn.Module]]
) -> None:
    term = build(**params)
    assert isinstance(term.embed, nn.Sequential)
    assert [type(layer) for layer in term.embed] == layers
    assert term.embed(STUDENT).shape == (3, 5, 4, 4)
    compute(term).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())


def test_without_an_embedding_the_maps_themselves_are_compared() -> None:
    student = randn(3, 5, 4, 4, seed=3)
    term = build(student, embedding="none")
    assert list(term.parameters()) == []
    assert compute(term, student).item() == pytest.approx(expect(student, TEACHER) / 3, rel=1e-12)


@given(seeds, st.floats(0.1, 10))
def test_it_does_not_see_the_scale_of_the_maps_nor_the_order_of_their_pixels(seed: int, scale: float) -> None:
    student, teacher = randn(2, 4, 3, 3, seed=seed), randn(2, 4, 3, 3, seed=seed + 1)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    moved = scale * student.flatten(2)[:, :, order].unflatten(2, (3, 3))
    term = build(student, teacher, embedding="none")
    assert compute(term, moved, teacher).item() == pytest.approx(compute(term, student, teacher).item(), rel=1e-9)


def test_it_is_zero_for_equal_maps() -> None:
    assert compute(build(TEACHER, embedding="none"), TEACHER).item() == 0


def test_tokens_correlate_over_their_positions() -> None:
    maps, tokens = randn(3, 5, 2, 3), randn(3, 7, 5, seed=2)
    term = build(maps.flatten(2).mT, tokens, embedding="none")
    expected = expect(maps, tokens.mT.unsqueeze(3)) / 3
    assert compute(term, maps.flatten(2).mT, tokens).item() == pytest.approx(expected, rel=1e-12)


def test_tokens_are_embedded_feature_by_feature() -> None:
    tokens = randn(3, 7, 2)
    term = build(tokens)
    assert isinstance(term.embed, nn.Sequential)
    assert [type(layer) for layer in term.embed] == [nn.Conv1d, nn.BatchNorm1d]
    assert compute(term, tokens).isfinite()


def test_a_silent_channel_gives_no_nan_and_the_teacher_gets_no_gradient() -> None:
    student = torch.zeros(3, 5, 2, 2, dtype=torch.float64, requires_grad=True)
    teacher = TEACHER.clone().requires_grad_()
    compute(build(student, embedding="none"), student, teacher).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert teacher.grad is None


@pytest.mark.parametrize(
    ("student", "teacher", "params", "pointer"),
    [
        (randn(3, 2), TEACHER, {}, "/params/student_place"),
        (STUDENT, randn(3, 2), {}, "/params/teacher_place"),
        (STUDENT, TEACHER, {"embedding": "none"}, "/params/embedding"),
        (randn(3, 7, 2), TEACHER, {"embedding": "conv3x3"}, "/params/embedding"),
    ],
)
def test_what_cannot_be_correlated_is_refused_with_its_place(
    student: Tensor, teacher: Tensor, params: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(SpecError) as caught:
        build(student, teacher, **params)
    assert caught.value.problems[0].pointer == pointer
