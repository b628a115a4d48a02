"""Random parts of images: boxes of random area and proportions.

Shapes: B batch, A attempts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.draw import draw_uniform, hash_keys

__all__ = ["Boxes", "draw_boxes"]

ATTEMPTS = 10
"""As in torchvision: a box that does not fit is drawn anew so often, then the largest one in the middle is taken."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """A box an image: top, left, height and width in pixels, each [B] int64."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


def draw_boxes(
    size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float], index: Tensor, seed: int
) -> Boxes:
    """Return a random box for each image.

    The area is uniform, the logarithm of width over height too, as in Szegedy et al. 2015. Worked out in float64, so
    that every device rounds to the same pixels.

    Args:
        size: height and width of the images.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width over height.
        index: place of each sample in its split [B].
        seed: what the draws are a function of, besides the index.
    """
    height, width = size
    attempts = index[:, None] * ATTEMPTS + torch.arange(ATTEMPTS, device=index.device)
    area = height * width * _draw_between(scale, hash_keys(seed, 0), attempts)
    shape = _draw_between((math.log(ratio[0]), math.log(ratio[1])), hash_keys(seed, 1), attempts).exp()
    widths, heights = (area * shape).sqrt().round(), (area / shape).sqrt().round()
    fits = (widths >= 1) & (widths <= width) & (heights >= 1) & (heights <= height)
    first = fits.int().argmax(1, keepdim=True)
    has_one = fits.any(1)
    largest = _largest_box(height, width, ratio)
    chosen_height = torch.where(has_one, heights.gather(1, first).squeeze(1), largest[0])
    chosen_width = torch.where(has_one, widths.gather(1, first).squeeze(1), largest[1])
    free_height, free_width = height - chosen_height, width - chosen_width
    top = (_draw_between((0, 1), hash_keys(seed, 2), index) * (free_height + 1)).floor()
    left = (_draw_between((0, 1), hash_keys(seed, 3), index) * (free_width + 1)).floor()
    top = torch.where(has_one, top, (free_height / 2).floor())
    left = torch.where(has_one, left, (free_width / 2).floor())
    return Boxes(top.long(), left.long(), chosen_height.long(), chosen_width.long())


def _draw_between(bounds: tuple[float, float], seed: int, index: Tensor) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * draw_uniform(seed, index).double()


def _largest_box(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Return height and width of the largest box whose proportions are allowed."""
    if width < ratio[0] * height:
        return min(height, max(1, round(width / ratio[0]))), width
    if width > ratio[1] * height:
        return height, min(width, max(1, round(height * ratio[1])))
    return height, width
