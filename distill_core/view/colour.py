"""Transforms that change values and leave every pixel where it is.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from distill_core.draw import draw_uniform, hash_keys
from distill_core.view.box import draw_boxes

__all__ = ["as_float", "erase", "jitter", "make_noise", "normalize"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601)."""


def as_float(images: Tensor) -> Tensor:
    """Return pixels of uint8 as values in [0, 1]; what is float already stays as it is."""
    return images if images.is_floating_point() else images.to(torch.float32).div_(255)


def normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Subtract the mean and divide by the deviation, channel by channel."""
    images = as_float(images)
    shift, scale = (_per_channel(tuple(values), images.dtype, images.device) for values in (mean, std))
    return (images - shift).div_(scale)


@lru_cache(maxsize=64)
def _per_channel(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return one value a channel [C 1 1]; remembered, since copying it to a GPU waits for all that runs there."""
    return torch.tensor(values, dtype=dtype, device=device).reshape(-1, 1, 1)


def jitter(images: Tensor, brightness: float, contrast: float, saturation: float, index: Tensor, seed: int) -> Tensor:
    """Change brightness, contrast and saturation of images [B C H W] in [0, 1], each by a random factor."""
    images = as_float(images)
    if brightness:
        images = (images * _draw_factor(brightness, hash_keys(seed, 0), index)).clamp(0, 1)
    if contrast:
        images = _blend(images, _mean(_grey(images)), _draw_factor(contrast, hash_keys(seed, 1), index))
    if saturation:
        images = _blend(images, _grey(images), _draw_factor(saturation, hash_keys(seed, 2), index))
    return images


def erase(
    images: Tensor,
    probability: float,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    index: Tensor,
    seed: int,
) -> Tensor:
    """Set a random box of a share of the images [B C H W] to 0."""
    height, width = images.shape[-2:]
    boxes = draw_boxes((height, width), scale, ratio, index, hash_keys(seed, 0))
    rows, columns = (torch.arange(side, device=images.device) for side in (height, width))
    in_rows = (rows >= boxes.top[:, None]) & (rows < (boxes.top + boxes.height)[:, None])
    in_columns = (columns >= boxes.left[:, None]) & (columns < (boxes.left + boxes.width)[:, None])
    is_erased = draw_uniform(hash_keys(seed, 1), index) < probability
    gone = in_rows[:, :, None] & in_columns[:, None, :] & is_erased[:, None, None]
    return images.masked_fill(gone[:, None], 0)


def make_noise(images: Tensor, mean: float, std: float, index: Tensor, seed: int) -> Tensor:
    """Return numbers of the normal distribution in the shape of images [B C H W].

    Made of pairs of uniform ones (Box, Muller 1958). Worked out in float64, so that every device has nearly the same.
    """
    size = images[0].numel()
    place = index[:, None] * size + torch.arange(size, device=index.device)
    first, second = (draw_uniform(hash_keys(seed, key), place).double() for key in range(2))
    normal = (-2 * (1 - first).log()).sqrt() * (2 * math.pi * second).cos()
    return (mean + std * normal).to(torch.float32).view_as(images)


def _draw_factor(strength: float, seed: int, index: Tensor) -> Tensor:
    """Return a factor in [1 - strength, 1 + strength] for each image [B 1 1 1]."""
    return (1 - strength + 2 * strength * draw_uniform(seed, index)).reshape(-1, 1, 1, 1)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (images * factor + other * (1 - factor)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    """Return the grey values [B 1 H W]; of what is not red, green and blue, the mean of the channels."""
    if images.shape[1] != len(LUMA):
        return images.mean(1, keepdim=True)
    return LUMA[0] * images[:, 0:1] + LUMA[1] * images[:, 1:2] + LUMA[2] * images[:, 2:3]


def _mean(grey: Tensor) -> Tensor:
    """Return the mean of each image [B 1 1 1], summed as integers: no order of summation changes it."""
    total = (grey.double() * 2**24).round().long().sum((1, 2, 3), keepdim=True)
    return (total.double() / (2**24 * grey[0].numel())).to(grey.dtype)
