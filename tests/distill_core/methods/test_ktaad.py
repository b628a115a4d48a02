"""KTAAD: both of its stages, and both affinities written out pixel by pixel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import SpecError
from distill_core.methods.ktaad import KTAAD, KTAADAutoencoder, _measure
from distill_core.paraphraser import Paraphraser
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

AFFINITIES = ["per_channel", "pixels"]
STUDENT, TEACHER = {"stage3": randn(4, 3, 2, 4)}, {"stage3": randn(4, 6, 2, 4, seed=1)}


def build_autoencoder(**params: Any) -> KTAADAutoencoder:
    torch.manual_seed(0)
    term = build_term("ktaad_autoencoder", params, {}, TEACHER)
    assert isinstance(term, KTAADAutoencoder)
    return term


def build(student: Tensor = STUDENT["stage3"], **params: Any) -> KTAAD:
    imports = build_autoencoder().exported()
    term = build_term("ktaad", params, {"stage3": student}, TEACHER, imports=imports)
    assert isinstance(term, KTAAD)
    return term.eval()


def compute(term: KTAAD, student: Tensor = STUDENT["stage3"]) -> dict[str, Tensor]:
    parts: dict[str, Tensor] = term(activate({"stage3": student}), activate(TEACHER), batch_of(4))
    return parts


def list_affinities(x: Tensor, affinity: str) -> list[Tensor]:
    """Return the affinities of the pixels of one map [C H W], one a channel or one in all, by loops."""
    pixels = x.flatten(1)
    count = pixels.shape[1]
    if affinity == "pixels":
        units = [pixels[:, i] / pixels[:, i].norm() for i in range(count)]
        return [torch.stack([torch.stack([a @ b for b in units]) for a in units])]
    units = [channel / channel.norm() for channel in pixels]
    return [torch.stack([torch.stack([a * b for b in unit]) for a in unit]) for unit in units]


def expect_affinity(x: Tensor, y: Tensor, affinity: str) -> float:
    total = 0.0
    for mine, wanted in zip(x, y, strict=True):
        pairs = zip(list_affinities(mine, affinity), list_affinities(wanted, affinity), strict=True)
        total += sum(float((a - b).square().sum()) ** 0.5 for a, b in pairs)
    return total / len(x) / x[0, 0].numel()


def test_the_first_stage_reconstructs_the_map_from_a_sparse_code() -> None:
    term, target = build_autoencoder(sparsity=0.01), TEACHER["stage3"].clone().requires_grad_()
    value = term({}, activate({"stage3": target}), batch_of(4))
    with torch.no_grad():
        error = (term.autoencoder(target) - target).square().mean()
        code = sum(abs(entry) for entry in term.autoencoder.encoder(target).flatten().tolist())
    assert value.item() == pytest.approx(error.item() + 0.01 * code, rel=1e-9)
    value.backward()
    assert target.grad is None
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert term.places(term.params).student == ()
    assert set(term.exported()) == set(KTAADAutoencoder.exports) == set(KTAAD.imports)


def test_the_code_has_a_share_of_the_channels() -> None:
    autoencoder = build_autoencoder(rate=0.34, batch_norm=False).autoencoder
    assert autoencoder.num_factors == 2
    assert [type(layer) for layer in autoencoder.encoder] == [nn.Conv2d, nn.LeakyReLU] * 3


def test_the_adapted_map_imitates_the_code_at_length_one() -> None:
    term = build()
    with torch.no_grad():
        mine, wanted = term.feature_adapter(STUDENT["stage3"]), term.encoder(TEACHER["stage3"])
    rows = [[row / row.norm() for row in x.flatten(1)] for x in (mine, wanted)]
    expected = sum(float((a - b).abs().mean()) for a, b in zip(*rows, strict=True)) / 4
    assert compute(term)["kta"].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("affinity", AFFINITIES)
def test_the_affinity_is_that_of_pixels_pair_by_pair(affinity: str) -> None:
    term = build(affinity=affinity)
    with torch.no_grad():
        maps = term.affinity_adapter(STUDENT["stage3"]), term.encoder(TEACHER["stage3"])
    assert compute(term)["ad"].item() == pytest.approx(expect_affinity(*maps, affinity), rel=1e-10)


@given(st.integers(0, 1000), st.floats(1e-9, 1))
def test_the_norm_of_a_difference_of_products_keeps_its_digits(seed: int, distance: float) -> None:
    x = randn(3, 5, seed=seed)
    y = x + distance * randn(3, 5, seed=seed + 1)
    exact = (x.mT @ (x - y) + (x - y).mT @ y).norm()  # x^T x - y^T y without the difference of large numbers
    assert _measure(x, y).item() == pytest.approx(exact.item(), rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 5), (1, 5)])
def test_equal_maps_have_equal_affinities_and_a_finite_derivative(shape: tuple[int, int]) -> None:
    for x in (randn(*shape), torch.zeros(shape, dtype=torch.float64)):
        learning = x.clone().requires_grad_()
        value = _measure(learning, x)
        value.backward()
        assert value.item() == pytest.approx(0, abs=1e-100)
        assert learning.grad is not None
        assert torch.isfinite(learning.grad).all()


@pytest.mark.parametrize("affinity", AFFINITIES)
def test_the_larger_map_is_pooled_to_the_smaller(affinity: str) -> None:
    student = randn(4, 3, 4, 8)
    term = build(student, affinity=affinity)
    parts = compute(term, student)
    with torch.no_grad():
        code = term.encoder(TEACHER["stage3"])
        pooled = functional.avg_pool2d(term.affinity_adapter(student), 2)
    assert parts["ad"].item() == pytest.approx(expect_affinity(pooled, code, affinity), rel=1e-10)
    assert parts["kta"].item() > 0


def test_the_encoder_is_a_copy_that_learns_nothing_and_stays_in_evaluation_mode() -> None:
    teacher = TEACHER["stage3"].clone().requires_grad_()
    term = build().train()
    before = {name: tensor.clone() for name, tensor in term.encoder.state_dict().items()}
    student = STUDENT["stage3"].clone().requires_grad_()
    parts = term(activate({"stage3": student}), activate({"stage3": teacher}), batch_of(4))
    (50 * parts["kta"] + parts["ad"]).backward()
    assert all(tensor.equal(before[name]) for name, tensor in term.encoder.state_dict().items())
    assert not any(parameter.requires_grad for parameter in term.encoder.parameters())
    assert all(parameter.grad is not None for parameter in term.parameters() if parameter.requires_grad)
    assert student.grad is not None
    assert teacher.grad is None
    assert term.feature_adapter.training
    assert not term.encoder.training


def test_the_adapters_are_those_of_torchdistill() -> None:
    term = build()
    assert [type(layer) for layer in term.feature_adapter] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert term.affinity_adapter.kernel_size == (3, 3)
    assert term.affinity_adapter(STUDENT["stage3"]).shape == term.encoder(TEACHER["stage3"]).shape == (4, 3, 2, 4)


@pytest.mark.parametrize("imports", [{}, {"autoencoder": nn.Identity()}])
def test_a_missing_autoencoder_is_refused(imports: dict[str, nn.Module]) -> None:
    with pytest.raises(SpecError, match="no earlier stage has trained an auto-encoder"):
        build_term("ktaad", {}, STUDENT, TEACHER, imports=imports)


def test_an_autoencoder_of_other_maps_is_refused() -> None:
    imports = {"autoencoder": Paraphraser(8, 4, batch_norm=False)}
    with pytest.raises(SpecError, match="knows maps of 8 channels, but 'stage3' gives 6") as caught:
        build_term("ktaad", {}, STUDENT, TEACHER, imports=imports)
    assert caught.value.problems[0].pointer == "/params/teacher_place"


@pytest.mark.parametrize(
    ("method", "student", "teacher", "pointer"),
    [
        ("ktaad_autoencoder", STUDENT, {"stage3": randn(4, 6)}, "/params/teacher_place"),
        ("ktaad", {"stage3": randn(4, 8, 6)}, TEACHER, "/params/student_place"),
    ],
    ids=["vector", "tokens"],
)
def test_what_is_no_map_is_refused(method: str, student: dict[str, Tensor], teacher: Any, pointer: str) -> None:
    with pytest.raises(SpecError, match="takes a map") as caught:
        build_term(method, {}, student, teacher)
    assert caught.value.problems[0].pointer == pointer
