"""Each operation against Pillow's through torchvision, and who gets which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, RandAugment
from torchvision.transforms.v2 import functional

from distill_core.view.augment import CIFAR10, auto_augment, measure, rand_augment
from distill_core.view.operation import NUMBER, OPERATIONS, operate

CHANNELS = {"colour": 3, "grey": 1}
AFFINE: dict[str, Any] = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}


def photos(channels: int, height: int = 17, width: int = 22, count: int = 6) -> Tensor:
    """Return smooth images with some noise, none of which uses the whole range."""
    generator = torch.Generator().manual_seed(channels)
    coarse = torch.rand((count, channels, 4, 4), generator=generator) * 200 + 20
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (smooth + 10 * torch.rand(smooth.shape, generator=generator)).to(torch.uint8)


def operated(images: Tensor, name: str, level: float) -> Tensor:
    count = len(images)
    return operate(images, torch.full((count,), NUMBER[name]), torch.full((count,), level, dtype=torch.float64))


def through_pillow(images: Tensor, operation: Callable[[Any], Any]) -> Tensor:
    return torch.stack([functional.pil_to_tensor(operation(functional.to_pil_image(image))) for image in images])


def degrees(shear: float) -> float:
    return torch.tensor(shear, dtype=torch.float64).atan().rad2deg().item()


MOVED: dict[str, tuple[float, dict[str, Any]]] = {
    "shear_x": (0.17, {"shear": [degrees(0.17), 0.0], "center": [0, 0]}),
    "shear_y": (-0.23, {"shear": [0.0, degrees(-0.23)], "center": [0, 0]}),
    "translate_x": (5.0, {"translate": [5, 0]}),
    "translate_y": (-4.0, {"translate": [0, -4]}),
}
POINTWISE: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "posterize": (3.0, lambda image: functional.posterize(image, 3)),
    "solarize": (120.5, lambda image: functional.solarize(image, 120.5)),
    "auto_contrast": (0.0, functional.autocontrast),
    "equalize": (0.0, functional.equalize),
    "invert": (0.0, functional.invert),
}
MIXED: dict[str, Callable[[Any, float], Any]] = {
    "brightness": functional.adjust_brightness,
    "color": functional.adjust_saturation,
    "contrast": functional.adjust_contrast,
    "sharpness": functional.adjust_sharpness,
}


@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("name", MOVED)
def test_shears_and_shifts_are_torchvisions(name: str, channels: int) -> None:
    level, arguments = MOVED[name]
    images = photos(channels)
    assert operated(images, name, level).equal(functional.affine(images, **{**AFFINE, **arguments}))


@pytest.mark.parametrize("angle", [-30.0, -7.0, 12.0])
def test_a_rotation_is_torchvisions(angle: float) -> None:
    images = photos(3)
    found, wanted = operated(images, "rotate", angle), functional.rotate(images, angle)
    assert (found == wanted).float().mean().item() > 0.99  # theirs rounds in float32
    assert not found.equal(operated(images, "rotate", -angle))


@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("name", POINTWISE)
def test_tables_of_values_are_torchvisions(name: str, channels: int) -> None:
    level, operation = POINTWISE[name]
    images = photos(channels)
    found = operated(images, name, level)
    difference = (found.int() - operation(images).int()).abs()
    assert difference.max().item() <= (name == "auto_contrast")  # theirs cuts off what float32 leaves below a number
    assert difference.float().mean().item() < 0.05
    assert not found.equal(images)


@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("level", [-0.9, -0.27, 0.4, 0.9])
@pytest.mark.parametrize("name", MIXED)
def test_mixtures_are_pillows(name: str, level: float, channels: int) -> None:
    images = photos(channels)
    found = operated(images, name, level)
    wanted = through_pillow(images, lambda image: MIXED[name](image, 1 + level))
    difference = (found.int() - wanted.int()).abs()
    assert difference.max().item() <= 1  # where float32 comes to lie beside a whole number
    assert difference.float().mean().item() < 0.01
    assert found.equal(images) == (name == "color" and channels == 1)


@pytest.mark.parametrize("name", ["auto_contrast", "equalize", "sharpness"])
def test_what_has_no_extent_stays_as_it_is(name: str) -> None:
    flat = torch.full((2, 3, 2, 5), 77, dtype=torch.uint8)
    assert operated(flat, name, 0.9).equal(flat)


def test_every_sample_of_a_batch_has_its_own_operation() -> None:
    images = photos(3, count=len(OPERATIONS))
    levels = torch.tensor([measure(name, 9, 31, (17, 22)) for name in OPERATIONS], dtype=torch.float64)
    together = operate(images, torch.arange(len(OPERATIONS)), levels)
    for number, name in enumerate(OPERATIONS):
        assert together[number : number + 1].equal(operated(images[number : number + 1], name, float(levels[number])))
    assert together[0].equal(images[0])
    assert all(not together[number].equal(images[number]) for number in range(1, len(OPERATIONS)))


THEIR_NAMES = {
    "Identity": "identity", "ShearX": "shear_x", "ShearY": "shear_y", "TranslateX": "translate_x",
    "TranslateY": "translate_y", "Rotate": "rotate", "Brightness": "brightness", "Color": "color",
    "Contrast": "contrast", "Sharpness": "sharpness", "Posterize": "posterize", "Solarize": "solarize",
    "AutoContrast": "auto_contrast", "Equalize": "equalize", "Invert": "invert",
}  # fmt: skip


@pytest.mark.parametrize("magnitude", [0, 1, 9, 15, 30])
def test_strengths_are_torchvisions(magnitude: int) -> None:
    theirs = RandAugment()._augmentation_space(31, (40, 60))
    assert [THEIR_NAMES[name] for name in theirs] == [name for name in OPERATIONS if name != "invert"]
    for name, (levels, _) in theirs.items():
        wanted = float(levels[magnitude]) if levels.ndim else 0.0
        found = measure(THEIR_NAMES[name], magnitude, 31, (40, 60))
        assert found == (int(wanted) if name.startswith("Translate") else pytest.approx(wanted, rel=1e-5, abs=1e-4))


def test_the_pairs_are_torchvisions() -> None:
    theirs = [
        tuple((THEIR_NAMES[name], probability, step or 0) for name, probability, step in pair)
        for pair in AutoAugment(AutoAugmentPolicy.CIFAR10).policies
    ]
    assert list(CIFAR10) == theirs


def test_every_operation_is_drawn_equally_often_and_half_of_the_signed_ones_are_negative() -> None:
    count = 7000
    image = photos(3, 5, 6, 1)
    shown = rand_augment(image.expand(count, -1, -1, -1), 1, 12, torch.arange(count), 3)
    rows, counts = shown.flatten(1).unique(dim=0, return_counts=True)
    signs = [1, -1]
    possible = {
        (name, sign): operated(image, name, sign * measure(name, 12, 31, (5, 6))).flatten().tolist()
        for name in OPERATIONS
        for sign in (signs if name in MOVED or name in MIXED or name == "rotate" else signs[:1])
        if name != "invert"
    }
    assert sorted(rows.tolist()) == sorted({tuple(values): list(values) for values in possible.values()}.values())
    frequency = dict(zip(map(tuple, rows.tolist()), counts.tolist(), strict=True))
    for (name, _), values in possible.items():
        shares = sum(
            1 / 14 / (2 if (other, -1) in possible else 1) for (other, _), same in possible.items() if same == values
        )
        assert frequency[tuple(values)] / count == pytest.approx(shares, abs=0.012), name


def test_as_many_operations_are_applied_as_are_asked_for() -> None:
    images = photos(3, count=1).expand(400, -1, -1, -1)
    changed = [
        (rand_augment(images, number, 15, torch.arange(400), 0) != images).flatten(1).any(1).float().mean().item()
        for number in (1, 2, 4)
    ]
    assert changed[0] == pytest.approx(13 / 14, abs=0.05)
    assert changed[0] < changed[1] <= changed[2]


def test_auto_augment_applies_pairs_with_their_probabilities() -> None:
    count = 3000
    image = photos(3, 18, 18, 1)
    shown = auto_augment(image.expand(count, -1, -1, -1), torch.arange(count), 1)
    untouched = 0.0
    for pair in CIFAR10:
        visible = [
            probability * (not operated(image, name, measure(name, step, 10, (18, 18))).equal(image))
            for name, probability, step in pair
        ]
        untouched += (1 - visible[0]) * (1 - visible[1]) / len(CIFAR10)
    stays = (shown == image).flatten(1).all(1).float().mean().item()
    assert stays == pytest.approx(untouched, abs=0.025)


@settings(max_examples=20, deadline=None)  # the first call of an operator is slow
@given(
    rows=st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True),
    seed=st.integers(0, 2**32 - 1),
    channels=st.sampled_from([1, 2, 3]),
    is_float=st.booleans(),
)
def test_a_sample_is_shown_alike_in_every_batch(rows: list[int], seed: int, channels: int, is_float: bool) -> None:
    images, index = photos(channels, count=10), torch.arange(10)
    images = images.float() / 255 if is_float else images
    for augment in (auto_augment, lambda *arguments: rand_augment(arguments[0], 2, 9, *arguments[1:])):
        together = augment(images, index, seed)
        assert together.dtype == torch.uint8
        assert together.shape == images.shape
        assert augment(images[rows], index[rows], seed).equal(together[rows])
