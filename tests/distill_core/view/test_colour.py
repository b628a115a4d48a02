from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill_core.view.colour import erase, jitter, make_noise

COUNT = 4000
INDEX = torch.arange(COUNT)


def images() -> Tensor:
    one = torch.rand((1, 3, 4, 5), generator=torch.Generator().manual_seed(0)) * 0.5 + 0.1
    return one.repeat(COUNT, 1, 1, 1)


def test_brightness_is_one_uniform_factor_an_image() -> None:
    factor = jitter(images(), 0.3, 0, 0, INDEX, 1) / images()
    assert (factor.amax((1, 2, 3)) - factor.amin((1, 2, 3))).max().item() < 1e-5
    factors = factor.mean((1, 2, 3))
    assert 0.7 <= factors.min().item() < 0.71
    assert 1.29 < factors.max().item() <= 1.3001
    assert factors.std().item() == pytest.approx(0.6 / 12**0.5, abs=0.01)


def test_contrast_keeps_the_mean_grey_value_and_scales_what_differs_from_it() -> None:
    luma = torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)
    shown = jitter(images(), 0, 0.2, 0, INDEX, 1)
    mean = (images() * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    torch.testing.assert_close((shown * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True), mean)
    factor = (shown - mean).flatten(1).norm(dim=1) / (images() - mean).flatten(1).norm(dim=1)
    assert 0.79 < factor.min().item() < 0.81
    assert 1.19 < factor.max().item() < 1.21


def test_saturation_moves_colours_to_and_from_grey_and_leaves_grey_alone() -> None:
    luma = torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)
    shown = jitter(images(), 0, 0, 0.2, INDEX, 1)
    torch.testing.assert_close((shown * luma).sum(1), (images() * luma).sum(1))
    assert not shown.equal(images())
    grey = images()[:, :1]
    torch.testing.assert_close(jitter(grey, 0, 0, 0.2, INDEX, 1), grey)


def test_values_stay_between_0_and_1() -> None:
    shown = jitter(images() * 1.6, 1.0, 1.0, 1.0, INDEX, 1)
    assert shown.min().item() >= 0
    assert shown.max().item() <= 1


def test_a_stated_share_of_the_images_loses_one_box() -> None:
    white = torch.full((COUNT, 3, 20, 30), 255, dtype=torch.uint8)
    shown = erase(white, 0.25, (0.1, 0.2), (0.5, 2.0), INDEX, 5)
    gone = shown == 0
    assert shown.dtype == torch.uint8
    is_erased = gone.any(3).any(2).any(1)
    assert is_erased.float().mean().item() == pytest.approx(0.25, abs=0.02)
    share = gone[is_erased].float().mean((1, 2, 3))
    assert share.min().item() > 0.07
    assert share.max().item() < 0.23
    assert gone[:, 0].equal(gone[:, 2])
    rows, columns = gone[is_erased, 0].any(2).sum(1), gone[is_erased, 0].any(1).sum(1)
    assert gone[is_erased, 0].sum((1, 2)).equal(rows * columns)


def test_noise_is_normal_and_every_sample_value_and_epoch_has_its_own() -> None:
    noise = make_noise(images(), 0.5, 2.0, INDEX, 5)
    assert noise.mean().item() == pytest.approx(0.5, abs=0.02)
    assert noise.std().item() == pytest.approx(2, abs=0.02)
    standard = (noise - 0.5) / 2
    assert (standard.abs() < 1).float().mean().item() == pytest.approx(0.6827, abs=0.005)
    assert standard.pow(4).mean().item() == pytest.approx(3, abs=0.1)
    together = noise.flatten(1)[:500].corrcoef() - torch.eye(500)
    assert together.mean().item() == pytest.approx(0, abs=0.01)
    assert len(noise.unique()) > 0.95 * noise.numel()
    assert noise.equal(make_noise(images(), 0.5, 2.0, INDEX, 5))
    assert not noise.equal(make_noise(images(), 0.5, 2.0, INDEX, 6))
