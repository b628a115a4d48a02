from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from distill_core.spec.data import ViewSpec
from distill_core.view import render


def view(*transforms: dict[str, Any], seed: int = 0) -> ViewSpec:
    return ViewSpec.model_validate({"transforms": transforms, "seed": seed})


@pytest.fixture
def pixels() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (40, 3, 6, 6), generator=generator, dtype=torch.uint8)


def test_no_transform_gives_pixels_between_0_and_1(pixels: Tensor) -> None:
    assert render(view(), pixels, torch.arange(40), 0).equal(pixels.float() / 255)


def test_normalize_works_channel_by_channel(pixels: Tensor) -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 1.0, 2.0]
    images = render(view({"transform": "normalize", "mean": mean, "std": std}), pixels, torch.arange(40), 0)
    for channel in range(3):
        expected = (pixels[:, channel].float() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(images[:, channel], expected)


def test_pad_adds_a_border_of_zeros_and_resize_gives_the_size(pixels: Tensor) -> None:
    images = render(
        view({"transform": "pad", "padding": 2}, {"transform": "resize", "size": 5}), pixels, torch.arange(40), 0
    )
    assert images.shape == (40, 3, 5, 5)
    padded = render(view({"transform": "pad", "padding": 2}), pixels, torch.arange(40), 0)
    assert padded[:, :, 2:-2, 2:-2].equal(pixels.float() / 255)
    assert padded.count_nonzero() == pixels.count_nonzero()


def test_random_crop_cuts_a_window_of_the_padded_image(pixels: Tensor) -> None:
    crops = render(view({"transform": "random_crop", "padding": 2}), pixels, torch.arange(40), 0)
    padded = functional.pad(pixels.float() / 255, [2] * 4)
    places = set()
    for sample, crop in enumerate(crops):
        fitting = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if padded[sample, :, top : top + 6, left : left + 6].equal(crop)
        ]
        assert len(fitting) == 1
        places.add(fitting[0])
    assert len(places) > 12


def test_a_flip_mirrors_the_stated_share(pixels: Tensor) -> None:
    flips = render(
        view({"transform": "horizontal_flip", "probability": 0.3}), pixels.repeat(25, 1, 1, 1), torch.arange(1000), 0
    )
    plain = pixels.repeat(25, 1, 1, 1).float() / 255
    is_flipped = (flips == plain.flip(-1)).all((1, 2, 3))
    assert (is_flipped ^ (flips == plain).all((1, 2, 3))).all()
    assert 250 < is_flipped.sum() < 350


CHAIN = ({"transform": "random_crop", "padding": 2}, {"transform": "horizontal_flip"})


def test_a_sample_looks_the_same_in_every_batch(pixels: Tensor) -> None:
    together = render(view(*CHAIN), pixels, torch.arange(40), 3)
    rows = torch.tensor([31, 4, 17])
    assert render(view(*CHAIN), pixels[rows], rows, 3).equal(together[rows])


def test_epochs_and_view_seeds_change_what_is_random(pixels: Tensor) -> None:
    first = render(view(*CHAIN), pixels, torch.arange(40), 0)
    assert not first.equal(render(view(*CHAIN), pixels, torch.arange(40), 1))
    assert not first.equal(render(view(*CHAIN, seed=1), pixels, torch.arange(40), 0))
    assert first.equal(render(view(*CHAIN), pixels, torch.arange(40), 0))


EVERYTHING = (
    {"transform": "random_crop", "padding": 2},
    {"transform": "random_resized_crop", "size": 7},
    {"transform": "horizontal_flip"},
    {"transform": "color_jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
    {"transform": "random_erasing"},
    {"transform": "rand_augment"},
    {"transform": "auto_augment"},
    {"transform": "resize", "size": 9, "shorter_side": True},
    {"transform": "center_crop", "size": 8},
    {"transform": "noise", "std": 2},
    {"transform": "normalize", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]},
)


@settings(max_examples=30, deadline=None)
@given(
    chain=st.lists(st.sampled_from(EVERYTHING), max_size=6),
    size=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    rows=st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True),
    epoch=st.integers(0, 100),
)
def test_on_the_cpu_a_batch_has_the_very_pixels_of_its_samples_alone(
    chain: list[dict[str, Any]], size: tuple[int, int], rows: list[int], epoch: int
) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (10, 3, *size), generator=generator, dtype=torch.uint8)
    index = torch.tensor(rows)
    together = render(view(*chain), images[index], index, epoch)
    for number, row in enumerate(rows):
        alone = render(view(*chain), images[row : row + 1].clone(), index[number : number + 1], epoch)
        assert alone[0].equal(together[number])


@given(chain=st.lists(st.sampled_from(EVERYTHING), max_size=6), size=st.tuples(st.integers(4, 40), st.integers(4, 40)))
@settings(max_examples=30, deadline=None)
def test_the_shape_that_a_spec_expects_is_the_shape_that_comes_out(
    chain: list[dict[str, Any]], size: tuple[int, int]
) -> None:
    images = torch.zeros((2, 3, *size), dtype=torch.uint8)
    assert render(view(*chain), images, torch.arange(2), 0).shape[1:] == view(*chain).shape((3, *size))


def test_after_as_many_epochs_as_there_are_variants_the_same_pixels_come_again(pixels: Tensor) -> None:
    spec = ViewSpec.model_validate({"transforms": CHAIN, "variants": 3})
    shown = [render(spec, pixels, torch.arange(40), epoch) for epoch in range(6)]
    assert all(shown[epoch].equal(shown[epoch + 3]) for epoch in range(3))
    assert not shown[0].equal(shown[1])
    assert not shown[1].equal(shown[2])


def test_a_view_is_random_if_one_of_its_transforms_is() -> None:
    assert view({"transform": "pad", "padding": 1}, {"transform": "horizontal_flip"}).is_random
    assert not view({"transform": "pad", "padding": 1}, {"transform": "center_crop", "size": 4}).is_random


def test_the_size_of_a_view_of_unequal_images_is_known_where_a_transform_fixes_it() -> None:
    unknown = (3, None, None)
    shorter = {"transform": "resize", "size": 8, "shorter_side": True}
    assert view(shorter, {"transform": "pad", "padding": 1}).shape(unknown) == unknown
    assert view(shorter, {"transform": "center_crop", "size": 6}).shape(unknown) == (3, 6, 6)


def test_a_range_that_descends_is_told() -> None:
    wrong = {"transform": "random_resized_crop", "size": 8, "scale": [0.5, 0.2]}
    assert view(wrong).transforms[0].faults() == {"scale": "two numbers that do not descend"}
    assert view(wrong | {"scale": [0.2, 0.5]}).transforms[0].faults() == {}
