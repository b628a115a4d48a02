"""What the trials of a sweep are: settings from axes, and specs from settings. Nothing here is stored."""

from __future__ import annotations

import copy
import math
import random
import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from distill_core.errors import Problem, SpecError
from distill_core.spec.document import join_pointer, name_pointers

MOST_TRIALS = 200
"""Of one sweep; it is stored in one transaction."""

_DIGITS = 6
_DRAWS_A_TRIAL = 50
_INDEX = re.compile(r"0|[1-9][0-9]*")

Search = Literal["grid", "random"]
Scale = Literal["linear", "log"]
Values = dict[str, Any]


class Axis(BaseModel):
    """What may stand at a place of the spec: one of some values, or a number of a range."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    values: list[Any] | None = Field(default=None, min_length=1, max_length=MOST_TRIALS, description="Choices.")
    low: FiniteFloat | None = Field(default=None, description="Least number of a range.")
    high: FiniteFloat | None = Field(default=None, description="Greatest number of a range.")
    scale: Scale = Field(default="linear", description="How a range is divided; log: by equal ratios.")
    is_integer: bool = Field(default=False, description="Whether a range holds whole numbers alone.")
    points: int | None = Field(default=None, ge=2, le=MOST_TRIALS, description="Numbers of a range that a grid takes.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        is_range = self.values is None
        given = [end is not None for end in (self.low, self.high)]
        if not all(given) if is_range else any([*given, self.points is not None]):
            raise ValueError("an axis has either values, or low and high")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError("low must be less than high")
            if self.scale == "log" and self.low <= 0:
                raise ValueError("a log scale needs low above 0")
            if self.is_integer and not (self.low.is_integer() and self.high.is_integer()):
                raise ValueError("the ends of a range of whole numbers are whole numbers")
        return self

    def spread(self) -> list[Any]:
        """Return the values that a grid takes of the axis; the same number is taken once."""
        if self.values is not None:
            return self.values
        last = (self.points or 2) - 1
        return list(dict.fromkeys(self._read(position / last) for position in range(last + 1)))

    def draw(self, source: random.Random) -> Any:
        """Return a value by chance."""
        if self.values is not None:
            return source.choice(self.values)
        return self._read(source.random())

    def _read(self, share: float) -> float | int:
        """Return the number at a share of the range, from 0 to 1."""
        low, high = self.low or 0.0, self.high or 0.0
        if self.scale == "log":
            number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            number = low + share * (high - low)
        if self.is_integer:
            return round(number)
        return min(max(float(f"{number:.{_DIGITS}g}"), low), high)


class Halving(BaseModel):
    """How trials that lag behind are stopped."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    factor: int = Field(default=3, ge=2, le=10, description="One in so many trials goes on at each rung.")
    rungs: int = Field(
        default=2, ge=1, le=8, description="How often a trial is judged: at 1/factor of its steps, and of those again."
    )


def find_axis_problems(axes: Mapping[str, Axis], search: Search, num_trials: int | None) -> Iterator[Problem]:
    """Yield what keeps axes from being searched."""
    for pointer, axis in axes.items():
        place = join_pointer("/axes", pointer)
        if not pointer.startswith("/"):
            yield Problem(place, "value_invalid", "an axis is a JSON pointer into the spec", pointer, "/runtime/seed")
        for other in axes:
            if pointer.startswith(other + "/"):
                yield Problem(place, "value_invalid", f"it lies within the axis {other}", pointer)
        if search == "grid" and axis.values is None and axis.points is None:
            allowed = "points beside low and high, or values"
            yield Problem(join_pointer(place, "points"), "field_missing", "a grid takes points", allowed=allowed)
    if search == "random" and num_trials is None:
        yield Problem("/trials", "field_missing", "a random search says how many trials", allowed=f"1 to {MOST_TRIALS}")
    if search == "grid" and num_trials is not None:
        yield Problem("/trials", "value_invalid", "a grid has as many trials as its axes make", num_trials)


def plan_trials(axes: Mapping[str, Axis], search: Search, num_trials: int | None, seed: int) -> list[Values]:
    """Return the settings of each trial, no two alike.

    Raises:
        SpecError: there are too many, or not as many as wanted.
    """
    if search == "grid":
        return _lay_grid(axes)
    found: dict[str, Values] = {}
    source, wanted = random.Random(seed), num_trials or 1  # noqa: S311  a search, no secret
    for _ in range(_DRAWS_A_TRIAL * wanted):
        values = {pointer: axis.draw(source) for pointer, axis in axes.items()}
        found.setdefault(repr(values), values)
        if len(found) == wanted:
            return list(found.values())
    message, allowed = "the axes do not make so many different trials", f"1 to {len(found)}"
    raise SpecError([Problem("/trials", "value_invalid", message, wanted, allowed)])


def _lay_grid(axes: Mapping[str, Axis]) -> list[Values]:
    columns = [axis.spread() for axis in axes.values()]
    count = math.prod(len(column) for column in columns)
    if count > MOST_TRIALS:
        message, allowed = f"the grid has {count} trials", f"up to {MOST_TRIALS}; or search random"
        raise SpecError([Problem("/axes", "value_invalid", message, count, allowed)])
    rows = [dict(zip(axes, row, strict=True)) for row in islice(product(*columns), MOST_TRIALS)]
    return list({repr(row): row for row in rows}.values())


def set_values(document: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return a copy of a spec with values at their places.

    Objects on the way are made; an entry of a list must be there.

    Raises:
        SpecError: there is no such place; the pointer leads into the axes.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(document))
    for pointer, value in values.items():
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        holder: Any = changed
        for step in way:
            holder = _enter(holder, step)
        if not _may_hold(holder, last):
            message = "there is no such place in the spec"
            raise SpecError([Problem(join_pointer("/axes", pointer), "pointer_unknown", message, pointer)])
        holder[int(last) if isinstance(holder, list) else last] = copy.deepcopy(value)
    return changed


def _enter(holder: Any, step: str) -> Any:
    """Return what lies behind a step; None where nothing can."""
    if isinstance(holder, dict):
        return holder.setdefault(step, {})
    return holder[int(step)] if _may_hold(holder, step) else None


def _may_hold(holder: Any, step: str) -> bool:
    if isinstance(holder, list):
        return _INDEX.fullmatch(step) is not None and int(step) < len(holder)
    return isinstance(holder, dict)


def name_trial(name: str, values: Values, longest: int = 255) -> str:
    """Return a trial's title: the sweep's, and what is special about it."""
    names = name_pointers(values)
    told = ", ".join(f"{names[pointer]} {value}" for pointer, value in values.items())
    title = f"{name}: {told}"
    return title if len(title) <= longest else title[: longest - 1] + "…"
