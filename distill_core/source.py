"""Sources: which samples, seen how, go through a model; and one forward pass over several of them.

Shapes: B batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distill_core.tap import Activations, Place
from distill_core.tensors import Batch, Inputs

__all__ = ["Source", "forward_sources"]

Run = Callable[[Inputs, Any], Mapping[Place, Any]]
"""Forward pass: inputs and targets -> activations."""


@dataclass(frozen=True, slots=True)
class Source:
    """A view of a stream.

    Attributes:
        view: name of the view; of one that a term prepares, `term:view`.
        stream: name of a further stream of the stage, None for the training stream.
    """

    view: str
    stream: str | None = None

    def batch_of(self, batch: Batch) -> Batch:
        """Return the samples of the stream."""
        return batch if self.stream is None else batch.extras[self.stream]

    def inputs_of(self, batch: Batch) -> Inputs:
        """Return what a model is called with."""
        return self.batch_of(batch).inputs[self.view]


def forward_sources(run: Run, batch: Batch, sources: Sequence[Source]) -> dict[Source, Activations]:
    """Run a model over several sources: one forward pass over the concatenation of those of equal shape.

    BatchNorm's statistics are then joint over those sources. Lists of images, and images with boxes, are never joined.

    Returns:
        Source -> its rows of the activations.
    """
    if len(sources) == 1:  # by far the most frequent case
        (source,) = sources
        return {source: run(source.inputs_of(batch), source.batch_of(batch).labels)}
    groups: dict[Any, list[Source]] = {}
    for source in sources:
        groups.setdefault(_form(source, batch), []).append(source)
    activations: dict[Source, Activations] = {}
    for group in groups.values():
        activations |= _forward_together(run, batch, group)
    return activations


def _form(source: Source, batch: Batch) -> Any:
    """Return what inputs must agree in to be joined."""
    inputs = source.inputs_of(batch)
    if isinstance(source.batch_of(batch).labels, Sequence):
        return source
    if isinstance(inputs, Tensor):
        return inputs.shape[1:], inputs.dtype
    if isinstance(inputs, Mapping):
        return tuple((name, tensor.shape[1:], tensor.dtype) for name, tensor in inputs.items())
    return source


def _forward_together(run: Run, batch: Batch, sources: Sequence[Source]) -> dict[Source, Activations]:
    parts = [source.inputs_of(batch) for source in sources]
    if len(parts) == 1:
        return {sources[0]: run(parts[0], sources[0].batch_of(batch).labels)}
    sizes = [len(next(iter(part.values())) if isinstance(part, Mapping) else part) for part in parts]
    caught = {place: _split(place, value, sizes) for place, value in run(_join(parts), None).items()}
    return {source: {place: rows[number] for place, rows in caught.items()} for number, source in enumerate(sources)}


def _join(parts: Sequence[Inputs]) -> Inputs:
    if isinstance(parts[0], Mapping):
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}  # type: ignore[call-overload,index]
    return torch.cat(list(parts))  # type: ignore[arg-type]


def _split(place: Place, value: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    if value.dim() == 0 or len(value) != sum(sizes):
        raise ValueError(
            f"{str(place)!r} gives {tuple(value.shape)} for {sum(sizes)} samples: only what has a row a sample can be "
            "told apart by view; use one view and one stream in this stage"
        )
    rows: tuple[Tensor, ...] = value.split(list(sizes))
    return rows
