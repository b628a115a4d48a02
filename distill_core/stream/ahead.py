"""Batches on their way to the device: the next one is copied while the device works on this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from distill_core.tensors import Inputs

__all__ = ["move", "run_ahead"]

Shown = Mapping[str, Inputs]
"""View -> inputs of a model."""


def run_ahead(batches: Iterator[Shown], device: torch.device) -> Iterator[Shown]:
    """Yield batches on the device; on a GPU the one after is already being copied, from pinned memory."""
    if device.type != "cuda":
        yield from batches
        return
    copying = torch.cuda.Stream(device)
    waiting: tuple[Shown, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(copying):
            moved = move(batch, device), copying.record_event()
        if waiting is not None:
            yield _hand_over(*waiting, device)
        waiting = moved
    if waiting is not None:
        yield _hand_over(*waiting, device)


def move(batch: Shown, device: torch.device) -> Shown:
    """Return a batch on the device; from pinned memory nothing waits for the copy."""
    return {view: _move_inputs(inputs, device) for view, inputs in batch.items()}


def _move_inputs(inputs: Inputs, device: torch.device) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs.to(device, non_blocking=True)
    if isinstance(inputs, Mapping):
        return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}
    return [tensor.to(device, non_blocking=True) for tensor in inputs]


def _hand_over(batch: Shown, is_copied: torch.cuda.Event, device: torch.device) -> Shown:
    """Let the device's own stream wait for the copy, and tell the allocator that it uses the memory."""
    current = torch.cuda.current_stream(device)
    current.wait_event(is_copied)
    for inputs in batch.values():
        for tensor in [inputs] if isinstance(inputs, Tensor) else _members(inputs):
            tensor.record_stream(current)
    return batch


def _members(inputs: Inputs) -> Iterator[Tensor]:
    yield from inputs.values() if isinstance(inputs, Mapping) else inputs
