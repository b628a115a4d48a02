"""The objective of a stage: the student and every term as one module, so that all that trains has one state_dict.

Teachers are outside of it: they would be switched to training mode and saved with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.tap import Activations, Place, Taps, forward_views
from distill_core.tensors import Batch
from distill_core.term import Places, Term

__all__ = ["Losses", "Objective", "Teachers", "WeightedTerm"]

TeacherActivations = Mapping[str, Mapping[str, Activations]]
"""Teacher -> view -> activations."""


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term of the sum.

    Attributes:
        name: its name in the objective.
        term: the method.
        places: the places it taps.
        weight: its factor in the sum.
        teacher: the teacher it listens to, if any.
        view: the view it sees.
    """

    name: str
    term: Term[Any]
    places: Places
    weight: float
    teacher: str | None
    view: str


@dataclass(frozen=True, slots=True)
class Losses:
    """What one forward pass gave.

    Attributes:
        total: the weighted sum, a scalar.
        parts: term (or term/part) -> its unweighted scalar.
        student: view -> activations of the student.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
    student: Mapping[str, Activations]


class Objective(nn.Module):
    """Student and terms; runs the student once a step with the union of what the terms tap."""

    def __init__(self, student: nn.Module, terms: Sequence[WeightedTerm]) -> None:
        super().__init__()
        self.student = student
        self.terms = nn.ModuleList(weighted.term for weighted in terms)
        self._weighted = tuple(terms)
        self._taps = Taps(student, (place for weighted in terms for place in weighted.places.student))

    @property
    def views(self) -> tuple[str, ...]:
        """The views that the terms see, each once."""
        return tuple(dict.fromkeys(weighted.view for weighted in self._weighted))

    def forward(self, batch: Batch, teachers: TeacherActivations) -> Losses:
        """Return sum_i weight_i * term_i(student, teacher, batch) and its parts."""
        student = forward_views(self._taps.run, {view: batch.images[view] for view in self.views})
        parts: dict[str, Tensor] = {}
        total = batch.images[self.views[0]].new_zeros(())
        for weighted in self._weighted:
            value = weighted.term(student[weighted.view], _listen(weighted, teachers), batch)
            named = value if isinstance(value, dict) else {"": value}
            parts |= {f"{weighted.name}/{name}".rstrip("/"): part for name, part in named.items()}
            total = total + weighted.weight * sum(named.values())
        return Losses(total, parts, student)

    @torch.no_grad()
    def commit(self, losses: Losses, teachers: TeacherActivations, batch: Batch) -> None:
        """Let every term move its state, once after a step."""
        for weighted in self._weighted:
            weighted.term.commit(losses.student[weighted.view], _listen(weighted, teachers), batch)

    def remove_taps(self) -> None:
        """Take the hooks off the student."""
        self._taps.remove()


class Teachers:
    """The teachers of a stage: in eval mode, without gradients, each run once a step."""

    def __init__(self, models: Mapping[str, nn.Module], terms: Sequence[WeightedTerm]) -> None:
        self._taps: dict[str, Taps] = {}
        self._views: dict[str, tuple[str, ...]] = {}
        for name, model in models.items():
            listeners = [weighted for weighted in terms if weighted.teacher == name]
            if listeners:
                places: set[Place] = {place for weighted in listeners for place in weighted.places.teacher}
                self._taps[name] = Taps(model.eval(), places)
                self._views[name] = tuple(dict.fromkeys(weighted.view for weighted in listeners))

    @torch.no_grad()
    def watch(self, batch: Batch) -> TeacherActivations:
        """Return what every teacher says to a batch."""
        return {
            name: forward_views(taps.run, {view: batch.images[view] for view in self._views[name]})
            for name, taps in self._taps.items()
        }

    def remove_taps(self) -> None:
        """Take the hooks off the teachers."""
        for taps in self._taps.values():
            taps.remove()


def _listen(weighted: WeightedTerm, teachers: TeacherActivations) -> Activations:
    return {} if weighted.teacher is None else teachers[weighted.teacher][weighted.view]
