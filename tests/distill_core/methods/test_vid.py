"""VID: the likelihood of the teacher's maps, and what learns."""

from __future__ import annotations

from math import exp, log, pi
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import SpecError
from distill_core.methods.vid import VID
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

STUDENT, TEACHER = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)


def build(student: Tensor, teacher: Tensor, **params: Any) -> VID:
    torch.manual_seed(0)
    term = build_term("vid", params, {"stage1": student}, {"stage1": teacher})
    assert isinstance(term, VID)
    return term


def mean_of(term: VID) -> nn.Sequential:
    (mean,) = term.means
    assert isinstance(mean, nn.Sequential)
    return mean


def compute(term: VID, student: Tensor, teacher: Tensor) -> Tensor:
    parts: dict[str, Tensor] = term(activate({"stage1": student}), activate({"stage1": teacher}), batch_of(4))
    assert list(parts) == ["place1"]
    return parts["place1"]


def test_it_is_the_negative_log_likelihood_without_its_constant() -> None:
    term, rhos = build(STUDENT, TEACHER), [-5.0, -0.5, 0.0, 3.0, 15.0]
    term.rhos[0].data = torch.tensor(rhos, dtype=torch.float64)
    mean = mean_of(term)(STUDENT).detach()
    values = []
    for channel, rho in enumerate(rhos):
        deviation = (log(1 + exp(rho)) + 1e-5) ** 0.5
        normal = torch.distributions.Normal(mean[:, channel], deviation)
        values.append(-normal.log_prob(TEACHER[:, channel]) - log(2 * pi) / 2)
    expected = torch.stack(values).mean().item()
    assert compute(term, STUDENT, TEACHER).item() == pytest.approx(expected, rel=1e-9)


def test_the_mean_is_three_bare_1x1_convolutions_as_wide_as_the_teachers_map() -> None:
    first, second, third = (layer for layer in mean_of(build(STUDENT, TEACHER)) if isinstance(layer, nn.Conv2d))
    assert [tuple(layer.weight.shape) for layer in (first, second, third)] == [(5, 3, 1, 1), (5, 5, 1, 1), (5, 5, 1, 1)]
    assert all(layer.bias is None for layer in (first, second, third))
    matrices = [layer.weight[..., 0, 0] for layer in (first, second, third)]
    pixels = STUDENT.movedim(1, 3)
    for matrix in matrices[:2]:
        pixels = (pixels @ matrix.T).clamp_min(0)
    expected = (pixels @ matrices[2].T).movedim(3, 1)
    assert mean_of(build(STUDENT, TEACHER))(STUDENT).allclose(expected, rtol=1e-12)
    assert next(mean_of(build(STUDENT, TEACHER, width_ratio=2)).parameters()).shape[0] == 10


@pytest.mark.parametrize("variance", [5.0, 0.5])
def test_the_first_variance_is_the_wanted_one(variance: float) -> None:
    term = build(STUDENT, TEACHER, initial_variance=variance)
    assert functional.softplus(term.rhos[0]).add(1e-5).tolist() == pytest.approx([variance] * 5, rel=1e-6)
    if variance == 5:
        assert term.rhos[0][0].item() == pytest.approx(4.9932, abs=1e-4)


def test_the_variances_come_to_rest_at_the_mean_squared_errors() -> None:
    term = build(STUDENT, TEACHER)
    errors = (mean_of(term)(STUDENT) - TEACHER).square().mean((0, 2, 3)).detach()
    gradients = []
    for share in (0.5, 1, 2):
        term.rhos[0].data = (share * errors - 1e-5).expm1().log()  # the inverse of softplus
        (gradient,) = torch.autograd.grad(compute(term, STUDENT, TEACHER), list(term.rhos))
        gradients.append(gradient)
    below, at, above = gradients
    assert (below < -1e-3).all()
    assert at.abs().max() < 1e-12
    assert (above > 1e-3).all()


def test_it_is_negative_where_the_mean_is_right_and_the_variance_small() -> None:
    term = build(STUDENT, TEACHER, initial_variance=0.01)
    with torch.no_grad():
        wanted = mean_of(term)(STUDENT)
    assert compute(term, STUDENT, wanted).item() == pytest.approx(log(0.01) / 2, rel=1e-5)


def test_every_weight_gets_a_gradient_and_the_teacher_none() -> None:
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    term = build(student, teacher)
    compute(term, student, teacher).backward()
    assert len(list(term.parameters())) == 4
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert student.grad is not None
    assert teacher.grad is None


def test_the_larger_map_is_averaged_before_the_convolutions() -> None:
    larger = randn(4, 3, 4, 4)
    term = build(larger, TEACHER)
    expected = compute(term, functional.avg_pool2d(larger, 2), TEACHER)
    assert compute(term, larger, TEACHER).item() == pytest.approx(expected.item(), rel=1e-12)


def test_tokens_go_through_linear_layers() -> None:
    term, tokens = build(STUDENT, TEACHER), [x.flatten(2).mT for x in (STUDENT, TEACHER)]
    other = build(*tokens)
    for mine, theirs in zip(mean_of(other).parameters(), mean_of(term).parameters(), strict=True):
        mine.data = theirs.data.flatten(1)
    assert compute(other, *tokens).item() == pytest.approx(compute(term, STUDENT, TEACHER).item(), rel=1e-12)


@pytest.mark.parametrize(("student", "teacher"), [(randn(4, 3), randn(4, 3)), (randn(4, 5, 3), randn(4, 6, 3))])
def test_places_without_common_positions_are_refused(student: Tensor, teacher: Tensor) -> None:
    with pytest.raises(SpecError, match="two maps") as caught:
        build(student, teacher)
    assert caught.value.problems[0].pointer == "/params/student_places/0"
