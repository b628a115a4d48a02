from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from distill_core.view.box import draw_boxes
from distill_core.view.geometry import crop_center, crop_resized, resample, resize

RATIO = (0.75, 4 / 3)


def images(height: int, width: int, count: int = 12) -> Tensor:
    return torch.rand((count, 3, height, width), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (9, 9)])
@pytest.mark.parametrize("side", [5, 16, 50])
def test_resampling_a_whole_batch_gives_what_torch_gives_box_by_box(size: tuple[int, int], side: int) -> None:
    index = torch.arange(12)
    wanted = crop_resized(images(*size), side, (0.08, 1.0), RATIO, index, 7)
    found = resample(images(*size), draw_boxes(size, (0.08, 1.0), RATIO, index, 7), side)
    assert found.is_contiguous()
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_a_box_of_the_whole_image_is_a_resize() -> None:
    whole = crop_resized(images(20, 20), 12, (1.0, 1.0), (1.0, 1.0), torch.arange(12), 0)
    assert whole.equal(functional.interpolate(images(20, 20), (12, 12), mode="bilinear", antialias=True))


@pytest.mark.parametrize(("size", "wanted"), [((40, 60), (32, 48)), ((61, 40), (48, 32)), ((20, 20), (32, 32))])
def test_the_shorter_side_gets_the_size_and_the_proportions_stay(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert resize(images(*size), 32, shorter_side=True).shape[-2:] == wanted
    assert resize(images(*size), 32, shorter_side=False).shape[-2:] == (32, 32)


def test_the_middle_is_cut_out_and_zeros_fill_what_is_lacking() -> None:
    large = images(10, 13)
    assert crop_center(large, 6).equal(large[:, :, 2:8, 3:9])
    small = crop_center(images(4, 13), 6)
    assert small.shape[-2:] == (6, 6)
    assert small[:, :, 1:5].equal(images(4, 13)[:, :, :, 3:9])
    assert small[:, :, (0, 5)].count_nonzero() == 0
