"""What operators measure, read from the database: a bounded look at each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.jobs.database import now
from server.jobs.states import TERMINAL, State
from server.jobs.tables import Device, Event, Job, Worker

Reading = tuple[tuple[str, ...], float]
"""Labels and a number."""

_EVENTS = 5000
_ROWS = 1000


@dataclass(slots=True)
class Happenings:
    """What has happened to jobs behind an event.

    Attributes:
        cursor: number of the last event that was looked at.
        waits: for each job that left the queue its pool and the seconds it waited.
        durations: for each job that ended its pool, its state and the seconds since its first start.
        losses: the pool of each job that lost its worker.
    """

    cursor: int
    waits: list[tuple[str, float]] = field(default_factory=list)
    durations: list[tuple[str, str, float]] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


def count_jobs(session: Session) -> list[Reading]:
    """Return how many jobs are in each state, in each pool that has any."""
    query = select(Job.pool, Job.state, func.count()).where(Job.deleted_at.is_(None)).group_by(Job.pool, Job.state)
    counts = {(pool, state): float(number) for pool, state, number in session.execute(query)}
    pools = {pool for pool, _ in counts} or {"default"}
    return [((pool, state.value), counts.get((pool, state.value), 0.0)) for pool in sorted(pools) for state in State]


def list_silences(session: Session) -> list[Reading]:
    """Return for each worker that has not stopped how many seconds ago it was heard of."""
    moment = now(session)
    live = select(Worker).where(Worker.stopped_at.is_(None)).order_by(Worker.heartbeat_at.desc()).limit(_ROWS)
    return [
        ((worker.id, worker.host, worker.pool), (moment - worker.heartbeat_at).total_seconds())
        for worker in session.scalars(live)
    ]


def list_gpus(session: Session) -> list[Reading]:
    """Return the memory of each GPU of the workers that have not stopped."""
    query = select(Device).join(Worker, Worker.id == Device.worker_id).where(Worker.stopped_at.is_(None))
    gpus = session.scalars(query.where(Device.memory_bytes.is_not(None)).limit(_ROWS))
    return [((gpu.worker_id, str(gpu.index), gpu.name), float(gpu.memory_bytes or 0)) for gpu in gpus]


def read_happenings(session: Session, cursor: int) -> Happenings:
    """Return what has happened behind an event, a bounded number of events further on."""
    query = select(Event, Job).join(Job, Job.id == Event.job_id).where(Event.seq > cursor)
    found = Happenings(cursor)
    for event, job in session.execute(query.order_by(Event.seq).limit(_EVENTS)):
        found.cursor = event.seq
        if event.type == "worker_lost":
            found.losses.append(job.pool)
        elif event.type == State.STARTING:
            if (since := _queued_at(session, event)) is not None:
                found.waits.append((job.pool, (event.created_at - since).total_seconds()))
        elif event.type in TERMINAL and job.started_at is not None:
            found.durations.append((job.pool, event.type, (event.created_at - job.started_at).total_seconds()))
    return found


def _queued_at(session: Session, start: Event) -> datetime | None:
    """Return when the job that was started by an event had entered the queue."""
    before = (Event.job_id == start.job_id, Event.seq < start.seq)
    earlier = session.scalars(select(Event).where(*before).order_by(Event.seq.desc()).limit(50))
    return next((event.created_at for event in earlier if event.data.get("state") == State.QUEUED), None)
