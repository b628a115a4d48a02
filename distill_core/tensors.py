"""The few tensor notions that data, methods and engine share.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Batch", "at_least_float32"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one step, on the device.

    Attributes:
        index: place of each sample in its data set's split [B], int64.
        labels: class of each sample [B], int64.
        images: view name -> images of the same samples [B C H W].
    """

    index: Tensor
    labels: Tensor
    images: Mapping[str, Tensor]


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return half-precision activations as float32; exp(1 / 0.07) is infinite in float16."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
