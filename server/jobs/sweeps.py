"""Sweeps in the database: their trials are jobs like all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from server.jobs.database import now
from server.jobs.errors import SweepRefusedError, UnknownSweepError
from server.jobs.events import lock_events
from server.jobs.gain import is_better_low, read_values
from server.jobs.ids import new_id
from server.jobs.states import GRANTED, VERBS, Reason, State, Verb
from server.jobs.sweep_plan import Halving, Search, Values
from server.jobs.tables import Job, Judgement, Sweep, Trial
from server.jobs.verbs import cancel_job, pause_job, resume_job, retry_job

_ACTIONS = {Verb.CANCEL: cancel_job, Verb.PAUSE: pause_job, Verb.RESUME: resume_job, Verb.RETRY: retry_job}


@dataclass(frozen=True, slots=True)
class Goal:
    """What a sweep is after.

    Attributes:
        metric: what trials are judged by.
        is_better_low: whether less of it is better; told by its name if left out.
        halving: how trials are stopped; none runs all to their end.
    """

    metric: str | None = None
    is_better_low: bool | None = None
    halving: Halving | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial as it stands: its settings, its job, its value of the metric, and how it was judged."""

    trial: Trial
    job: Job
    value: float | None
    judgements: Sequence[Judgement] = field(default=())


def add_sweep(
    session: Session,
    *,
    name: str,
    document: dict[str, Any],
    axes: dict[str, Any],
    search: Search,
    seed: int,
    goal: Goal,
    trials: Sequence[tuple[Job, Values]],
) -> Sweep:
    """Keep a sweep of jobs that have been submitted in this transaction."""
    first = trials[0][0]
    metric, halving = goal.metric, goal.halving
    is_low = goal.is_better_low
    sweep = Sweep(
        id=new_id("swp"),
        project=first.project,
        name=name,
        document=document,
        axes=axes,
        search=search,
        seed=seed,
        metric=metric,
        is_better_low=is_low if is_low is not None else metric is not None and is_better_low(metric),
        factor=halving.factor if halving else None,
        num_rungs=halving.rungs if halving else 0,
        num_trials=len(trials),
        created_by=first.created_by,
        created_at=now(session),
    )
    session.add(sweep)
    session.flush()
    for number, (job, values) in enumerate(trials, 1):
        job.sweep_id = sweep.id
        session.add(Trial(job_id=job.id, sweep_id=sweep.id, number=number, values=values))
    session.flush()
    return sweep


def find_sweep(session: Session, sweep_id: str) -> Sweep:
    """Return a sweep.

    Raises:
        UnknownSweepError: there is none of this id.
    """
    sweep = session.get(Sweep, sweep_id)
    if sweep is None:
        raise UnknownSweepError(sweep_id)
    return sweep


def list_sweeps(session: Session, project: str, after: str | None, limit: int) -> list[Sweep]:
    """Return the sweeps of a project, the newest first, one more than the limit where there are more."""
    query = select(Sweep).where(Sweep.project == project)
    if after is not None:
        query = query.where(Sweep.id < after)
    return list(session.scalars(query.order_by(Sweep.id.desc()).limit(limit + 1)))


def count_states(session: Session, sweep_ids: Sequence[str]) -> dict[str, dict[State, int]]:
    """Return of each sweep how many of its jobs are in which state."""
    found: dict[str, dict[State, int]] = {sweep_id: {} for sweep_id in sweep_ids}
    alive = (Job.sweep_id.in_(sweep_ids), Job.deleted_at.is_(None))
    query = select(Job.sweep_id, Job.state, func.count()).where(*alive).group_by(Job.sweep_id, Job.state)
    for sweep_id, state, count in session.execute(query):
        found[sweep_id or ""][State(state)] = count
    return found


def read_standings(session: Session, sweep: Sweep) -> list[Standing]:
    """Return the trials of a sweep whose jobs are there, by number."""
    query = select(Trial, Job).join(Job, Job.id == Trial.job_id).where(Trial.sweep_id == sweep.id)
    rows = [
        (trial, job) for trial, job in session.execute(query.where(Job.deleted_at.is_(None)).order_by(Trial.number))
    ]
    values = read_values(session, [job for _, job in rows], sweep.metric) if sweep.metric else {}
    judged: dict[str, list[Judgement]] = {}
    ids = [job.id for _, job in rows]
    for each in session.scalars(select(Judgement).where(Judgement.job_id.in_(ids)).order_by(Judgement.rung)):
        judged.setdefault(each.job_id, []).append(each)
    return [Standing(trial, job, values.get(job.id), judged.get(job.id, [])) for trial, job in rows]


def find_best(sweep: Sweep, standings: Sequence[Standing]) -> Standing | None:
    """Return the best of the trials that have succeeded; None where none has a value."""
    done = [each for each in standings if each.value is not None and each.job.state == State.SUCCEEDED]
    sign = 1.0 if sweep.is_better_low else -1.0
    return min(done, key=lambda each: sign * (each.value or 0.0), default=None)


def move_sweep(session: Session, sweep: Sweep, verb: Verb, actor: str) -> None:
    """Ask of every trial what its state allows; those that are elsewhere stay as they are.

    A trial that the sweep itself stopped is not retried with the others; its job can be.

    Raises:
        SweepRefusedError: none of the trials can do it, and none has been asked before.
    """
    lock_events(session)
    wanted = [Job.sweep_id == sweep.id, Job.deleted_at.is_(None)]
    if verb is Verb.RETRY:
        wanted.append(or_(Job.status_reason.is_(None), Job.status_reason != Reason.SWEEP_STOPPED))
    query = select(Job.id, Job.state).where(*wanted).order_by(Job.id)
    states = {job_id: State(state) for job_id, state in session.execute(query)}
    if not any(state in VERBS[verb] or state in GRANTED[verb] for state in states.values()):
        raise SweepRefusedError(sweep.id, verb, sorted(states.values()))
    for job_id, state in states.items():
        if state in VERBS[verb]:
            _ACTIONS[verb](session, job_id, actor)
