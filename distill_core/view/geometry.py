"""Transforms that move pixels.

Shapes: B batch, C channels, H height, W width, S side of a square.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from distill_core.draw import draw_below, draw_uniform, hash_keys
from distill_core.view.box import Boxes, draw_boxes
from distill_core.view.colour import as_float

__all__ = ["crop", "crop_center", "crop_resized", "flip", "resample", "resize"]


def resize(images: Tensor, size: int, *, shorter_side: bool) -> Tensor:
    """Scale images [B C H W] to a square, or so that the shorter side has the size."""
    height, width = images.shape[-2:]
    if not shorter_side:
        return _interpolate(images, size, size)
    longer = size * max(height, width) // min(height, width)
    return _interpolate(images, size, longer) if height <= width else _interpolate(images, longer, size)


def crop_center(images: Tensor, size: int) -> Tensor:
    """Cut a square [B C S S] out of the middle; zeros fill what smaller images lack."""
    height, width = images.shape[-2:]
    lack_y, lack_x = max(0, size - height), max(0, size - width)
    if lack_y or lack_x:
        border = [lack_x // 2, lack_x - lack_x // 2, lack_y // 2, lack_y - lack_y // 2]
        images = functional.pad(images, border)
    height, width = images.shape[-2:]
    top, left = (height - size) // 2, (width - size) // 2
    return images[..., top : top + size, left : left + size]


def crop(images: Tensor, padding: int, index: Tensor, seed: int) -> Tensor:
    """Pad images [B C H W] with zeros and cut a window of their own size out of each."""
    count, channels, height, width = images.shape
    top = draw_below(2 * padding + 1, hash_keys(seed, 0), index)
    left = draw_below(2 * padding + 1, hash_keys(seed, 1), index)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    samples = torch.arange(count, device=images.device)[:, None, None, None]
    planes = torch.arange(channels, device=images.device)[None, :, None, None]
    return functional.pad(images, [padding] * 4)[samples, planes, rows[:, None, :, None], columns[:, None, None, :]]


def flip(images: Tensor, probability: float, index: Tensor, seed: int) -> Tensor:
    """Mirror a share of the images [B C H W] left and right."""
    is_flipped = draw_uniform(seed, index) < probability
    return torch.where(is_flipped[:, None, None, None], images.flip(-1), images)


def crop_resized(
    images: Tensor, size: int, scale: tuple[float, float], ratio: tuple[float, float], index: Tensor, seed: int
) -> Tensor:
    """Cut a random box out of each image [B C H W] and scale it to a square [B C S S].

    On the CPU torch's own interpolation is five times as fast as ours; on a GPU it would be a launch an image.
    """
    height, width = images.shape[-2:]
    boxes = draw_boxes((height, width), scale, ratio, index, seed)
    if images.is_cuda:
        return resample(as_float(images), boxes, size)
    places = zip(*(values.tolist() for values in (boxes.top, boxes.left, boxes.height, boxes.width)), strict=True)
    parts = [
        _interpolate(as_float(image[None, :, top : top + height, left : left + width]), size, size)
        for image, (top, left, height, width) in zip(images, places, strict=True)
    ]
    return torch.cat(parts)


def resample(images: Tensor, boxes: Boxes, size: int) -> Tensor:
    """Scale a box of each image [B C H W] to a square [B C S S], the whole batch at once.

    Bilinear with a triangle as wide as the scale, as `interpolate(antialias=True)` has it, one axis after the other.
    """
    rows = _resample_axis(images, boxes.top, boxes.height, size)
    return _resample_axis(rows.transpose(2, 3), boxes.left, boxes.width, size).transpose(2, 3).contiguous()


def _resample_axis(images: Tensor, start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return [B C S W] from [B C H W]; tap by tap, so that no sum depends on how the batch is laid out."""
    limit = images.shape[2]
    scale = length.float() / size
    reach = scale.clamp(min=1)[:, None]
    centre = start[:, None] + (torch.arange(size, device=images.device) + 0.5) * scale[:, None]
    first = (centre - reach).floor()
    total, mixed = torch.zeros_like(centre), images.new_zeros((*images.shape[:2], size, images.shape[3]))
    for tap in range(2 * math.ceil(max(1.0, limit / size)) + 1):
        place = first + tap
        is_inside = (place >= start[:, None]) & (place < (start + length)[:, None])
        weight = (1 - (place + 0.5 - centre).abs() / reach).clamp(min=0) * is_inside
        rows = place.clamp(0, limit - 1).long()[:, None, :, None].expand_as(mixed)
        mixed = mixed + images.gather(2, rows) * weight[:, None, :, None]
        total = total + weight
    return mixed / total[:, None, :, None]


def _interpolate(images: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(images, (height, width), mode="bilinear", antialias=True)
