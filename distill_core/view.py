"""The transforms of a view, applied to whole batches on the device.

What is random is drawn by hash from (view seed, epoch, sample index, place in the chain): the same sample looks the
same in the same epoch whatever batch it is in, and no state has to be saved.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_core.draw import draw_below, draw_uniform, hash_keys
from distill_core.spec.data import HorizontalFlip, Normalize, Pad, RandomCrop, Resize, TransformSpec, ViewSpec

__all__ = ["render"]


def render(view: ViewSpec, pixels: Tensor, index: Tensor, epoch: int) -> Tensor:
    """Return samples as a view shows them.

    Args:
        view: the chain of transforms; means and deviations must be written out.
        pixels: [B C H W] uint8.
        index: place of each sample in its split [B].
        epoch: epoch of the stage, from 0.

    Returns:
        Images [B C H W].
    """
    images = pixels.to(torch.float32) / 255
    for position, transform in enumerate(view.transforms):
        images = _apply(transform, images, index, hash_keys(view.seed, epoch, position))
    return images


def _apply(transform: TransformSpec, images: Tensor, index: Tensor, seed: int) -> Tensor:
    match transform:
        case Normalize(mean=mean, std=std):
            return (images - _per_channel(images, mean)) / _per_channel(images, std)
        case Pad(padding=padding):
            return functional.pad(images, [padding] * 4)
        case Resize(size=size):
            return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
        case RandomCrop(padding=padding):
            return _crop(images, padding, index, seed)
        case HorizontalFlip(probability=probability):
            is_flipped = draw_uniform(seed, index) < probability
            return torch.where(is_flipped[:, None, None, None], images.flip(-1), images)


def _per_channel(images: Tensor, values: tuple[float, ...] | None) -> Tensor:
    return images.new_tensor(values).reshape(-1, 1, 1)


def _crop(images: Tensor, padding: int, index: Tensor, seed: int) -> Tensor:
    count, channels, height, width = images.shape
    top = draw_below(2 * padding + 1, hash_keys(seed, 0), index)
    left = draw_below(2 * padding + 1, hash_keys(seed, 1), index)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    samples = torch.arange(count, device=images.device)[:, None, None, None]
    planes = torch.arange(channels, device=images.device)[None, :, None, None]
    return functional.pad(images, [padding] * 4)[samples, planes, rows[:, None, :, None], columns[:, None, None, :]]
