"""Trials of a sweep that lag behind are stopped: asynchronous successive halving in its stopping form.

A trial is judged once at each rung, among those that have reached the rung by then: it goes on if it is one of the
best 1 / factor, rounded up. (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2,
with trials that stop in place of trials that are promoted.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.jobs.database import Database, lock, now
from server.jobs.states import LEASED
from server.jobs.tables import Job, Judgement, Metric, MetricKey, MetricLatest, Sweep
from server.jobs.verbs import stop_trial


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A trial that has reached a rung: its job, and the first value that was measured there."""

    job_id: str
    step: int
    value: float | None


def halve_sweeps(database: Database, actor: str) -> tuple[str, ...]:
    """Judge the trials that have reached a rung since the last pass, and stop those that lag; return their jobs."""
    with database.read() as session:
        running = (Job.sweep_id == Sweep.id, Job.state.in_(LEASED), Job.deleted_at.is_(None))
        query = select(Sweep.id).where(Sweep.factor.is_not(None), select(Job.id).where(*running).exists())
        sweep_ids = session.scalars(query.order_by(Sweep.id)).all()
    stopped: list[str] = []
    for sweep_id in sweep_ids:
        with database.write() as session:
            lock(session, f"sweep.{sweep_id}")
            stopped += _halve(session, session.get_one(Sweep, sweep_id), actor)
    return tuple(stopped)


def find_rung_step(total_steps: int, factor: int, rung: int, num_rungs: int) -> int:
    """Return the step at which rung 1 … `num_rungs` of a trial lies."""
    return max(1, math.ceil(total_steps / math.pow(factor, num_rungs + 1 - rung)))


def _halve(session: Session, sweep: Sweep, actor: str) -> list[str]:
    key_id = session.scalar(select(MetricKey.id).where(MetricKey.key == sweep.metric))
    if key_id is None:
        return []
    stopped: list[str] = []
    for rung in range(1, sweep.num_rungs + 1):
        for late in _judge(session, sweep, rung, _find_arrivals(session, sweep, rung, key_id)):
            told = f"{sweep.metric} {late.value:.6g}" if late.value is not None else f"no number as {sweep.metric}"
            message = f"at rung {rung} of {sweep.num_rungs}, {told} is place {late.place} of {late.num_judged}"
            stop_trial(session, late.job_id, message, actor)
            stopped.append(late.job_id)
    return stopped


def _find_arrivals(session: Session, sweep: Sweep, rung: int, key_id: int) -> list[_Arrival]:
    """Return the trials that have reached a rung and were judged neither there nor out at one before."""
    settled = or_(Judgement.rung == rung, Judgement.is_kept.is_(False))
    judged = select(Judgement.job_id).where(Judgement.job_id == Job.id, settled)
    there = (Job.sweep_id == sweep.id, Job.deleted_at.is_(None), Job.total_steps.is_not(None), ~judged.exists())
    query = select(Job.id, Job.total_steps, MetricLatest.last_step).join(MetricLatest, MetricLatest.job_id == Job.id)
    arrivals = []
    for job_id, total, last in session.execute(query.where(*there, MetricLatest.key_id == key_id).order_by(Job.id)):
        step = find_rung_step(total or 0, sweep.factor or 1, rung, sweep.num_rungs)
        if last >= step:
            arrivals.append(_Arrival(job_id, *_read_value(session, job_id, key_id, step)))
    return arrivals


def _read_value(session: Session, job_id: str, key_id: int, step: int) -> tuple[int, float | None]:
    """Return the first value at or behind a step, and where that is."""
    measured = (Metric.job_id == job_id, Metric.key_id == key_id, Metric.step >= step)
    query = select(Metric.step, Metric.value).where(*measured).order_by(Metric.step, Metric.attempt.desc()).limit(1)
    found, value = session.execute(query).one()
    return found, value


def _judge(session: Session, sweep: Sweep, rung: int, arrivals: Sequence[_Arrival]) -> list[Judgement]:
    """Write down how arrivals stand among all that have reached the rung; return those that are not kept."""
    in_sweep = select(Job.id).where(Job.sweep_id == sweep.id)
    earlier = select(Judgement.value).where(Judgement.rung == rung, Judgement.job_id.in_(in_sweep))
    ranks = sorted(
        _rank(value, is_low=sweep.is_better_low)
        for value in (*session.scalars(earlier), *(arrival.value for arrival in arrivals))
    )
    most = math.ceil(len(ranks) / (sweep.factor or 1))
    late = []
    for arrival in arrivals:
        place = ranks.index(_rank(arrival.value, is_low=sweep.is_better_low)) + 1
        judgement = Judgement(
            job_id=arrival.job_id,
            rung=rung,
            step=arrival.step,
            value=arrival.value,
            place=place,
            num_judged=len(ranks),
            is_kept=place <= most and arrival.value is not None,
            created_at=now(session),
        )
        session.add(judgement)
        if not judgement.is_kept:
            late.append(judgement)
    session.flush()
    return late


def _rank(value: float | None, *, is_low: bool) -> float:
    """Return what sorts the best value first, and what is no number last."""
    if value is None:
        return math.inf
    return value if is_low else -value
