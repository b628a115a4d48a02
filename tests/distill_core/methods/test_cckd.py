"""CCKD: kernels of embeddings, and the form of the authors' code."""

from __future__ import annotations

from math import exp, factorial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.methods.cckd import CCKD
from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

STUDENT, TEACHER = randn(5, 6), randn(5, 4, seed=1)
seeds = st.integers(0, 1000)


def build(student: Tensor = STUDENT, teacher: Tensor = TEACHER, **params: Any) -> CCKD:
    torch.manual_seed(0)
    term = build_term("cckd", {"embedding_size": 3} | params, {"pooled": student}, {"pooled": teacher})
    assert isinstance(term, CCKD)
    return term


def compute(term: CCKD, student: Tensor = STUDENT, teacher: Tensor = TEACHER) -> Tensor:
    named = {"pooled": student}, {"pooled": teacher}
    value: Tensor = term(*map(activate, named), batch_of(len(student)))
    return value


def embed(term: CCKD, student: Tensor = STUDENT, teacher: Tensor = TEACHER) -> list[Tensor]:
    return [term.embed_student(student.flatten(1)).detach(), term.embed_teacher(teacher.flatten(1)).detach()]


def correlate(rows: Tensor, kernel: str, gamma: float, order: int) -> list[list[float]]:
    def compare(x: Tensor, y: Tensor) -> float:
        product: float = sum((x * y).tolist())
        if kernel == "bilinear":
            return product
        return float(sum(exp(-2 * gamma) * (2 * gamma) ** p / factorial(p) * product**p for p in range(order + 1)))

    return [[compare(x, y) for y in rows] for x in rows]


@pytest.mark.parametrize("kernel", ["gaussian", "bilinear"])
@pytest.mark.parametrize("unit_norm", [True, False])
@pytest.mark.parametrize("reduction", ["norm", "square"])
@pytest.mark.parametrize(("gamma", "order"), [(0.4, 2), (0.7, 3)])
def test_it_is_the_norm_of_the_kernels_difference(
    kernel: str, unit_norm: bool, reduction: str, gamma: float, order: int
) -> None:
    params: dict[str, Any] = {
        "kernel": kernel,
        "unit_norm": unit_norm,
        "reduction": reduction,
        "gamma": gamma,
        "order": order,
    }
    term = build(**params)
    embeddings = embed(term)
    if unit_norm:
        embeddings = [torch.stack([row / row.norm() for row in rows]) for rows in embeddings]
    mine, wanted = (correlate(rows, kernel, gamma, order) for rows in embeddings)
    squares = sum((mine[i][j] - wanted[i][j]) ** 2 for i in range(5) for j in range(5))
    expected = (squares if reduction == "square" else squares**0.5) / 25
    assert compute(term).item() == pytest.approx(expected, rel=1e-10)


def test_by_default_it_is_the_papers_loss_and_not_torchdistills() -> None:
    paper = build(kernel="gaussian", unit_norm=True, reduction="square", gamma=0.4, order=2)
    assert compute(build()).item() == compute(paper).item()
    assert compute(build()).item() != pytest.approx(compute(build(unit_norm=False, reduction="norm")).item(), rel=0.1)


def test_by_default_the_series_is_of_order_2_and_comes_near_the_gaussian_kernel() -> None:
    unit = torch.nn.functional.normalize(randn(4, 3), dim=1)
    gaussian = torch.exp(-0.4 * (unit[:, None] - unit).square().sum(2))
    near, far = build()._correlate(unit), build(order=12)._correlate(unit)
    assert (near - gaussian).abs().max() < 0.06
    assert torch.allclose(far, gaussian, rtol=1e-9)
    assert near.tolist() == build(gamma=0.4, order=2)._correlate(unit).tolist()


def test_the_form_author_is_that_of_the_published_implementation() -> None:
    row = ROWS["cckd.repdistiller_author_code"]
    tensors = draw(row)
    student, teacher = tensors["student_emb"].requires_grad_(), tensors["teacher_emb"].requires_grad_()
    term = build(student, teacher, embedding_size=16, form="author")
    for layer in (term.embed_student, term.embed_teacher):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    value = compute(term, student, teacher)
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    assert student.grad is not None
    assert student.grad.norm().item() == pytest.approx(row["grad_l2"]["student_emb"], rel=1e-9)
    assert teacher.grad is None


def test_the_form_author_multiplies_samples_side_by_side() -> None:
    term = build(form="author")
    mine, others = embed(term)
    differences = [[abs(a - b) for a, b in zip(x, y, strict=True)] for x, y in zip(mine, others, strict=True)]
    expected = sum(a * b for i in range(4) for a, b in zip(differences[i], differences[i + 1], strict=True)) / 4
    assert compute(term).item() == pytest.approx(expected.item(), rel=1e-10)


@given(seeds)
def test_the_kernel_does_not_see_rotation_of_the_embeddings(seed: int) -> None:
    term = build()
    before = compute(term).item()
    rotation, _ = torch.linalg.qr(randn(3, 3, seed=seed))
    with torch.no_grad():
        term.embed_student.weight.copy_(rotation @ term.embed_student.weight)
        term.embed_student.bias.copy_(rotation @ term.embed_student.bias)
    assert compute(term).item() == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize("form", ["kernel", "author"])
def test_both_embeddings_learn_and_the_teacher_does_not(form: str) -> None:
    student, teacher = randn(5, 2, 3, 3).requires_grad_(), randn(5, 4, 7, seed=1).requires_grad_()
    term = build(student, teacher, form=form)
    compute(term, student, teacher).backward()
    assert all(parameter.grad is not None and parameter.grad.norm() > 0 for parameter in term.parameters())
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize(("form", "reduction"), [("kernel", "square"), ("kernel", "norm"), ("author", "square")])
def test_embeddings_that_agree_have_a_finite_gradient(form: str, reduction: str) -> None:
    student = randn(5, 4).requires_grad_()
    term = build(student, student.detach(), form=form, reduction=reduction)
    term.embed_teacher.load_state_dict(term.embed_student.state_dict())
    value = compute(term, student, student.detach())
    value.backward()
    assert value.item() == 0
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_a_lone_sample_has_no_neighbour() -> None:
    assert compute(build(form="author"), STUDENT[:1], TEACHER[:1]).item() == 0
