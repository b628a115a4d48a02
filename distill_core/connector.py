"""Connectors: learned convolutions that bring a map of the student to the shape of one of the teacher's.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["build_connector", "fit_convolution"]


def fit_convolution(
    student: torch.Size, teacher: torch.Size, *, bias: bool = True
) -> nn.Conv2d | nn.ConvTranspose2d | None:
    """Return the convolution that turns maps of one shape [B C H W] into maps of the other, None where none does.

    A map of twice the teacher's size is halved by a 3x3 convolution, one of half the size doubled by a transposed 4x4
    convolution, both of stride 2. Otherwise the kernel is as large as leaves the teacher's size: 1x1 for equal ones.
    """
    if len(student) != 4 or len(teacher) != 4:
        return None
    channels, sizes = (student[1], teacher[1]), list(zip(student[2:], teacher[2:], strict=True))
    if all(mine == 2 * other for mine, other in sizes):
        return nn.Conv2d(*channels, 3, stride=2, padding=1, bias=bias)
    if all(2 * mine == other for mine, other in sizes):
        return nn.ConvTranspose2d(*channels, 4, stride=2, padding=1, bias=bias)
    height, width = (1 + mine - other for mine, other in sizes)
    return nn.Conv2d(*channels, (height, width), bias=bias) if min(height, width) > 0 else None


def build_connector(student: torch.Size, teacher: torch.Size) -> nn.Sequential | None:
    """Return the convolution that fits, without bias, and BatchNorm; None where no convolution fits.

    Weights start as normal numbers of deviation sqrt(2 / (C k^2)), C the teacher's channels, k^2 the kernel's size.
    """
    convolution = fit_convolution(student, teacher, bias=False)
    if convolution is None:
        return None
    fan_out = convolution.out_channels * math.prod(convolution.kernel_size)
    nn.init.normal_(convolution.weight, std=math.sqrt(2 / fan_out))
    return nn.Sequential(convolution, nn.BatchNorm2d(teacher[1]))
