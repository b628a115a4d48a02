"""Factor transfer: both of its stages."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import SpecError
from distill_core.methods.ft import FT, FTParaphraser
from distill_core.paraphraser import Paraphraser
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

STUDENT, TEACHER = {"stage3": randn(4, 3, 4, 4)}, {"stage3": randn(4, 6, 4, 4, seed=1)}


def build_paraphraser(**params: Any) -> FTParaphraser:
    term = build_term("ft_paraphraser", params, {}, TEACHER)
    assert isinstance(term, FTParaphraser)
    return term


def build_transfer(student: Tensor = STUDENT["stage3"], paraphraser: FTParaphraser | None = None, **params: Any) -> FT:
    imports = (paraphraser or build_paraphraser()).exported()
    term = build_term("ft", params, {"stage3": student}, TEACHER, imports=imports)
    assert isinstance(term, FT)
    return term


def compute(term: FT, student: Tensor = STUDENT["stage3"]) -> Tensor:
    value: Tensor = term(activate({"stage3": student}), activate(TEACHER), batch_of(4))
    return value


def normalise(factor: Tensor) -> Tensor:
    return torch.stack([row / row.norm() for row in factor.flatten(1)])


def test_the_paraphraser_reconstructs_the_teachers_map() -> None:
    term = build_paraphraser()
    target = TEACHER["stage3"]
    value = term({}, activate(TEACHER), batch_of(4))
    assert value.item() == pytest.approx((term.paraphraser(target) - target).square().mean().item())
    assert term.places(term.params).student == ()
    assert set(term.exported()) == set(FTParaphraser.exports) == set(FT.imports)


def test_its_sum_is_over_the_whole_batch() -> None:
    mean, total = build_paraphraser(), build_paraphraser(reduction="sum")
    total.load_state_dict(mean.state_dict())
    values = [term({}, activate(TEACHER), batch_of(4)).item() for term in (mean, total)]
    assert values[1] == pytest.approx(values[0] * TEACHER["stage3"].numel())


def test_the_factor_has_a_share_of_the_channels() -> None:
    paraphraser = build_paraphraser(rate=0.34).paraphraser
    assert paraphraser.num_factors == 2
    assert [type(layer) for layer in paraphraser.encoder] == [nn.Conv2d, nn.LeakyReLU] * 3
    assert [type(layer) for layer in paraphraser.decoder] == [nn.ConvTranspose2d, nn.LeakyReLU] * 3


def test_it_learns_what_the_teacher_shows_and_gives_it_no_gradient() -> None:
    target = TEACHER["stage3"].clone().requires_grad_()
    term = build_paraphraser()
    term({}, activate({"stage3": target}), batch_of(4)).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert target.grad is None


@pytest.mark.parametrize("power", [1, 2])
def test_factors_of_length_one_are_compared(power: int) -> None:
    term = build_transfer(power=power)
    mine, wanted = term.translator(STUDENT["stage3"]), term.paraphraser(TEACHER["stage3"])
    expected = (normalise(mine) - normalise(wanted)).abs().pow(power).mean()
    assert compute(term).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("power", [1, 2])
def test_a_norm_is_taken_a_sample_and_averaged_over_the_batch(power: int) -> None:
    term = build_transfer(power=power, reduction="norm")
    mine, wanted = term.translator(STUDENT["stage3"]), term.paraphraser(TEACHER["stage3"])
    rows = (normalise(mine) - normalise(wanted)).tolist()
    lengths = [sum(abs(number) ** power for number in row) ** (1 / power) for row in rows]
    assert compute(term).item() == pytest.approx(sum(lengths) / len(lengths), rel=1e-12)


def test_equal_factors_have_distance_0_and_a_finite_gradient_in_the_norm() -> None:
    term = build_transfer(TEACHER["stage3"], power=2, reduction="norm")
    term.paraphraser = term.translator
    student = TEACHER["stage3"].clone().requires_grad_()
    value = compute(term, student)
    value.backward()
    assert value.item() == 0
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_attention_compares_the_mean_squares_over_channels() -> None:
    term = build_transfer(factor="attention")
    mine, wanted = (
        x.square().mean(1) for x in (term.translator(STUDENT["stage3"]), term.paraphraser(TEACHER["stage3"]))
    )
    assert compute(term).item() == pytest.approx((normalise(mine) - normalise(wanted)).abs().mean().item(), rel=1e-12)


def test_the_larger_factor_is_pooled_to_the_smaller() -> None:
    student = randn(4, 3, 8, 8)
    term = build_transfer(student)
    mine = functional.adaptive_avg_pool2d(term.translator(student), 4)
    expected = (normalise(mine) - normalise(term.paraphraser(TEACHER["stage3"]))).abs().mean()
    assert compute(term, student).item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_taken_over_paraphraser_is_a_copy_that_learns_nothing_and_stays_in_evaluation_mode() -> None:
    original = build_paraphraser(batch_norm=True)
    term = build_transfer(paraphraser=original, batch_norm=True).train()
    before = {name: tensor.clone() for name, tensor in term.paraphraser.state_dict().items()}
    student = STUDENT["stage3"].clone().requires_grad_()
    compute(term, student).backward()
    assert all(tensor.equal(before[name]) for name, tensor in term.paraphraser.state_dict().items())
    assert not any(parameter.requires_grad for parameter in term.paraphraser.parameters())
    assert all(parameter.grad is not None for parameter in term.parameters() if parameter.requires_grad)
    assert all(parameter.requires_grad for parameter in original.parameters())
    assert student.grad is not None
    assert term.translator.training
    assert not term.paraphraser.training


@pytest.mark.parametrize("imports", [{}, {"paraphraser": nn.Identity()}])
def test_a_missing_paraphraser_is_refused(imports: dict[str, nn.Module]) -> None:
    with pytest.raises(SpecError, match="no earlier stage has trained a paraphraser"):
        build_term("ft", {}, STUDENT, TEACHER, imports=imports)


def test_a_paraphraser_of_other_maps_is_refused() -> None:
    imports = {"paraphraser": Paraphraser(8, 4, batch_norm=False)}
    with pytest.raises(SpecError, match="knows maps of 8 channels, but 'stage3' gives 6"):
        build_term("ft", {}, STUDENT, TEACHER, imports=imports)


@pytest.mark.parametrize(
    ("method", "student", "teacher", "pointer"),
    [
        ("ft_paraphraser", STUDENT, {"stage3": randn(4, 6)}, "/params/teacher_place"),
        ("ft", {"stage3": randn(4, 6)}, TEACHER, "/params/student_place"),
    ],
)
def test_vectors_are_refused(method: str, student: dict[str, Tensor], teacher: dict[str, Tensor], pointer: str) -> None:
    with pytest.raises(SpecError, match="takes a map") as caught:
        build_term(method, {}, student, teacher)
    assert caught.value.problems[0].pointer == pointer


def test_the_translator_gets_batch_norm_when_asked_for() -> None:
    layers = [type(layer) for layer in build_transfer().translator]
    assert layers == [nn.Conv2d, nn.LeakyReLU] * 3
    layers = [type(layer) for layer in build_transfer(batch_norm=True).translator]
    assert layers == [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU] * 3
