"""The teachers of a stage: in eval mode, without gradients, each run at most once a step, or read from the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from distill_core.engine.store import Store
from distill_core.objective import TeacherActivations, WeightedTerm, list_places, list_sources
from distill_core.source import Source, forward_sources
from distill_core.tap import Activations, Taps
from distill_core.tensors import Batch

__all__ = ["Teacher", "Teachers"]


class Teacher:
    """One teacher: its taps, the samples it is asked about, and the stores that may answer in its place."""

    def __init__(
        self,
        name: str,
        model: nn.Module,
        taps: Taps,
        sources: Sequence[Source],
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.name = name
        self.model = model
        self.sources = tuple(sources)
        self.stores: dict[Source, Store] = {}
        self.taps = taps
        self._autocast = autocast
        self._run = taps.run

    @torch.no_grad()
    def run(self, batch: Batch, sources: Sequence[Source]) -> dict[Source, Activations]:
        """Return what the model says to some sources."""
        with self._autocast():
            return forward_sources(self._run, batch, sources)

    def name_outputs(self, source: Source, stream: str) -> str:
        """Return what people call the outputs on a source; `stream` is the one that the stage trains on."""
        return f"{self.name}/{source.stream or stream}/{source.view}"

    def compile(self) -> None:
        """Compile the forward pass under its taps, which are on already, as they have to be."""
        self._run = torch.compile(self.taps.run)

    def watch(self, batch: Batch, epoch: int) -> dict[Source, Activations]:
        """Return what the teacher says, from the stores where they have it."""
        if not self.stores:
            return self.run(batch, self.sources)
        stored = [source for source, store in self.stores.items() if store.is_readable(epoch)]
        if len(stored) == len(self.sources):
            return {source: self.stores[source].read(batch.index, epoch) for source in stored}
        asked = [source for source in self.sources if source not in stored]
        building = [source for source in asked if source in self.stores]
        started = _read_clock(batch.index.device) if building else 0.0
        said = self.run(batch, asked)
        spent_s = _read_clock(batch.index.device) - started if building else 0.0
        for source in building:
            self.stores[source].note_cost(len(batch.index), spent_s / len(asked))
            said[source] = self.stores[source].write(batch.index, said[source], epoch)
        return said | {source: self.stores[source].read(batch.index, epoch) for source in stored}


class Teachers:
    """All teachers of a stage."""

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        self.teachers = tuple(teachers)

    def watch(self, batch: Batch, epoch: int) -> TeacherActivations:
        """Return what every teacher says to a batch."""
        return {teacher.name: teacher.watch(batch, epoch) for teacher in self.teachers}

    def store_states(self, stream: str) -> dict[str, dict[str, Any]]:
        """Return what a resumed stage must find again of every store, by teacher, stream and view."""
        return {
            f"{teacher.name}/{stream}/{source.view}": store.state_dict()
            for teacher in self.teachers
            for source, store in teacher.stores.items()
        }

    def close(self) -> None:
        """Take the hooks off the teachers and leave the stores."""
        for teacher in self.teachers:
            teacher.taps.remove()
            for store in teacher.stores.values():
                store.close()


def _read_clock(device: torch.device) -> float:
    """Return the seconds of a clock once the device has done all that it was given; storing waits for it anyway."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def assign_teachers(
    models: Mapping[str, nn.Module],
    terms: Sequence[WeightedTerm],
    tap: Callable[[str, nn.Module, Sequence[Any]], Taps],
    autocast: Callable[[], AbstractContextManager[Any]],
) -> list[Teacher]:
    """Return the teachers that a term listens to, in eval mode and tapped.

    Args:
        models: teacher -> model.
        terms: the terms of the stage.
        tap: makes the taps of a model on some places.
        autocast: context of a forward pass.
    """
    teachers = []
    for name, model in models.items():
        sources = list_sources(terms, "teacher", name)
        if sources:
            taps = tap(name, model.eval(), list_places(terms, "teacher", name))
            teachers.append(Teacher(name, model, taps, sources, autocast))
    return teachers
