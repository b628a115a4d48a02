"""A split that was opened: samples in memory, or a source that they can be read from one by one.

Shapes: N data-set size, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from distill_core.spec.transform import Shape
from distill_core.tensors import Inputs

__all__ = ["Sample", "Samples", "Source", "Targets"]

Targets = Tensor | Sequence[Mapping[str, Tensor]] | None
"""Classes [N] int64, a dictionary a sample (boxes, masks), or nothing where the samples have no labels."""

Sample = Tensor | Mapping[str, Tensor]
"""One image [C H W] uint8, or named tensors."""


class Source(Protocol):
    """A split that can be read: in memory (`Samples`), or in files that are decoded when they are asked for."""

    @property
    def targets(self) -> Targets:
        """What the samples are labelled with."""

    @property
    def shape(self) -> Shape | None:
        """[C H W] of the images, None for sides in which they differ; None if the samples are no images."""

    @property
    def num_bytes(self) -> int:
        """Bytes of all samples, decoded."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def read(self, place: int) -> Sample:
        """Return one sample.

        Raises:
            DataError: it cannot be read; the message names its file.
        """

    def describe(self, place: int) -> str:
        """Return words for a sample, with its file if it has one."""

    def gather(self, places: Tensor) -> Samples:
        """Return some samples, in memory."""

    def fingerprint(self) -> str:
        """Return a sha256 that is equal for equal data, wherever it was read from."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples in memory.

    Attributes:
        inputs: images [N C H W] uint8, a list of N images [C H W] uint8, or named tensors [N ...].
        targets: classes [N] int64, N dictionaries, or None.
    """

    inputs: Inputs
    targets: Targets

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.inputs.values())) if isinstance(self.inputs, Mapping) else self.inputs)

    @property
    def shape(self) -> Shape | None:
        """[C H W] of the images, None for sides in which they differ; None if the samples are no images."""
        if isinstance(self.inputs, Mapping):
            return None
        shapes = {tuple(image.shape) for image in self.inputs} if not isinstance(self.inputs, Tensor) else ()
        channels, height, width = next(iter(shapes)) if shapes else self.inputs[0].shape
        heights, widths = ({shape[side] for shape in shapes} for side in (1, 2))
        return channels, None if len(heights) > 1 else height, None if len(widths) > 1 else width

    @property
    def num_bytes(self) -> int:
        """Bytes of all samples."""
        return sum(tensor.nbytes for _, tensor in _tensors(self.inputs))

    def read(self, place: int) -> Sample:
        """Return one sample."""
        if isinstance(self.inputs, Mapping):
            return {name: tensor[place] for name, tensor in self.inputs.items()}
        return self.inputs[place]

    def describe(self, place: int) -> str:
        """Return words for a sample."""
        return f"sample {place}"

    def gather(self, places: Tensor) -> Samples:
        """Return some samples."""
        return Samples(take_inputs(self.inputs, places), take_targets(self.targets, places))

    def fingerprint(self) -> str:
        """Return the sha256 of shapes, values and labels."""
        digest = hashlib.sha256()
        for name, tensor in _tensors(self.inputs):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(_raw(tensor))
        for name, tensor in _tensors(self.targets if self.targets is not None else ()):
            digest.update(name.encode())
            digest.update(_raw(tensor))
        return digest.hexdigest()


def take_inputs(inputs: Inputs, rows: Tensor) -> Inputs:
    """Return the inputs of some rows, in their order."""
    if isinstance(inputs, Tensor):
        return inputs[rows]
    if isinstance(inputs, Mapping):
        return {name: tensor[rows] for name, tensor in inputs.items()}
    return [inputs[row] for row in rows.tolist()]


def take_targets(targets: Targets, rows: Tensor) -> Targets:
    """Return the targets of some rows, in their order."""
    if targets is None or isinstance(targets, Tensor):
        return targets if targets is None else targets[rows]
    return [targets[row] for row in rows.tolist()]


def _tensors(values: Inputs | Sequence[Mapping[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in an order of its own, with a name where it has one."""
    if isinstance(values, Tensor):
        yield "", values
    elif isinstance(values, Mapping):
        yield from sorted(values.items())
    else:
        for value in values:
            yield from _tensors(value)


def _raw(tensor: Tensor) -> memoryview:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
