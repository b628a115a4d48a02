"""Sweeps as the server tells them: what is varied, how its trials stand, and what would become of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stillhouse.client.results import Number, Result


class Axis(Result):
    """What may stand at a place of the spec: one of some values, or a number from `low` to `high`."""

    values: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    scale: str = "linear"
    is_integer: bool = False
    points: int | None = None

    def as_request(self) -> dict[str, Any]:
        """Return what a submission says of it."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Halving(Result):
    """How trials that lag are stopped: of those at a rung, one in `factor` goes on."""

    factor: int = 3
    rungs: int = 2


class Rung(Result):
    """How a trial stood where it was judged: its `place` among those that had come so far."""

    rung: int
    step: int
    value: Number | None = None
    place: int
    num_judged: int
    is_kept: bool


class Trial(Result):
    """A job of a sweep; `values` are what its spec has at the axes, by JSON pointer."""

    number: int
    job_id: str
    name: str
    values: dict[str, Any]
    state: str
    status_reason: str | None = None
    progress: float | None = None
    value: Number | None = None
    judgements: tuple[Rung, ...] = ()


class Sweep(Result):
    """One experiment under many settings; lists leave out `spec`, `trials` and `best`."""

    id: str
    name: str
    project: str = "default"
    search: str
    seed: int = 0
    axes: dict[str, Axis]
    metric: str | None = None
    direction: str = "maximize"
    halving: Halving | None = None
    num_trials: int
    states: dict[str, int]
    is_over: bool
    created_by: str | None = None
    created_at: datetime
    spec: dict[str, Any] | None = None
    trials: tuple[Trial, ...] = ()
    best: Trial | None = None


class PlannedTrial(Result):
    """A job that a sweep would submit; `steps` is None where only the data's files know."""

    number: int
    name: str
    values: dict[str, Any]
    steps: int | None = None


class SweepPlan(Result):
    """What would become of a sweep, were no trial stopped."""

    num_trials: int
    steps: int | None = None
    trials: tuple[PlannedTrial, ...] = ()
