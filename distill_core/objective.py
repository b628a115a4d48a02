"""The objective of a stage: the student and every term as one module, so that all that trains has one state_dict.

Teachers are outside of it: they would be switched to training mode and saved with it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.source import Source, forward_sources
from distill_core.tap import Activations, Place, Taps
from distill_core.tensors import Batch
from distill_core.term import Places, Term

__all__ = ["Factors", "Losses", "Objective", "TeacherActivations", "WeightedTerm", "list_places", "list_sources"]

TeacherActivations = Mapping[str, Mapping[Source, Activations]]
"""Teacher -> source -> activations."""

Factors = Mapping[str, Tensor | float]
"""Term, or `term/part`, -> its factor in the sum."""

Autocast = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term of the sum.

    Attributes:
        name: its name in the objective.
        term: the method.
        places: the places it taps.
        source: the samples it sees.
        teachers: the teachers it listens to: none, one, or for an ensemble all of the stage.
    """

    name: str
    term: Term[Any]
    places: Places
    source: Source
    teachers: tuple[str, ...] = ()

    def source_of(self, place: Place) -> Source:
        """Return the samples that are meant at a place."""
        if place.view is None:
            return self.source
        view = f"{self.name}:{place.view}" if place.view in self.term.prepared else place.view
        return Source(view, self.source.stream)

    def listen(self, places: Sequence[Place], heard: Mapping[Source, Activations]) -> Activations:
        """Return what a model gave at the term's places."""
        return {
            place: heard[self.source_of(place)][place if place.view is None else replace(place, view=None)]
            for place in places
        }

    def join(self, heard: Sequence[Activations]) -> Activations:
        """Return what the teachers gave: stacked [M B ...] for an ensemble, else as the one teacher gave it."""
        if self.term.needs_of(self.term.params).ensemble:
            return {place: torch.stack([said[place] for said in heard]) for place in self.places.teacher}
        return heard[0] if heard else {}


@dataclass(frozen=True, slots=True)
class Losses:
    """What one forward pass gave.

    Attributes:
        total: the weighted sum, a scalar.
        parts: term (or term/part) -> its unweighted scalar.
        student: source -> activations of the student.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
    student: Mapping[Source, Activations]


class Objective(nn.Module):
    """Student and terms; runs the student once a step with the union of what the terms tap.

    Args:
        student: the model that learns.
        terms: the sum.
        taps: the student's taps, on the union of the terms' places.
        autocast: context of the student's forward pass; the terms compute outside of it.
    """

    def __init__(
        self, student: nn.Module, terms: Sequence[WeightedTerm], taps: Taps, autocast: Autocast = nullcontext
    ) -> None:
        super().__init__()
        self.student = student
        self.terms = _Terms(terms)
        self._weighted = tuple(terms)
        self._taps = taps
        self._autocast = autocast
        self._sources = list_sources(terms, "student")

    def forward(self, batch: Batch, teachers: TeacherActivations, factors: Factors) -> Losses:
        """Return sum_i factor_i * term_i(student, teacher, batch) and its parts."""
        student: Mapping[Source, Activations] = {}
        if self._sources:
            with self._autocast():
                student = forward_sources(self._taps.run, batch, self._sources)
        parts: dict[str, Tensor] = {}
        addends: list[Tensor] = []
        for weighted in self._weighted:
            value = weighted.term(*self._listen(weighted, student, teachers), weighted.source.batch_of(batch))
            named = value if isinstance(value, dict) else {"": value}
            for name, part in named.items():
                key = f"{weighted.name}/{name}".rstrip("/")
                parts[key] = part
                addends.append(part * factors.get(key, factors[weighted.name]))
        return Losses(reduce(operator.add, addends).reshape(()), parts, student)

    @torch.no_grad()
    def commit(self, student: Mapping[Source, Activations], teachers: TeacherActivations, batch: Batch) -> None:
        """Let every term move its state, once after a step."""
        for weighted in self._weighted:
            weighted.term.commit(*self._listen(weighted, student, teachers), weighted.source.batch_of(batch))

    def _listen(
        self, weighted: WeightedTerm, student: Mapping[Source, Activations], teachers: TeacherActivations
    ) -> tuple[Activations, Activations]:
        heard = [weighted.listen(weighted.places.teacher, teachers[name]) for name in weighted.teachers]
        return weighted.listen(weighted.places.student, student), weighted.join(heard)


class _Terms(nn.Module):
    """The terms by name; unlike torch's ModuleDict it takes any name, `keys` and `float` too."""

    def __init__(self, terms: Sequence[WeightedTerm]) -> None:
        super().__init__()
        self._modules |= {weighted.name: weighted.term for weighted in terms}


def list_sources(terms: Sequence[WeightedTerm], side: str, teacher: str | None = None) -> tuple[Source, ...]:
    """Return the samples that terms need of the student or of a teacher (the two sides), each once."""
    return tuple(
        dict.fromkeys(
            weighted.source_of(place)
            for weighted in terms
            if side == "student" or teacher in weighted.teachers
            for place in getattr(weighted.places, side)
        )
    )


def list_places(terms: Sequence[WeightedTerm], side: str, teacher: str | None = None) -> tuple[Place, ...]:
    """Return the places that terms tap in the student or in a teacher, each once, without their views."""
    return tuple(
        dict.fromkeys(
            replace(place, view=None)
            for weighted in terms
            if side == "student" or teacher in weighted.teachers
            for place in getattr(weighted.places, side)
        )
    )
