"""A copy of a model that can be moved and traced without touching the model."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["copy_to_cpu"]


def copy_to_cpu(model: nn.Module) -> nn.Module:
    """Return a copy on the CPU, in eval mode, with its weights in torch's ordinary memory format."""
    twin: nn.Module = copy.deepcopy(model).to("cpu").to(memory_format=torch.contiguous_format)
    return twin.eval()
