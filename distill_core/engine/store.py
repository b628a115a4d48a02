"""One teacher's outputs on one view of a stage's samples, written in the first epochs and read in the others.

Shapes: B batch, R variants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill_core.cache import OutputCache
from distill_core.distributed import current_world
from distill_core.tap import Activations, Place

__all__ = ["Store"]

MAX_RESIDENT_BYTES = 2**30
"""Outputs up to this size are kept in a GPU's memory, as small data sets are: reading them never waits."""


class Store:
    """A cache entry as a stage sees it.

    Args:
        cache: the open entry.
        places: tapped place -> name of its column.
        index: place in its split of every sample of the stream, ascending [N] int64, on the CPU.
        device: where the stage runs.
        is_lossy: whether what is read differs from what was written.
        is_own: whether the run itself writes or wrote the rows, and so can get them again.
    """

    def __init__(
        self,
        cache: OutputCache,
        places: Mapping[Place, str],
        index: Tensor,
        device: torch.device,
        *,
        is_lossy: bool,
        is_own: bool,
    ) -> None:
        self.cache = cache
        self.num_variants = cache.layout.num_variants
        self._places = places
        self._index = index
        self._device = device
        self._is_lossy = is_lossy
        self._is_own = is_own
        self._is_builder = cache.mode == "write"
        self._resident: dict[str, Tensor] | None = None
        self._num_asked, self._spent_s, self._num_read = 0, 0.0, 0

    def is_readable(self, epoch: int) -> bool:
        """Return whether the outputs of an epoch are read; a builder reads none of its first R epochs."""
        return not self._is_builder or epoch >= self.num_variants

    def is_building(self, epoch: int) -> bool:
        """Return whether the outputs of an epoch are written."""
        return not self.is_readable(epoch)

    def variant(self, epoch: int) -> int:
        """Return which of the R variants an epoch shows."""
        return epoch % self.num_variants

    def write(self, index: Tensor, said: Activations, epoch: int) -> Activations:
        """Store outputs and return them as a reader would get them, so that no epoch sees other numbers than the next.

        Args:
            index: place of each sample in its split [B].
            said: what the teacher said.
            epoch: epoch of the stage.
        """
        values = {name: said[place] for place, name in self._places.items()}
        self.cache.write(self.variant(epoch), self._rows(index), values)
        if not self._is_lossy:
            return said
        stored = self.cache.encode_decode(values)
        return {place: stored[name] for place, name in self._places.items()}

    def note_cost(self, num_rows: int, seconds: float) -> None:
        """Take note of what the teacher took to answer."""
        self._num_asked += num_rows
        self._spent_s += seconds

    def seal(self) -> None:
        """Publish the filled entry, with what it cost."""
        self.cache.seal()
        self.cache.note_cost(self._num_asked, self._spent_s)

    def read(self, index: Tensor, epoch: int) -> Activations:
        """Return stored outputs [B ...] in the teacher's place, on the device."""
        self._num_read += len(index)
        return self.look_up(index, epoch)

    def look_up(self, index: Tensor, epoch: int) -> Activations:
        """Return stored outputs [B ...], on the device."""
        variant = self.variant(epoch)
        if self._device.type == "cuda" and self.cache.layout.data_bytes <= MAX_RESIDENT_BYTES:
            resident = self._load()
            rows = torch.searchsorted(self._index_on_device, index)
            return {place: resident[name][variant].index_select(0, rows) for place, name in self._places.items()}
        values = self.cache.read(variant, self._rows(index), self._device)
        return {place: values[name] for place, name in self._places.items()}

    def missing(self, epoch: int) -> Tensor:
        """Return the positions in the stream [m] whose outputs of an epoch are not there."""
        return self.cache.missing(self.variant(epoch))

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed stage must find again."""
        self.cache.flush()
        return {"key": self.cache.key, "is_own": self._is_own, "fingerprint": self.cache.fingerprint}

    def close(self) -> None:
        """Let go of the entry, and write down what it was good for."""
        if self._num_read:
            self.cache.note_reads(self._num_read, is_hit=not self._is_own and current_world().is_first)
            self._num_read = 0
        self.cache.close()

    def _rows(self, index: Tensor) -> Tensor:
        return torch.searchsorted(self._index, index.cpu())

    def _load(self) -> dict[str, Tensor]:
        if self._resident is None:
            self._index_on_device = self._index.to(self._device)
            rows = torch.arange(len(self._index))
            variants = [self.cache.read(variant, rows, self._device) for variant in range(self.num_variants)]
            self._resident = {name: torch.stack([values[name] for values in variants]) for name in variants[0]}
        return self._resident
