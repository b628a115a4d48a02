"""The few tensor notions that data, methods and engine share.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

__all__ = ["Batch", "Inputs", "at_least_float32"]

Inputs = Tensor | Mapping[str, Tensor] | Sequence[Tensor]
"""What a model is called with: images [B C H W], named tensors [B ...], or a list of images [C H W] of any sizes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one step, on the device.

    Attributes:
        index: place of each sample in its data set's split [B], int64.
        labels: class of each sample [B] int64, class probabilities [B K], a list of B dictionaries (boxes, masks),
            or None where the samples have no labels.
        inputs: view name -> inputs of the same samples.
        extras: stream name -> samples of a further stream of the stage.
        step: optimizer steps that the run has taken before this one; with a seed it makes what a term draws.
    """

    index: Tensor
    labels: Any
    inputs: Mapping[str, Inputs]
    extras: Mapping[str, Batch] = field(default_factory=dict)
    step: int = 0

    def __len__(self) -> int:
        """Return the number of samples, those of further streams not counted."""
        return len(self.index)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return half-precision activations as float32; exp(1 / 0.07) is infinite in float16."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
