"""A stream: the chosen samples of a split, in memory on the device, seen through its views.

Shapes: n samples of the stream, B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from distill_core.datasets import DATASETS
from distill_core.draw import draw_order
from distill_core.spec.data import StreamSpec
from distill_core.tensors import Batch
from distill_core.view import render

__all__ = ["Stream", "open_stream"]

SUBSET_SEED = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """Samples of one split.

    Attributes:
        spec: what was asked for.
        pixels: [n C H W] uint8, on the device.
        labels: [n] int64.
        index: place of each sample in the whole split [n], int64.
        fingerprint: sha256 of the whole split.
    """

    spec: StreamSpec
    pixels: Tensor
    labels: Tensor
    index: Tensor
    fingerprint: str

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the samples lie."""
        return self.labels.device

    @property
    def main_view(self) -> str:
        """The view that evaluation uses."""
        return next(iter(self.spec.views))

    def batch(self, rows: Tensor, epoch: int, views: tuple[str, ...]) -> Batch:
        """Return the samples of some rows, as the named views show them in an epoch."""
        index = self.index[rows]
        images = {name: render(self.spec.views[name], self.pixels[rows], index, epoch) for name in views}
        return Batch(index, self.labels[rows], images)

    def shuffled(
        self, seed: int, epoch: int, batch_size: int, views: tuple[str, ...], start: int = 0
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on; the order is a function of the seed alone."""
        order = draw_order(seed, len(self), self.device)
        for rows in order.split(batch_size)[start:]:
            yield self.batch(rows, epoch, views)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples in their own order, through the main view of epoch 0."""
        for rows in torch.arange(len(self), device=self.device).split(batch_size):
            yield self.batch(rows, 0, (self.main_view,))


def open_stream(spec: StreamSpec, root: Path, device: torch.device, pointer: str = "") -> Stream:
    """Read a stream into memory.

    Raises:
        DataError: the data set is missing or is not what it claims.
    """
    images = DATASETS.create(spec.dataset, spec.params, pointer).load(spec.split, root)
    index = _choose(spec, len(images.labels))
    pixels, labels = (tensor[index].to(device) for tensor in (images.pixels, images.labels))
    return Stream(spec, pixels, labels, index.to(device), images.fingerprint())


def _choose(spec: StreamSpec, count: int) -> Tensor:
    cpu = torch.device("cpu")
    index = torch.arange(count)
    if spec.hold_out is not None:
        order = draw_order(spec.hold_out.seed, count, cpu)
        num_held_out = spec.hold_out.num_held_out(count)
        index = order[:num_held_out] if spec.hold_out.part == "held_out" else order[num_held_out:]
    if spec.num_samples is not None:
        index = index.sort().values
        index = index[draw_order(SUBSET_SEED, len(index), cpu)[: spec.num_samples]]
    return index.sort().values
