"""The weights of terms as functions of where a stage stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.errors import WeightsError
from distill_core.spec.objective import TermSpec
from distill_core.spec.weight import Milestones, Piecewise, Process, Ramp, Weight

__all__ = ["LearnedProcess", "Moment", "Weighting", "weigh"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a stage stands.

    Attributes:
        step: optimizer steps of the stage that are done.
        steps_per_epoch: optimizer steps an epoch.
        num_steps: optimizer steps of the whole stage.
    """

    step: int
    steps_per_epoch: int
    num_steps: int

    @property
    def epoch(self) -> int:
        """Epochs that are over."""
        return self.step // self.steps_per_epoch

    @property
    def ratio(self) -> float:
        """Share of the way from the first step to the last one."""
        return self.step / max(1, self.num_steps - 1)

    def read(self, clock: str) -> float:
        """Return the time in steps, epochs or as a share of the stage."""
        return {"steps": float(self.step), "epochs": self.step / self.steps_per_epoch, "ratio": self.ratio}[clock]


def weigh(weight: Weight, moment: Moment) -> float:
    """Return a weight at a moment."""
    match weight:
        case Ramp(start=start, end=end, over=over, clock=clock, is_stepped=is_stepped):
            time = float(moment.epoch) if is_stepped else moment.read(clock)
            return end if time >= over else start + (end - start) * time / over
        case Piecewise(points=points, clock=clock):
            return _interpolate(points, moment.read(clock))
        case Milestones(start=start, milestones=milestones, gamma=gamma, clock=clock):
            return start * gamma ** bisect_right(milestones, moment.read(clock))
        case _:
            return weight


@dataclass(frozen=True, slots=True)
class LearnedProcess:
    """Weights of named parts over time, as a search has found them.

    Attributes:
        names: the parts, in the order of the columns.
        weights: [steps of the search, parts].
    """

    names: tuple[str, ...]
    weights: Tensor

    def read(self, ratio: float) -> dict[str, float]:
        """Return the weight of each part at a share of the way, between two steps of the search in a straight line."""
        place = min(max(ratio, 0.0), 1.0) * (len(self.weights) - 1)
        before = min(int(place), len(self.weights) - 1)
        after = min(before + 1, len(self.weights) - 1)
        row = torch.lerp(self.weights[before].double(), self.weights[after].double(), place - before)
        return dict(zip(self.names, row.tolist(), strict=True))


class Weighting:
    """The factors of all terms of a stage.

    Args:
        terms: the terms as the spec has them.
        processes: term -> its learned process, for terms that have one.
    """

    def __init__(self, terms: Mapping[str, TermSpec], processes: Mapping[str, LearnedProcess]) -> None:
        self._terms = terms
        self._processes = processes
        self.is_constant = not processes and all(_is_constant(term) for term in terms.values())

    def at(self, moment: Moment) -> dict[str, float]:
        """Return the factor of each term, and of each part (`term/part`) that has one of its own."""
        factors: dict[str, float] = {}
        for name, term in self._terms.items():
            factors[name] = weigh(term.weight, moment)
            if isinstance(term.parts, Process):
                parts = self._processes[name].read(moment.ratio)
            else:
                parts = {part: weigh(weight, moment) for part, weight in term.parts.items()}
            factors |= {f"{name}/{part}": factors[name] * value for part, value in parts.items()}
        return factors

    def check_parts(self, found: Mapping[str, object]) -> None:
        """Refuse factors of parts that a term does not have, and processes that lack a part.

        Args:
            found: keys are the terms and parts (`term/part`) that a forward pass gave.

        Raises:
            WeightsError: names the part and what there is.
        """
        for name, term in self._terms.items():
            parts = {key.partition("/")[2] for key in found if key.startswith(f"{name}/")}
            process = self._processes.get(name)
            given = set(process.names) if process else set(term.parts) if not isinstance(term.parts, Process) else set()
            wrong = sorted(given - parts) + (sorted(parts - given) if process else [])
            if wrong:
                raise WeightsError(
                    f"the weights of the term {name!r} do not fit its parts: {', '.join(wrong)}; "
                    f"its parts are {', '.join(sorted(parts)) or 'none'}"
                )


def _is_constant(term: TermSpec) -> bool:
    weights = [] if isinstance(term.parts, Process) else [*term.parts.values()]
    return all(isinstance(weight, float | int) for weight in [term.weight, *weights])


def _interpolate(points: tuple[tuple[float, float], ...], time: float) -> float:
    after = bisect_right([moment for moment, _ in points], time)
    if after in (0, len(points)):
        return points[max(0, after - 1)][1]
    (start, low), (end, high) = points[after - 1 : after + 1]
    return low + (high - low) * (time - start) / (end - start)
