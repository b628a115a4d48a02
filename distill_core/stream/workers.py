"""Samples that do not fit the device: read, decoded and shown by worker processes.

Every pixel is the same function of (view, epoch, index) as on a CPU that holds all samples, whatever the number of
workers, and nothing is drawn from any global generator. Workers stay from epoch to epoch.

Shapes: n samples of the stream, B batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from distill_core.dataset import Source
from distill_core.stream.ahead import move, run_ahead
from distill_core.stream.crew import Crew
from distill_core.stream.loader import Placement, Views
from distill_core.stream.reader import Reader, Request
from distill_core.tensors import Inputs

__all__ = ["WorkerLoader"]


class WorkerLoader:
    """Samples that are read from a source when they are asked for.

    Args:
        source: the whole split.
        index: place of each row in the split [n], on the CPU.
        views: the views of the stream.
        device: where batches come to lie.
        num_workers: worker processes; 0 does everything in this one.
    """

    placement: Placement = "workers"

    def __init__(self, source: Source, index: Tensor, views: Views, device: torch.device, num_workers: int) -> None:
        self._source = source
        self._index = index
        self._views = views
        self._device = device
        self._num_workers = num_workers
        self._crew: Crew | None = None

    def load_one(self, rows: Tensor, epoch: int, views: Sequence[str]) -> Mapping[str, Inputs]:
        """Return view -> the inputs of some rows [B], read in this process."""
        return move(
            Reader(self._source, self._index, self._views).answer(Request(rows.tolist(), epoch, views)), self._device
        )

    def load(self, batches: Sequence[Tensor], epoch: int, views: Sequence[str]) -> Iterator[Mapping[str, Inputs]]:
        """Yield the views of one batch after the other."""
        if not views or not batches:
            return iter([{} for _ in batches])
        sizes = [len(rows) for rows in batches]
        rows = torch.cat(list(batches)).cpu().split(sizes)  # a GPU is asked once an epoch
        return run_ahead(self._answers([Request(part.tolist(), epoch, views) for part in rows]), self._device)

    def close(self) -> None:
        """Let the workers go."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close()

    def _answers(self, requests: Sequence[Request]) -> Iterator[Mapping[str, Inputs]]:
        """Yield answers, by workers if there are any; whoever asks while a crew is busy gets one of his own."""
        if not self._num_workers:
            reader = Reader(self._source, self._index, self._views)
            yield from (reader.answer(request) for request in requests)
            return
        crew, self._crew = self._crew or self._hire(), None
        try:
            yield from crew.answer(requests)
        except Exception:
            crew.close()
            raise
        finally:
            self._keep(crew)

    def _hire(self) -> Crew:
        is_pinned = self._device.type == "cuda"
        return Crew(self._source, self._index, self._views, self._num_workers, is_pinned=is_pinned)

    def _keep(self, crew: Crew) -> None:
        if self._crew is None and crew.is_open:
            self._crew = crew
        else:
            crew.close()
