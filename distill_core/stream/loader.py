"""Where the samples of a stream lie, and how they become batches.

Shapes: n samples of the stream, B batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from torch import Tensor
from torch.utils.data import default_collate

from distill_core.dataset import Sample, take_inputs
from distill_core.spec.data import ViewSpec
from distill_core.tensors import Inputs
from distill_core.view import render

__all__ = ["DeviceLoader", "Loader", "Placement", "Views"]

Placement = Literal["device", "workers"]


class Views:
    """The views of a stream, ready to be applied.

    Args:
        specs: the views by name.
        fixed: names of the views that give all samples one size.
    """

    def __init__(self, specs: Mapping[str, ViewSpec], fixed: frozenset[str]) -> None:
        self._specs = specs
        self._fixed = fixed

    def show(self, name: str, sample: Sample, index: Tensor, epoch: int) -> Sample:
        """Return one sample as a view shows it; named tensors are as they are.

        Args:
            name: the view.
            sample: image [C H W] uint8, or named tensors.
            index: its place in the split [1].
            epoch: epoch of the stage.
        """
        if isinstance(sample, Mapping):
            return sample
        return render(self._specs[name], sample.unsqueeze(0), index, epoch).squeeze(0)

    def gather(self, name: str, samples: Sequence[Sample]) -> Inputs:
        """Return shown samples as the inputs of a model: one tensor where the view gives one size, else a list."""
        if isinstance(samples[0], Mapping) or name in self._fixed:
            gathered: Inputs = default_collate(list(samples))  # in a worker this puts them into shared memory
            return gathered
        return [sample for sample in samples if isinstance(sample, Tensor)]

    def show_all(self, name: str, inputs: Inputs, index: Tensor, epoch: int) -> Inputs:
        """Return samples as a view shows them, a whole batch at once where they have one size.

        Args:
            name: the view.
            inputs: B samples.
            index: place of each in its split [B].
            epoch: epoch of the stage.
        """
        if isinstance(inputs, Mapping):
            return inputs
        if isinstance(inputs, Tensor):
            return render(self._specs[name], inputs, index, epoch)
        shown = [self.show(name, image, place, epoch) for image, place in zip(inputs, index.split(1), strict=True)]
        return self.gather(name, shown)


class Loader(Protocol):
    """Makes the views of samples."""

    @property
    def placement(self) -> Placement:
        """Where the samples lie."""

    def load_one(self, rows: Tensor, epoch: int, views: Sequence[str]) -> Mapping[str, Inputs]:
        """Return view -> the inputs of some rows [B], on the device."""

    def load(self, batches: Sequence[Tensor], epoch: int, views: Sequence[str]) -> Iterator[Mapping[str, Inputs]]:
        """Yield the views of one batch after the other."""

    def close(self) -> None:
        """Give back what only runs while batches are made."""


class DeviceLoader:
    """Samples that lie on the device, all of them."""

    placement: Placement = "device"

    def __init__(self, inputs: Inputs, index: Tensor, views: Views) -> None:
        """Take samples.

        Args:
            inputs: n samples, on the device.
            index: place of each in its split [n], on the device.
            views: the views of the stream.
        """
        self._inputs = inputs
        self._index = index
        self._views = views

    def load_one(self, rows: Tensor, epoch: int, views: Sequence[str]) -> Mapping[str, Inputs]:
        """Return view -> the inputs of some rows [B]."""
        rows = rows.to(self._index.device)
        inputs, index = take_inputs(self._inputs, rows), self._index[rows]
        return {name: self._views.show_all(name, inputs, index, epoch) for name in views}

    def load(self, batches: Sequence[Tensor], epoch: int, views: Sequence[str]) -> Iterator[Mapping[str, Inputs]]:
        """Yield the views of one batch after the other."""
        return (self.load_one(rows, epoch, views) for rows in batches)

    def close(self) -> None:
        """Do nothing: no process runs."""
