from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.errors import DataError
from distill_core.methods.ce import CE, CEParams
from distill_core.mix import Mixture, draw_mixture, mix, mix_outputs
from distill_core.spec.training import MixSpec
from distill_core.tap import LOGITS
from distill_core.tensors import Batch

CPU = torch.device("cpu")
NUM_CLASSES = 5
SPECS = st.builds(
    MixSpec,
    mixup=st.none() | st.floats(0.1, 5),
    cutmix=st.none() | st.floats(0.1, 5),
    probability=st.floats(0.1, 1),
    switch_probability=st.floats(0, 1),
)
STEPS, SEEDS = st.integers(0, 10**6), st.integers(0, 2**32 - 1)


def make_batch(size: int = 6, height: int = 9, width: int = 7, **changes: Any) -> Batch:
    generator = torch.Generator().manual_seed(size)
    rows = torch.arange(size)
    fields: dict[str, Any] = {
        "index": rows,
        "labels": torch.randint(NUM_CLASSES, (size,), generator=generator),
        "inputs": {
            "plain": torch.rand(size, 3, height, width, generator=generator),
            "rows": rows.float()[:, None, None, None].expand(size, 1, height, width),
        },
    }
    return Batch(**(fields | changes))


def image(batch: Batch, view: str) -> Tensor:
    inputs = batch.inputs[view]
    assert isinstance(inputs, Tensor)
    return inputs


@given(spec=SPECS, seed=SEEDS, step=STEPS, size=st.integers(1, 9))
def test_labels_sum_to_one_and_shares_lie_between_zero_and_one(spec: MixSpec, seed: int, step: int, size: int) -> None:
    mixed, mixture = mix(make_batch(size), spec, NUM_CLASSES, seed, step)
    assert mixed.labels.shape == (size, NUM_CLASSES)
    assert torch.allclose(mixed.labels.sum(1), torch.ones(size), atol=1e-6)
    assert (mixed.labels >= 0).all()
    assert 0 <= mixture.share <= 1
    assert mixture.partner.sort().values.equal(torch.arange(size))


