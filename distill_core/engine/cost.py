"""What a model costs to keep and to run."""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor, nn

__all__ = ["count_parameters", "measure_latency_ms"]

NUM_WARM_UP = 10
NUM_PASSES = 100


def count_parameters(model: nn.Module) -> int:
    """Return the number of learnt numbers."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def measure_latency_ms(model: nn.Module, image: Tensor) -> float:
    """Return the median time in milliseconds that a forward pass of one image [1 C H W] takes."""
    model.eval()
    durations = [_time_pass(model, image) for _ in range(NUM_WARM_UP + NUM_PASSES)]
    return statistics.median(durations[NUM_WARM_UP:]) * 1000


def _time_pass(model: nn.Module, image: Tensor) -> float:
    start = time.perf_counter()
    model(image)
    if image.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start
