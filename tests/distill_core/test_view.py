from __future__ import annotations

from typing import Any

import pytest
import torch
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
