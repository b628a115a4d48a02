"""The operations of AutoAugment and RandAugment, each sample of a batch with its own one.

They are those of Pillow, which the authors' code applies: integers in, integers out. There are three kinds: a sample is
moved, mixed with a poorer image of itself, or has its values looked up in a table. A batch goes through all three, and
a sample through the two that its operation is not of as it is; so nothing waits for a device to say who is who.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["NUMBER", "OPERATIONS", "operate"]

OPERATIONS = (
    "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness", "color", "contrast",
    "sharpness", "posterize", "solarize", "auto_contrast", "equalize", "invert",
)  # fmt: skip
NUMBER = {name: number for number, name in enumerate(OPERATIONS)}

LUMA = (19595, 38470, 7471)
"""Weights of red, green and blue in a grey value, as Pillow has them, in 2**-16."""


def operate(images: Tensor, operation: Tensor, level: Tensor) -> Tensor:
    """Return each image after its own operation.

    Args:
        images: [B C H W] uint8.
        operation: number of the operation of each [B] int64.
        level: its strength [B] float64: a shear in pixels a pixel, a shift in pixels, an angle in degrees, what is
            added to a factor of 1, the bits that are kept, or the least value that is inverted.
    """
    images = _move(images, operation, level)
    images = _mix(images, operation, level)
    return _look_up(images, operation, level)


def _level_of(name: str, operation: Tensor, level: Tensor) -> Tensor:
    """Return the strength of one operation [B 1 1], 0 where a sample has another one."""
    return torch.where(operation == NUMBER[name], level, 0.0)[:, None, None]


def _move(images: Tensor, operation: Tensor, level: Tensor) -> Tensor:
    """Shear, shift or turn: every place of the result takes the nearest pixel, zero where it lies outside."""
    height, width = images.shape[-2:]
    y = torch.arange(height, device=images.device, dtype=torch.float64)[:, None]
    x = torch.arange(width, device=images.device, dtype=torch.float64)[None, :]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    angle = _level_of("rotate", operation, level).deg2rad()
    from_x = angle.cos() * (x - middle_x) - angle.sin() * (y - middle_y) + middle_x
    from_y = angle.sin() * (x - middle_x) + angle.cos() * (y - middle_y) + middle_y
    from_x = from_x + _level_of("shear_x", operation, level) * (y + 0.5) - _level_of("translate_x", operation, level)
    from_y = from_y + _level_of("shear_y", operation, level) * (x + 0.5) - _level_of("translate_y", operation, level)
    column, row = from_x.round().long(), from_y.round().long()
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(1)
    moved = images.flatten(2).gather(2, place[:, None].expand(-1, images.shape[1], -1)).view_as(images)
    return moved.masked_fill(~is_inside[:, None], 0)


def _mix(images: Tensor, operation: Tensor, level: Tensor) -> Tensor:
    """Mix an image with black, its grey self, the mean of that, or its blurred self, or go away from it."""
    poorer = {
        "brightness": torch.zeros_like(images),
        "color": _grey(images),
        "contrast": _mean(_grey(images)),
        "sharpness": _blur(images),
    }
    mixed = images.float()
    for name, other in poorer.items():
        added = _level_of(name, operation, level).float()[:, None]
        mixed = mixed + added * (images.float() - other.float())
    return mixed.clamp(0, 255).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """Return the grey values [B 1 H W]; what has no three channels is grey already, channel by channel."""
    if images.shape[1] != len(LUMA):
        return images
    weighted = sum(images[:, channel : channel + 1].int() * weight for channel, weight in enumerate(LUMA))
    return (torch.as_tensor(weighted) + 2**15) >> 16


def _mean(grey: Tensor) -> Tensor:
    """Return the mean of each image [B 1 1 1], rounded to a whole number."""
    count = grey[0].numel()
    total = grey.long().sum((1, 2, 3), keepdim=True)
    return (2 * total + count).div(2 * count, rounding_mode="floor")


def _blur(images: Tensor) -> Tensor:
    """Return images blurred by ones around a five; what lies on the border stays."""
    if min(images.shape[-2:]) < 3:
        return images
    wide = images.float()
    around = 9 * functional.avg_pool2d(wide, 3, stride=1) + 4 * wide[..., 1:-1, 1:-1]
    blurred = (around.round() + 6).div(13, rounding_mode="floor")  # the sums are whole, and 6 / 13 rounds
    wide[..., 1:-1, 1:-1] = blurred
    return wide


def _look_up(images: Tensor, operation: Tensor, level: Tensor) -> Tensor:
    """Give every value the one that a table [B C 256] has for it."""
    values = torch.arange(256, device=images.device).expand(*images.shape[:2], 256)
    dropped = 8 - level.long()[:, None, None].clamp(0, 8)
    tables = {
        "posterize": (values >> dropped) << dropped,
        "solarize": torch.where(values >= level[:, None, None], 255 - values, values),
        "auto_contrast": _stretch(images, values),
        "equalize": _equalise(images, values),
        "invert": 255 - values,
    }
    table = values
    for name, other in tables.items():
        table = torch.where((operation == NUMBER[name])[:, None, None], other, table)
    return table.gather(2, images.flatten(2).long()).view_as(images).to(torch.uint8)


def _stretch(images: Tensor, values: Tensor) -> Tensor:
    """Return the tables by which the values of every channel come to reach from 0 to 255."""
    least, most = (extreme.long() for extreme in images.flatten(2).aminmax(dim=2, keepdim=True))
    extent = most - least
    stretched = (255 * (values - least)).div(extent.clamp(min=1), rounding_mode="floor").clamp(0, 255)
    return torch.where(extent > 0, stretched, values)


def _equalise(images: Tensor, values: Tensor) -> Tensor:
    """Return the tables by which all values of every channel come to be equally frequent."""
    pixels = images.flatten(2).long()
    counts = torch.zeros_like(values).scatter_add(2, pixels, torch.ones_like(pixels))
    largest = counts.gather(2, pixels.amax(2, keepdim=True))
    step = (pixels.shape[2] - largest).div(255, rounding_mode="floor")
    before = counts.cumsum(2) - counts
    table = (before + step // 2).div(step.clamp(min=1), rounding_mode="floor").clamp(0, 255)
    return torch.where(step > 0, table, values)
