"""How long runs take, measured on those that are over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from server.jobs.states import State
from server.jobs.tables import Attempt, Job

_RUNS = 200
"""Newest finished jobs of a pool that are looked at."""

Basis = Literal["engine", "like", "pool"]
"""What a range was measured on: the engine's own progress, runs of like specs, or all runs of the pool."""


@dataclass(frozen=True, slots=True)
class Range:
    """Seconds that half of the cases, and nine of ten, stay below."""

    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a run will probably take; nothing where nothing like it was measured."""

    seconds: Range | None = None
    basis: Basis | None = None
    num_runs: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What a run's duration depends on.

    Attributes:
        summary: models, data sets and methods of its spec.
        num_devices: on all nodes.
        steps: that are to be done; None where that is not known.
    """

    summary: Mapping[str, Any]
    num_devices: int
    steps: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run that succeeded."""

    summary: Mapping[str, Any]
    num_devices: int
    steps: int
    step_s: float
    spec_sha256: str
    cache_key: str | None

    def is_like(self, order: Order) -> bool:
        """Return whether its step does what a step of `order` would do."""
        return self.summary == order.summary and self.num_devices == order.num_devices


def read_runs(session: Session, pool: str) -> list[Run]:
    """Return the newest runs of a pool that succeeded; a step's time is that of the last attempt."""
    last = and_(Attempt.job_id == Job.id, Attempt.number == Job.attempt)
    query = select(Job, Attempt).join(Attempt, last).where(Job.pool == pool, Job.state == State.SUCCEEDED)
    rows = session.execute(query.order_by(Job.id.desc()).limit(_RUNS))
    return [run for job, attempt in rows if (run := _measure(job, attempt)) is not None]


def estimate(order: Order, runs: Sequence[Run]) -> Estimate:
    """Return how long a run will probably take, by like runs, else by all."""
    like = [run for run in runs if run.is_like(order)]
    if like:
        seconds = [run.step_s * (run.steps if order.steps is None else order.steps) for run in like]
        return Estimate(_spread(seconds), "like", len(like))
    if runs:
        return Estimate(_spread([run.step_s * run.steps for run in runs]), "pool", len(runs))
    return Estimate()


def _measure(job: Job, attempt: Attempt) -> Run | None:
    """Return a job's run; None where it says nothing of the time of a step."""
    if attempt.started_at is None or attempt.finished_at is None or not job.total_steps:
        return None
    num_steps = job.total_steps - attempt.start_step
    if num_steps <= 0:
        return None
    step_s = (attempt.finished_at - attempt.started_at).total_seconds() / num_steps
    devices = job.num_nodes * job.num_devices
    return Run(job.summary, devices, job.total_steps, step_s, job.spec_sha256, job.cache_key)


def _spread(values: Sequence[float]) -> Range:
    ordered = sorted(values)
    return Range(median(ordered), ordered[math.ceil(0.9 * len(ordered)) - 1])
