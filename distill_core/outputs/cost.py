"""What a model costs to keep and to run.

FLOPs are those of matrix multiplications, convolutions and attention, as `torch.utils.flop_counter` counts them: a
multiply-add is two. Times are of the model as it is, not compiled, in the precision of its weights.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from distill_core.outputs.copying import copy_to_cpu
from distill_core.outputs.samples import device_of, move_samples, take_samples
from distill_core.tap import call_model
from distill_core.tensors import Inputs

__all__ = ["THROUGHPUT_BATCH", "count_bytes", "count_flops", "count_parameters", "measure_cost", "measure_speed"]

THROUGHPUT_BATCH = 32
NUM_WARM_UP = 10
NUM_PASSES = 100
MIN_PASSES = 10
MAX_TIME_S = 5.0
"""Time after which no pass is begun beyond the least number: a large model on a CPU needs seconds a pass."""


def measure_cost(model: nn.Module, inputs: Inputs, *, with_speed: bool = True) -> dict[str, float]:
    """Return the figures `cost/...` of a model.

    Args:
        model: on the device that it is measured on; a GPU's model is measured on the CPU too.
        inputs: real samples on the same device; they are repeated where a batch needs more.
        with_speed: whether times are measured; counts cost next to nothing.
    """
    figures: dict[str, float] = {
        "params": count_parameters(model),
        "trainable_params": count_parameters(model, trainable=True),
        "size_bytes": count_bytes(model),
        "flops": count_flops(model, inputs),
    }
    if with_speed:
        figures |= measure_speed(model, inputs)
        if device_of(inputs).type == "cuda":
            figures["peak_memory_bytes"] = measure_peak_memory(model, inputs)
            cpu = measure_speed(copy_to_cpu(model), move_samples(inputs, torch.device("cpu")))
            figures |= {f"cpu_{name}": value for name, value in cpu.items()}
    return {f"cost/{name}": value for name, value in figures.items()}


def count_parameters(model: nn.Module, *, trainable: bool = False) -> int:
    """Return the number of learnt numbers; with `trainable`, of those that are not frozen."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad or not trainable)


def count_bytes(model: nn.Module) -> int:
    """Return the bytes of all parameters and buffers, each once."""
    return sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))


def count_flops(model: nn.Module, inputs: Inputs) -> int:
    """Return the floating-point operations of one sample's forward pass; a multiply-add is two."""
    with _judged(model), _without_fused_kernels(model), FlopCounterMode(display=False) as counter:
        call_model(model, take_samples(inputs, 1))
    return int(counter.get_total_flops())


def measure_speed(model: nn.Module, inputs: Inputs) -> dict[str, float]:
    """Return median and 90th percentile of the time of one sample, in ms, and samples a second in batches of 32."""
    single = _time_passes(model, take_samples(inputs, 1))
    batch = _time_passes(model, take_samples(inputs, THROUGHPUT_BATCH))
    return {
        "latency_ms": statistics.median(single) * 1000,
        "latency_p90_ms": statistics.quantiles(single, n=10, method="inclusive")[-1] * 1000,
        "throughput_per_s": THROUGHPUT_BATCH / statistics.median(batch),
    }


def measure_peak_memory(model: nn.Module, inputs: Inputs) -> int:
    """Return the bytes of GPU memory that the weights and one sample's forward pass need together."""
    device = device_of(inputs)
    one = take_samples(inputs, 1)
    with _judged(model):
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call_model(model, one)
        torch.cuda.synchronize(device)
    return count_bytes(model) + torch.cuda.max_memory_allocated(device) - before


def _time_passes(model: nn.Module, inputs: Inputs) -> list[float]:
    """Return the seconds of each pass after the warm-up."""
    durations: list[float] = []
    with _judged(model):
        for _ in range(NUM_WARM_UP + NUM_PASSES):
            durations.append(_time_pass(model, inputs))
            if len(durations) >= NUM_WARM_UP + MIN_PASSES and sum(durations) >= MAX_TIME_S:
                break
    return durations[NUM_WARM_UP:]


def _time_pass(model: nn.Module, inputs: Inputs) -> float:
    device = device_of(inputs)
    start = time.perf_counter()
    call_model(model, inputs)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


@contextmanager
def _judged(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode, without gradients, and each module back in its own mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training


@contextmanager
def _without_fused_kernels(model: nn.Module) -> Iterator[None]:
    """Let attention and recurrent layers run as the multiplications they consist of: fused, none would be counted."""
    was_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        with sdpa_kernel(SDPBackend.MATH), ExitStack() as recurrent:
            if any(isinstance(module, nn.RNNBase) for module in model.modules()):
                recurrent.enter_context(warnings.catch_warnings(action="ignore"))  # oneDNN's flags warn of other GPUs
                recurrent.enter_context(torch.backends.mkldnn.flags(enabled=False))
                recurrent.enter_context(torch.backends.cudnn.flags(enabled=False))
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=was_fast)
