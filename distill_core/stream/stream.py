"""A stream: the one thing that the engine sees of data.

Shapes: n samples of the stream, B batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.dataset import Targets, take_targets
from distill_core.spec.data import StreamSpec
from distill_core.stream.loader import Loader, Placement
from distill_core.tensors import Batch, Inputs

__all__ = ["Stream"]


@dataclass(frozen=True, slots=True)
class Stream:
    """Samples of one split.

    Attributes:
        spec: what was asked for.
        index: place of each sample in the whole split [n], int64, on the device.
        targets: classes [n] int64 on the device, n dictionaries, or None where the samples have no labels.
        fingerprint: sha256 of the whole split.
        index_limit: samples of the whole split, above every index.
        num_classes: classes of the data set, None where it has none.
        loader: makes the views of samples.
        class_names: what people call the classes, None where they are numbers.
    """

    spec: StreamSpec
    index: Tensor
    targets: Targets
    fingerprint: str
    index_limit: int
    num_classes: int | None
    loader: Loader
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.index)

    @property
    def device(self) -> torch.device:
        """Where batches come to lie."""
        return self.index.device

    @property
    def placement(self) -> Placement:
        """Whether the samples lie on the device or come through workers, which render on the CPU."""
        return self.loader.placement

    @property
    def main_view(self) -> str:
        """The view that evaluation uses."""
        return next(iter(self.spec.views))

    @property
    def labels(self) -> Tensor | None:
        """Classes [n] int64, None where the samples have none."""
        return self.targets if isinstance(self.targets, Tensor) else None

    def batch(self, rows: Tensor, epoch: int, views: tuple[str, ...]) -> Batch:
        """Return the samples of some rows, as the named views show them in an epoch; no worker is asked."""
        return self._label(rows, self.loader.load_one(rows, epoch, views))

    def batches(self, rows: Sequence[Tensor], epoch: int, views: tuple[str, ...], start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on, as an uninterrupted epoch would have had them.

        Args:
            rows: the rows of each batch, from the first batch of the epoch.
            epoch: epoch of the stage, for what is random in the views.
            views: names of the views.
            start: number of the first batch to yield.
        """
        wanted = rows[start:]
        for places, inputs in zip(wanted, self.loader.load(wanted, epoch, views), strict=True):
            yield self._label(places, inputs)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples in their own order, through the main view of epoch 0."""
        rows = torch.arange(len(self), device=self.device).split(batch_size)
        return self.batches(rows, 0, (self.main_view,))

    def close(self) -> None:
        """Let the workers go, if there are any; they come again when batches are asked for."""
        self.loader.close()

    def _label(self, rows: Tensor, inputs: Mapping[str, Inputs]) -> Batch:
        rows = rows.to(self.device)
        return Batch(self.index[rows], take_targets(self.targets, rows), inputs)
