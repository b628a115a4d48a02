"""Workers announce themselves and their devices, and show that they live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, type_coerce, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, insert_into, now
from server.jobs.events import lock_events
from server.jobs.loss import lose_attempt
from server.jobs.states import LEASED, Reason
from server.jobs.tables import Device, Job, Member, UTCDateTime, Worker


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for one job: a GPU, or a share of the CPU.

    Attributes:
        index: number of the slot on its worker.
        kind: cuda or cpu.
        name: what people call the device.
        memory_bytes: of the device, None where it has none of its own.
    """

    index: int
    kind: str
    name: str
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a worker says of itself when it starts."""

    worker_id: str
    pool: str
    host: str
    pid: int
    incarnation: str
    version: str
    facts: dict[str, Any]
    slots: tuple[Slot, ...]


def is_live(moment: datetime, ttl_s: float) -> ColumnElement[bool]:
    """Return the condition that a worker has not stopped and was heard of within `ttl_s` seconds."""
    return and_(Worker.stopped_at.is_(None), Worker.heartbeat_at > moment - timedelta(seconds=ttl_s))


def register(session: Session, announcement: Announcement) -> list[str]:
    """Announce a worker that has just started, and its devices.

    No process of its former life lives any more (the worker has looked), so what that life held is lost now, not
    when its leases expire.

    Returns:
        The ids of the jobs that were lost.
    """
    lock_events(session)
    lost = _release(session, announcement.worker_id)
    moment = now(session)
    values = {
        "pool": announcement.pool,
        "host": announcement.host,
        "pid": announcement.pid,
        "incarnation": announcement.incarnation,
        "version": announcement.version,
        "facts": announcement.facts,
        "started_at": moment,
        "heartbeat_at": moment,
        "stopped_at": None,
    }
    insert = insert_into(session, Worker).values(id=announcement.worker_id, is_draining=False, **values)
    session.execute(insert.on_conflict_do_update(index_elements=[Worker.id], set_=values))
    change_rows(session, delete(Device).where(Device.worker_id == announcement.worker_id))
    session.add_all(
        Device(
            worker_id=announcement.worker_id,
            index=slot.index,
            kind=slot.kind,
            name=slot.name,
            memory_bytes=slot.memory_bytes,
        )
        for slot in announcement.slots
    )
    session.flush()
    return lost


def beat(session: Session, worker_id: str, incarnation: str) -> bool:
    """Say that a worker lives; False when another start of the same worker has taken its place."""
    conditions = (Worker.id == worker_id, Worker.incarnation == incarnation)
    return bool(change_rows(session, update(Worker).where(*conditions).values(heartbeat_at=now(session))))


def stop_worker(session: Session, worker_id: str, incarnation: str) -> None:
    """Say that a worker takes no more jobs, for good."""
    conditions = (Worker.id == worker_id, Worker.incarnation == incarnation, Worker.stopped_at.is_(None))
    change_rows(session, update(Worker).where(*conditions).values(stopped_at=now(session)))


def drain_worker(session: Session, worker_id: str, *, at_once: bool) -> bool:
    """Give a worker no more jobs, also when it starts anew; what it runs goes on to its end.

    Args:
        session: a session that writes.
        worker_id: the worker.
        at_once: what it runs saves a checkpoint and goes back to the queue; said once, this holds until `undrain`.

    Returns:
        False when there is no such worker.
    """
    values: dict[str, Any] = {"is_draining": True}
    if at_once:
        values |= {
            "clear_requested_at": func.coalesce(Worker.clear_requested_at, type_coerce(now(session), UTCDateTime()))
        }
    return bool(change_rows(session, update(Worker).where(Worker.id == worker_id).values(values)))


def undrain_worker(session: Session, worker_id: str) -> bool:
    """Let a worker get jobs again; False when there is no such worker."""
    values = {"is_draining": False, "clear_requested_at": None}
    return bool(change_rows(session, update(Worker).where(Worker.id == worker_id).values(values)))


def _release(session: Session, worker_id: str) -> list[str]:
    """Lose every job that a former life of the worker holds."""
    held = (
        select(Job.id, Member.reported_at)
        .join(Member, and_(Member.job_id == Job.id, Member.token == Job.lease_token))
        .where(Member.worker_id == worker_id, Job.state.in_(LEASED))
        .order_by(Job.id)
        .with_for_update(of=Job)
    )
    lost = dict(session.execute(held).all())
    for job_id, reported_at in lost.items():
        reason = Reason.WORKER_LOST if reported_at else Reason.NOT_STARTED
        lose_attempt(session, job_id, reason=reason, message=f"worker {worker_id} started anew", actor=worker_id)
    return list(lost)
