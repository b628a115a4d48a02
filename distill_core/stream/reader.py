"""What a loader worker does: read samples and show them through views. The same code runs without workers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, get_worker_info

from distill_core.dataset import Sample, Source
from distill_core.errors import DataError
from distill_core.stream.loader import Views
from distill_core.tensors import Inputs

__all__ = ["NOTHING", "Packed", "Reader", "Request", "Requests", "unpack"]

NOTHING = -1


@dataclass(frozen=True, slots=True)
class Request:
    """A batch to make: which rows, as which views show them in which epoch."""

    rows: Sequence[int]
    epoch: int
    views: Sequence[str]


class Requests(Sampler[Any]):
    """The batches of the epoch that is asked for next: what the DataLoader takes for its batch sampler."""

    def __init__(self) -> None:
        self.wanted: Sequence[Request] = ()

    def __iter__(self) -> Iterator[Any]:
        """Yield the requests in order."""
        return iter(self.wanted)


class Packed(NamedTuple):
    """A list of tensors of any shapes in one: each tensor that comes from a worker costs an open file."""

    values: Tensor
    shapes: Sequence[Sequence[int]]


class Reader(Dataset[Any]):
    """Answers requests from a source.

    Args:
        source: the whole split.
        index: place of each row in the split [n], on the CPU.
        views: the views of the stream.
        at_work: process of each worker and place that it reads now [workers 2], shared by them; None without any.
    """

    def __init__(self, source: Source, index: Tensor, views: Views, at_work: Tensor | None = None) -> None:
        self._source = source
        self._index = index
        self._views = views
        self._at_work = at_work

    def __getitem__(self, row: int) -> Sample:
        """Return one sample as it was stored."""
        return self._source.read(int(self._index[row]))

    def __getitems__(self, request: Request) -> dict[str, Inputs | Packed] | DataError:
        """Return the views of a batch, fit to be sent; an error is returned, so that it arrives as it is."""
        try:
            return {name: _pack(inputs) for name, inputs in self.answer(request).items()}
        except DataError as error:
            return error

    def answer(self, request: Request) -> dict[str, Inputs]:
        """Return the views of a batch, made sample by sample.

        Raises:
            DataError: a sample cannot be read.
        """
        places = self._index[list(request.rows)]
        shown: dict[str, list[Sample]] = {name: [] for name in request.views}
        for place, index in zip(places.tolist(), places.split(1), strict=True):
            self._note(place)
            sample = self._source.read(place)
            for name, samples in shown.items():
                samples.append(self._views.show(name, sample, index, request.epoch))
        self._note(NOTHING)
        return {name: self._views.gather(name, samples) for name, samples in shown.items()}

    def _note(self, place: int) -> None:
        """Leave word of what is read now: a worker that is killed cannot tell any more."""
        worker = get_worker_info()
        if worker is not None and self._at_work is not None:
            self._at_work[worker.id] = torch.tensor([os.getpid(), place])


def unpack(answer: Mapping[str, Inputs | Packed]) -> dict[str, Inputs]:
    """Return an answer as it was before it was sent."""
    return {name: _unpack(inputs) if isinstance(inputs, Packed) else inputs for name, inputs in answer.items()}


def _pack(inputs: Inputs) -> Inputs | Packed:
    if isinstance(inputs, Tensor | Mapping):
        return inputs
    return Packed(torch.cat([tensor.flatten() for tensor in inputs]), [tuple(tensor.shape) for tensor in inputs])


def _unpack(packed: Packed) -> Inputs:
    shapes = [torch.Size(shape) for shape in packed.shapes]
    parts = packed.values.split([shape.numel() for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
