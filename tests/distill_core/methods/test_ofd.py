"""Overhauled feature distillation: published values, the formula in loops, margins, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import Problem, SpecError
from distill_core.methods.ofd import OFD, compute_margin, partial_square
from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import Named, activate, batch_of, build_term, randn

PLACES = ("stage1.pre", "stage2.pre", "stage3.pre")


def build_norm(channels: int, seed: int = 0) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels).double()
    with torch.no_grad():
        norm.weight.copy_(randn(channels, seed=seed))
        norm.bias.copy_(randn(channels, seed=seed + 1))
    return norm


def maps(seed: int, channels: int, side: int = 4) -> dict[str, Tensor]:
    return {place: randn(2, channels, side, side, seed=seed + number) for number, place in enumerate(PLACES)}


STUDENT, TEACHER = maps(0, 3), maps(10, 5)
NORMS: dict[str, nn.Module] = {f"bn{number}": build_norm(5, seed=20 * number) for number in (1, 2, 3)}


def build(student: Named = STUDENT, teacher: Named = TEACHER, **params: Any) -> OFD:
    facts: dict[str, Any] = {
        "copy_teacher": NORMS.__getitem__,
        "find_norm": lambda place: place.replace("stage", "bn").removesuffix(".pre"),
    }
    term = build_term("ofd", params, student, teacher, **facts)
    assert isinstance(term, OFD)
    return term


def compute(term: OFD, student: Named = STUDENT, teacher: Named = TEACHER) -> Tensor:
    value: Tensor = term(activate(student), activate(teacher), batch_of(2))
    return value


@pytest.mark.parametrize("name", ["ofd.official_loss", "ofd.mdistiller_batch_mean", "ofd.seed001_loss"])
def test_value_and_gradient_are_those_of_the_published_implementation(name: str) -> None:
    row, tensors = ROWS[name], draw(ROWS[name])
    student, teacher = ({"stage1.pre": tensors[f"{role}_feat0"].requires_grad_()} for role in ("student", "teacher"))
    term = build_term(
        "ofd",
        {"reduction": "batchmean" if "mdistiller" in name else "sum"},
        student,
        teacher,
        copy_teacher=lambda _: nn.BatchNorm2d(16),
        find_norm=lambda _: "",
    )
    term.connectors = nn.ModuleList([nn.Identity()])
    term.register_buffer("margin0", tensors["neg_margin"])
    value = term(activate(student), activate(teacher), batch_of(8))
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    gradient = student["stage1.pre"].grad
    assert gradient is not None
    assert gradient.norm().item() == pytest.approx(row["grad_l2"]["student_feat0"], rel=1e-9)
    assert teacher["stage1.pre"].grad is None


def test_margins_are_those_of_the_published_implementation() -> None:
    row, tensors = ROWS["ofd_margin.official"], draw(ROWS["ofd_margin.official"])
    margins = compute_margin(tensors["bn_weight"], tensors["bn_bias"])
    assert margins.tolist() == pytest.approx(row["components"]["margins"], rel=1e-5)
    assert margins.sum().item() == pytest.approx(row["value"], rel=1e-5)


@given(st.floats(0.01, 10), st.floats(-3, 3))
def test_a_margin_is_the_mean_of_the_negative_values(deviation: float, score: float) -> None:
    grid = torch.linspace(-12, 0, 2001, dtype=torch.float64) * deviation
    mean = score * deviation
    chance = torch.exp(-(((grid - mean) / deviation) ** 2) / 2)
    expected = torch.trapezoid(grid * chance, grid) / torch.trapezoid(chance, grid)
    (margin,) = compute_margin(torch.tensor([-deviation]), torch.tensor([mean])).tolist()
    assert margin == pytest.approx(expected.item(), rel=1e-3)


def test_a_channel_that_is_hardly_ever_negative_has_its_margin_at_three_deviations() -> None:
    rare = compute_margin(torch.tensor([2.0, 2.0, -0.5]), torch.tensor([6.2, 100.0, 50.0]))
    assert rare.tolist() == [-6.0, -6.0, -1.5]
    assert compute_margin(torch.tensor([2.0]), torch.tensor([6.1])).item() > -1  # share 0.00114: the mean


def test_channels_without_deviation_and_channels_far_below_zero_have_finite_margins() -> None:
    margins = compute_margin(torch.tensor([0.0, 0.0, 0.0, 0.1]), torch.tensor([-2.0, 0.0, 3.0, -50.0]))
    assert margins.tolist() == pytest.approx([-2.0, 0.0, 0.0, -50.0])


def penalise(mine: float, other: float, margin: float) -> float:
    if other > 0:
        return (mine - other) ** 2
    if margin < other:
        return (mine - other) ** 2 if mine > other else 0.0
    return (mine - margin) ** 2 if mine > margin else 0.0


def measure(x: Tensor, target: Tensor, margin: Tensor) -> float:
    return sum(
        penalise(mine, other, margin[channel].item())
        for channel in range(x.shape[1])
        for mine, other in zip(x[:, channel].flatten().tolist(), target[:, channel].flatten().tolist(), strict=True)
    )


@pytest.mark.parametrize(("reduction", "divisor"), [("batchmean", 2), ("sum", 1)])
def test_it_is_the_difference_to_what_the_teacher_says_above_its_margin(reduction: str, divisor: int) -> None:
    term = build(reduction=reduction)
    expected = 0.0
    for number, (place, weight) in enumerate(zip(PLACES, (0.25, 0.5, 1.0), strict=True)):
        norm = NORMS[f"bn{number + 1}"]
        assert isinstance(norm, nn.BatchNorm2d)
        margin = compute_margin(norm.weight, norm.bias)
        expected += weight * measure(term.connectors[number](STUDENT[place]), TEACHER[place], margin) / divisor
    assert compute(term).item() == pytest.approx(expected, rel=1e-9)


def test_a_teachers_map_of_another_size_is_averaged_to_the_students() -> None:
    student, teacher = {"stage1.pre": randn(2, 3, 2, 2)}, {"stage1.pre": randn(2, 5, 4, 4, seed=1)}
    term = build(student, teacher)
    pooled = teacher["stage1.pre"].reshape(2, 5, 2, 2, 2, 2).mean((3, 5))
    x = term.connectors[0](student["stage1.pre"])
    expected = measure(x, pooled, term.get_buffer("margin0").flatten()) / 2
    assert compute(term, student, teacher).item() == pytest.approx(expected, rel=1e-9)


def test_a_student_below_a_target_that_is_not_positive_is_left_alone() -> None:
    target, margin = randn(2, 3, 4, 4), -torch.ones(1, 3, 1, 1).double()
    raised = target.clamp_min(-1)
    below = torch.where(raised > 0, raised, raised - 5).requires_grad_()
    assert partial_square(below, target, margin).item() == 0
    assert partial_square(raised + 1, target, margin).item() == pytest.approx(target.numel())


def test_every_connector_learns_and_the_teacher_gets_no_gradient() -> None:
    teacher = {place: x.clone().requires_grad_() for place, x in TEACHER.items()}
    term = build()
    compute(term, teacher=teacher).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert all(x.grad is None for x in teacher.values())
    assert all(parameter.grad is None for norm in NORMS.values() for parameter in norm.parameters())


def test_norms_named_by_hand_are_taken_instead_of_those_that_the_model_knows() -> None:
    term = build(teacher_norms=["bn3", "bn2", "bn1"])
    named = [build().get_buffer(f"margin{number}") for number in (2, 1, 0)]
    assert all(term.get_buffer(f"margin{number}").equal(margin) for number, margin in enumerate(named))


@pytest.mark.parametrize("named", [["bn1"], ["bn1", "bn2", "bn3", "bn1"]])
def test_every_place_of_the_teacher_needs_its_norm(named: list[str]) -> None:
    with pytest.raises(SpecError, match=f"{len(named)} BatchNorms for 3 places") as caught:
        build(teacher_norms=named)
    assert caught.value.problems[0].pointer == "/params/teacher_norms"


@pytest.mark.parametrize("norm", [build_norm(4), nn.ReLU(), nn.BatchNorm2d(5, affine=False)])
def test_what_gives_no_margins_for_a_map_is_refused(norm: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NORMS, "bn2", norm)
    with pytest.raises(SpecError, match="'bn2' of the teacher is") as caught:
        build()
    assert caught.value.problems[0].pointer == "/params/teacher_norms"


def test_a_model_that_does_not_know_its_norms_is_told_at_the_option() -> None:
    def refuse(place: str) -> str:
        raise SpecError([Problem("", "norm_unknown", "does not say", place)])

    with pytest.raises(SpecError) as caught:
        build_term("ofd", {}, STUDENT, TEACHER, copy_teacher=NORMS.__getitem__, find_norm=refuse)
    assert caught.value.problems[0].pointer == "/params/teacher_norms"


@pytest.mark.parametrize(("student", "teacher"), [((16, 3), (16, 3)), ((3, 4, 4), (5,)), ((3,), (5, 4, 4))])
def test_tokens_and_vectors_are_refused(student: tuple[int, ...], teacher: tuple[int, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        build({"stage1.pre": randn(2, *student)}, {"stage1.pre": randn(2, *teacher)})
    assert caught.value.problems[0].pointer == "/params/student_places/0"


def test_without_a_teacher_there_are_no_margins() -> None:
    with pytest.raises(SpecError, match="there is none"):
        build_term("ofd", {}, STUDENT, TEACHER)


def test_the_margin_follows_the_dtype_of_the_maps() -> None:
    x = randn(2, 3, 2, 2).float()
    value = partial_square(x, x, torch.full((1, 3, 1, 1), -math.pi, dtype=torch.float64))
    assert value.dtype == torch.float32
