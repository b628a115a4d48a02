"""Who waits for what, and until when probably: the queue of a pool, played forward with measured durations.

The play knows slots, not hosts, and lets nobody overtake: a job that has to fill several devices of one host may start
later, one that fits into a gap earlier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.jobs.database import now
from server.jobs.history import Estimate, Order, Range, Run, estimate, read_runs
from server.jobs.limits import WAITS, count_devices
from server.jobs.states import LEASED, Reason, State
from server.jobs.tables import Device, Job, Worker
from server.jobs.turns import take_turns, weigh
from server.jobs.workers import is_live
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that waits, or that holds devices.

    Attributes:
        job: the job.
        place: among those that wait, from 1; None for one that holds devices.
        starts_in: seconds until it has its devices; None where nothing is known.
        ends_in: seconds until it is over; None where nothing is known.
        run: how long it will run from now or from its start, and how that is known.
        waits_for: what keeps it from its devices, for people.
    """

    job: Job
    place: int | None
    starts_in: Range | None
    ends_in: Range | None
    run: Estimate
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class Pool:
    """The devices of a pool, and what was measured on them."""

    num_slots: int
    runs: Sequence[Run]
    moment: datetime
    grace_s: float


def read_pool(session: Session, pool: str, settings: Settings) -> Pool:
    """Return a pool as it is now: slots of live workers that take jobs, and newest runs."""
    moment = now(session)
    slots = select(func.count()).select_from(Device).join(Worker, Worker.id == Device.worker_id)
    usable = (Worker.pool == pool, Worker.is_draining.is_(False), is_live(moment, settings.lease_ttl_s))
    num_slots = session.scalar(slots.where(*usable)) or 0
    return Pool(num_slots, read_runs(session, pool), moment, settings.grace_s)


def read_queue(session: Session, pool: str, limit: int) -> tuple[list[Job], list[Job]]:
    """Return the jobs that hold devices, and the first `limit` that wait, in the order in which they are assigned."""
    leased = select(Job).where(Job.pool == pool, Job.state.in_(LEASED)).order_by(Job.id)
    queued = session.scalars(select(Job).where(Job.pool == pool, Job.state == State.QUEUED))
    held = count_devices(session)
    turns: list[Job] = []
    for job in take_turns(queued, now(session), held):
        if len(turns) == limit:
            break
        turns.append(job)
        held[job.project] += _num_slots(job)
    return list(session.scalars(leased)), turns


def count_before(session: Session, pool: str, priority: int) -> int:
    """Return how many waiting jobs go before a new one of this priority."""
    moment = now(session)
    queued = session.scalars(select(Job).where(Job.pool == pool, Job.state == State.QUEUED))
    return sum(weigh(job, moment) >= priority for job in queued)


def play(pool: Pool, leased: Sequence[Job], queued: Sequence[Job]) -> list[Entry]:
    """Return the jobs with their devices, then those that wait, each with when it probably starts and ends."""
    running = [(job, _estimate_rest(job, pool)) for job in leased]
    waiting = [(job, estimate(order_of(job), pool.runs)) for job in queued]
    likely = _play_once(pool, running, waiting, at_worst=False)
    worst = _play_once(pool, running, waiting, at_worst=True)
    entries = [Entry(job, None, None, rest.seconds, rest, None) for job, rest in running]
    for place, ((job, run), first, last) in enumerate(zip(waiting, likely, worst, strict=True), 1):
        starts, ends = _range(first[0], last[0]), _range(first[1], last[1])
        entries.append(Entry(job, place, starts, ends, run, _say_what_it_waits_for(job, place, pool)))
    return entries


def order_of(job: Job, done: int = 0) -> Order:
    """Return what the duration of a job depends on, when `done` of its steps are behind it."""
    steps = None if job.total_steps is None else max(0, job.total_steps - done)
    return Order(job.summary, job.num_nodes * job.num_devices, steps)


def _estimate_rest(job: Job, pool: Pool) -> Estimate:
    """Return how long a job will hold its devices: as its engine says, where it has said something."""
    if job.state in {State.PAUSING, State.CANCELLING}:
        return Estimate(Range(0.0, pool.grace_s), "engine", 1)
    if job.eta_s is not None:
        return Estimate(Range(job.eta_s, job.eta_s), "engine", 1)
    return estimate(order_of(job, job.step or 0), pool.runs)


def _play_once(
    pool: Pool, running: Sequence[tuple[Job, Estimate]], waiting: Sequence[tuple[Job, Estimate]], *, at_worst: bool
) -> list[tuple[float, float]]:
    """Return start and end of each waiting job, in seconds from now; infinite where they are not known."""
    free_at = [seconds for job, rest in running for seconds in [_pick(rest, at_worst)] * _num_slots(job)]
    free_at = sorted(free_at + [0.0] * (pool.num_slots - len(free_at)))
    times: list[tuple[float, float]] = []
    for job, run in waiting:
        need = _num_slots(job)
        start = free_at[need - 1] if need <= min(pool.num_slots, len(free_at)) else math.inf
        end = start + _pick(run, at_worst)
        times.append((start, end))
        if math.isfinite(start):
            free_at = sorted([*free_at[need:], *[end] * need])
    return times


def _num_slots(job: Job) -> int:
    return job.num_nodes * job.num_devices


def _pick(found: Estimate, at_worst: bool) -> float:
    if found.seconds is None:
        return math.inf
    return found.seconds.p90 if at_worst else found.seconds.p50


def _range(likely: float, worst: float) -> Range | None:
    return Range(likely, worst) if math.isfinite(likely) and math.isfinite(worst) else None


def _say_what_it_waits_for(job: Job, place: int, pool: Pool) -> str:
    need = _num_slots(job)
    if job.status_reason in {*WAITS, Reason.DEPENDENCY} and job.status_message:
        return job.status_message
    if pool.num_slots == 0:
        return f"no live worker serves the pool {job.pool!r}"
    if need > pool.num_slots:
        return f"it needs {need} devices at once; the live workers have {pool.num_slots}"
    if job.not_before is not None and job.not_before > pool.moment:
        return f"its next attempt waits {(job.not_before - pool.moment).total_seconds():.0f} s"
    return "devices that are free" if place == 1 else f"{place - 1} {'job' if place == 2 else 'jobs'} before it"