@given(spec=SPECS, seed=SEEDS, step=STEPS)
def test_the_same_step_mixes_the_same_and_moves_no_generator(spec: MixSpec, seed: int, step: int) -> None:
    np.random.seed(1)  # noqa: NPY002  the global state is what must not move
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    first, one = mix(make_batch(), spec, NUM_CLASSES, seed, step)
    second, other = mix(make_batch(), spec, NUM_CLASSES, seed, step)
    assert torch.get_rng_state().equal(states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # type: ignore[index]  # noqa: NPY002
    assert one.partner.equal(other.partner)
    assert (one.share, one.box) == (other.share, other.box)
    assert first.labels.equal(second.labels)
    assert all(image(first, view).equal(image(second, view)) for view in first.inputs)


@given(alpha=st.floats(0.1, 5), seed=SEEDS, step=STEPS, height=st.integers(1, 40), width=st.integers(1, 40))
def test_the_area_that_cutmix_keeps_is_the_label_share(
    alpha: float, seed: int, step: int, height: int, width: int
) -> None:
    batch = make_batch(4, height, width, labels=torch.arange(4))
    mixed, mixture = mix(batch, MixSpec(cutmix=alpha), NUM_CLASSES, seed, step)
    assert mixture.box is not None
    own = (image(mixed, "rows") == image(batch, "rows")).sum((1, 2, 3))
    moved = mixture.partner != torch.arange(4)
    assert own[moved].tolist() == [round(mixture.share * height * width)] * int(moved.sum())
    assert own[moved].tolist() == pytest.approx([mixture.share * height * width] * int(moved.sum()), abs=1e-9)
    shares = mixed.labels[torch.arange(4), batch.labels]
    assert torch.allclose(shares[moved], torch.tensor(mixture.share, dtype=torch.float32), atol=1e-7)


@given(seed=SEEDS, step=STEPS)
def test_every_pixel_of_cutmix_is_of_the_sample_or_of_its_partner(seed: int, step: int) -> None:
    batch = make_batch()
    mixed, mixture = mix(batch, MixSpec(cutmix=1.0), NUM_CLASSES, seed, step)
    own, foreign = image(batch, "plain"), image(batch, "plain")[mixture.partner]
    inside = torch.zeros(own.shape[2:], dtype=torch.bool)
    top, bottom, left, right = mixture.box or (0, 0, 0, 0)
    inside[top:bottom, left:right] = True
    assert image(mixed, "plain").equal(torch.where(inside, foreign, own))


def test_mixup_blends_all_views_and_labels_in_the_same_way() -> None:
    batch = make_batch()
    mixed, mixture = mix(batch, MixSpec(mixup=1.0), NUM_CLASSES, 3, 4)
    share, partner = mixture.share, mixture.partner
    assert 0 < share < 1
    for view in batch.inputs:
        own = image(batch, view)
        assert torch.allclose(image(mixed, view), share * own + (1 - share) * own[partner], atol=1e-6)
    hard = torch.nn.functional.one_hot(batch.labels, NUM_CLASSES)
    assert torch.allclose(mixed.labels, share * hard + (1 - share) * hard[partner], atol=1e-6)


def test_stored_outputs_are_mixed_like_labels() -> None:
    mixture = Mixture(torch.tensor([1, 2, 0]), 0.75)
    outputs = torch.randn(3, 4, 2)
    assert torch.allclose(mix_outputs(outputs, mixture), 0.75 * outputs + 0.25 * outputs[[1, 2, 0]])


def test_a_step_that_is_not_mixed_keeps_its_images_and_has_soft_labels_all_the_same() -> None:
    spec = MixSpec(mixup=1.0, probability=0.5)
    batch = make_batch()
    step = next(step for step in range(50) if draw_mixture(spec, (6, 9, 7), 0, step, CPU).share == 1)
    mixed, _ = mix(batch, spec, NUM_CLASSES, 0, step)
    assert image(mixed, "plain") is image(batch, "plain")
    assert mixed.labels.argmax(1).equal(batch.labels)
    assert mixed.labels.dtype == torch.float32


def test_kinds_are_taken_as_often_as_is_said() -> None:
    spec = MixSpec(mixup=1.0, cutmix=1.0, probability=0.8, switch_probability=0.25)
    mixtures = [draw_mixture(spec, (4, 32, 32), 7, step, CPU) for step in range(4000)]
    cut = sum(mixture.box is not None for mixture in mixtures)
    untouched = sum(mixture.box is None and mixture.share == 1 for mixture in mixtures)
    assert untouched / 4000 == pytest.approx(0.2, abs=0.03)
    assert cut / 4000 == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_have_the_moments_of_a_beta_distribution(alpha: float) -> None:
    spec = MixSpec(mixup=alpha)
    shares = torch.tensor([draw_mixture(spec, (2, 4, 4), 11, step, CPU).share for step in range(4000)])
    assert shares.mean().item() == pytest.approx(0.5, abs=0.03)
    assert shares.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_soft_labels_can_be_mixed_again_and_missing_ones_stay_missing() -> None:
    soft = torch.softmax(torch.randn(6, NUM_CLASSES), 1)
    mixed, mixture = mix(make_batch(labels=soft), MixSpec(mixup=1.0), NUM_CLASSES, 0, 0)
    assert mixed.labels.equal(mix_outputs(soft, mixture))
    assert mix(make_batch(labels=None), MixSpec(mixup=1.0), NUM_CLASSES, 0, 0)[0].labels is None


@pytest.mark.parametrize("kind", [{"mixup": 1.0}, {"cutmix": 1.0}])
def test_the_order_in_memory_and_the_precision_stay(kind: dict[str, float]) -> None:
    images = torch.rand(6, 3, 8, 8, dtype=torch.float64).to(memory_format=torch.channels_last)
    mixed, _ = mix(make_batch(inputs={"plain": images}), MixSpec(**kind), NUM_CLASSES, 0, 0)
    assert image(mixed, "plain").is_contiguous(memory_format=torch.channels_last)
    assert mixed.labels.dtype == torch.float64


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": {"text": {"ids": torch.zeros(6, 3)}}}, "the view 'text' holds dict"),
        ({"inputs": {"raw": torch.zeros(6, 3, 4, 4, dtype=torch.uint8)}}, "torch.uint8"),
        ({"inputs": {}}, "there is no view"),
        ({"inputs": {"a": torch.zeros(6, 3, 4, 4), "b": torch.zeros(6, 3, 5, 4)}}, "a 4x4, b 5x4"),
        ({"labels": [{"boxes": torch.zeros(1, 4)}]}, "the labels are list"),
        ({"labels": torch.zeros(6, 4)}, "probabilities"),
    ],
)
def test_what_cannot_be_mixed_is_told(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        mix(make_batch(**changes), MixSpec(mixup=1.0), NUM_CLASSES, 0, 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_smooths_mixed_labels_like_hard_ones(smoothing: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, NUM_CLASSES)
    batch = make_batch()
    mixed, mixture = mix(batch, MixSpec(mixup=1.0), NUM_CLASSES, 0, 0)
    term = CE(CEParams(label_smoothing=smoothing))
    own, foreign = (
        term({LOGITS: logits}, {}, make_batch(labels=labels))
        for labels in (batch.labels, batch.labels[mixture.partner])
    )
    expected = mixture.share * own + (1 - mixture.share) * foreign
    assert torch.allclose(term({LOGITS: logits}, {}, mixed), expected, atol=1e-6)
    target = (1 - smoothing) * mixed.labels + smoothing / NUM_CLASSES
    by_hand = -(target * logits.log_softmax(1)).sum(1).mean()
    assert torch.allclose(term({LOGITS: logits}, {}, mixed), by_hand, atol=1e-6)
