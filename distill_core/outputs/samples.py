"""Samples of any shape, so many as a measurement needs, and the code that makes the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, overload

import torch
from torch import Tensor

from distill_core.tensors import Inputs

__all__ = ["count_samples", "device_of", "move_samples", "take_samples", "write_zeros"]


def count_samples(inputs: Inputs) -> int:
    """Return how many samples there are."""
    return len(next(iter(inputs.values()))) if isinstance(inputs, Mapping) else len(inputs)


@overload
def take_samples(inputs: Tensor, count: int) -> Tensor: ...
@overload
def take_samples(inputs: Mapping[str, Tensor], count: int) -> dict[str, Tensor]: ...
@overload
def take_samples(inputs: Sequence[Tensor], count: int) -> list[Tensor]: ...
def take_samples(inputs: Inputs, count: int) -> Inputs:
    """Return the first samples, over again from the first where there are fewer than `count`."""
    rows = [row % count_samples(inputs) for row in range(count)]
    if isinstance(inputs, Mapping):
        return {name: tensor[rows] for name, tensor in inputs.items()}
    return inputs[rows] if isinstance(inputs, Tensor) else [inputs[row] for row in rows]


@overload
def move_samples(inputs: Tensor, device: torch.device) -> Tensor: ...
@overload
def move_samples(inputs: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]: ...
@overload
def move_samples(inputs: Sequence[Tensor], device: torch.device) -> list[Tensor]: ...
def move_samples(inputs: Inputs, device: torch.device) -> Inputs:
    """Return the samples on a device."""
    if isinstance(inputs, Mapping):
        return {name: tensor.to(device) for name, tensor in inputs.items()}
    return inputs.to(device) if isinstance(inputs, Tensor) else [tensor.to(device) for tensor in inputs]


def device_of(inputs: Inputs) -> torch.device:
    """Return where the samples lie."""
    return next(iter(inputs.values() if isinstance(inputs, Mapping) else inputs)).device


def write_zeros(inputs: Inputs, library: Literal["torch", "numpy"] = "torch") -> Mapping[str, str] | str:
    """Return the code that makes one sample of zeros, by name where the inputs have names.

    Args:
        inputs: samples of the shapes and types that are wanted.
        library: what the code calls.
    """
    one = take_samples(inputs, 1)
    if isinstance(one, Mapping):
        return {name: _zeros(tensor, library) for name, tensor in one.items()}
    if isinstance(one, Tensor):
        return _zeros(one, library)
    return f"[{', '.join(_zeros(tensor, library) for tensor in one)}]"


def _zeros(tensor: Tensor, library: str) -> str:
    shape, dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    if library == "numpy":
        return f'numpy.zeros({shape}, "{dtype}")'
    return f"torch.zeros({shape})" if dtype == "float32" else f"torch.zeros({shape}, dtype=torch.{dtype})"
