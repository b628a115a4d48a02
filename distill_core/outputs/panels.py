"""Which curves of a history share a panel, cut at the stages and short enough to draw."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

__all__ = ["MAX_POINTS", "Line", "Panel", "group_panels", "thin"]

MAX_POINTS = 2000
LOG_RATIO = 30.0
"""Largest over smallest value from which on a logarithmic axis tells more."""
MAX_LEVELS = 16
"""A learning rate that moves in steps has no more values, each held for two points at least in the mean."""

UNITS = {"accuracy": "%", "agreement": "%", "ece": "%", "nll": "nats"}

Point = tuple[int, float]
Points = Sequence[Point]


@dataclass(frozen=True, slots=True)
class Line:
    """One metric: its points, stage by stage, since what a stage trains has nothing to do with the one before."""

    label: str
    segments: tuple[Points, ...]

    def values(self) -> list[float]:
        """Return all values."""
        return [value for segment in self.segments for _, value in segment]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines with one vertical axis.

    Attributes:
        title: what the axis shows.
        lines: what is drawn.
        unit: "%" where the values are shares, else a unit or nothing.
        is_log: whether the axis is logarithmic.
        is_stepped: whether values hold until the next one.
    """

    title: str
    lines: tuple[Line, ...]
    unit: str = ""
    is_log: bool = False
    is_stepped: bool = False


def group_panels(history: Mapping[str, Points], first_steps: Sequence[int]) -> list[Panel]:
    """Return the panels of a history: losses, validation figures by unit, weights of terms that change, learning rate.

    Args:
        history: metric -> (step, value), in order; what was measured once, at the end, is left out.
        first_steps: steps taken before each stage, ascending.
    """
    kinds: dict[str, list[Line]] = {}
    for key, points in history.items():
        line = _cut(key, points, first_steps)
        if line.segments:
            kinds.setdefault("rate" if key.startswith("train/lr") else key.partition("/")[0], []).append(line)
    losses = sorted(kinds.get("train", ()), key=lambda line: line.label != "loss")
    panels = [Panel("training loss", tuple(losses), is_log=_spans(losses))] if losses else []
    panels += _group_validation(kinds.get("val", ()))
    if "weight" in kinds:
        panels.append(Panel("weight of the term", tuple(kinds["weight"])))
    rates = kinds.get("rate", ())
    if rates:
        is_stepped = all(_holds(line.values()) for line in rates)
        panels.append(Panel("learning rate", tuple(rates), "", is_stepped and _spans(rates), is_stepped))
    return panels


def thin(points: Points, limit: int = MAX_POINTS) -> list[Point]:
    """Return at most `limit` points: the first, the last, and of each part between its lowest and its highest."""
    if len(points) <= limit:
        return list(points)
    inner, num_parts = points[1:-1], (limit - 2) // 2
    kept = [points[0]]
    for part in range(num_parts):
        piece = inner[len(inner) * part // num_parts : len(inner) * (part + 1) // num_parts]
        kept += sorted({min(piece, key=lambda point: point[1]), max(piece, key=lambda point: point[1])})
    return [*kept, points[-1]]


def _cut(key: str, points: Points, first_steps: Sequence[int]) -> Line:
    """Return a metric's line; a step belongs to the stage that took it, and what is not finite is left out."""
    drawn = thin([(step, value) for step, value in points if math.isfinite(value)])
    segments = groupby(drawn, key=lambda point: bisect_left(first_steps, point[0]))
    return Line(key.partition("/")[2], tuple(tuple(segment) for _, segment in segments))


def _group_validation(lines: Sequence[Line]) -> list[Panel]:
    by_unit: dict[str, list[Line]] = {}
    for line in lines:
        by_unit.setdefault(UNITS.get(line.label, ""), []).append(line)
    panels = []
    for unit, together in sorted(by_unit.items(), key=lambda item: ("%", "nats", "").index(item[0])):
        panels.append(Panel("validation", tuple(together), unit, is_log=unit != "%" and _spans(together)))
    return panels


def _holds(values: Sequence[float]) -> bool:
    return len(set(values)) <= min(MAX_LEVELS, len(values) / 2)


def _spans(lines: Iterable[Line]) -> bool:
    """Return whether the values are positive and lie orders of magnitude apart."""
    values = [value for line in lines for value in line.values()]
    return min(values) > 0 and max(values) / min(values) >= LOG_RATIO
