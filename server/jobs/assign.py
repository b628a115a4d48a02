"""Jobs get their devices: all of them on all their nodes in one transaction, or none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from server.jobs.database import Database, change_rows, lock, now
from server.jobs.doorbell import Doorbell
from server.jobs.events import lock_events
from server.jobs.ids import new_id
from server.jobs.limits import WAITS, Limits, note_wait
from server.jobs.moves import move_job
from server.jobs.needs import is_unblocked
from server.jobs.states import State
from server.jobs.tables import Attempt, Device, Job, Member, Worker
from server.jobs.turns import take_turns
from server.jobs.workers import is_live
from server.settings import Settings

_QUEUE_DEPTH = 100
"""Jobs of a project that one pass looks at: so many of the highest priority, and so many of the greatest age."""


@dataclass(slots=True)
class _Host:
    """A worker and its slots, as one pass sees and fills them."""

    worker_id: str
    num_slots: int = 0
    free: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Share:
    """The slots of one host that a job gets."""

    worker_id: str
    indices: tuple[int, ...]


def assign_jobs(database: Database, doorbell: Doorbell, settings: Settings, *, recheck: bool = False) -> int:
    """Give queued jobs the free devices of live workers, then ring the workers.

    Args:
        database: where the jobs are.
        doorbell: how workers are told.
        settings: the service's times.
        recheck: look at pools without a free device too, whose jobs may give a reason to wait that holds no longer.

    Returns:
        How many jobs were assigned.
    """
    assigned = 0
    for pool in _pools_with_work(database, recheck=recheck):
        with database.write() as session:
            bells = _assign_pool(session, pool, settings)
        for worker_id, job_id in bells:
            doorbell.ring(worker_id, job_id)
        assigned += len({job_id for _, job_id in bells})
    return assigned


def _pools_with_work(database: Database, *, recheck: bool) -> list[str]:
    """Return the pools that have both a queued job and a free device; most passes find none and take no lock."""
    with database.read() as session:
        of_workers = select(Worker.pool).join(Device, Device.worker_id == Worker.id)
        free = session.scalars(of_workers.where(Device.job_id.is_(None)).distinct()).all()
        if not (free or recheck):
            return []
        worth = or_(Job.pool.in_(free), Job.status_reason.in_(WAITS)) if recheck else Job.pool.in_(free)
        queued = select(Job.pool).where(Job.state == State.QUEUED, worth, is_unblocked())
        return sorted(session.scalars(queued.distinct()))


def _assign_pool(session: Session, pool: str, settings: Settings) -> list[tuple[str, str]]:
    """Assign what fits; return who must be rung for which job."""
    lock(session, f"assign.{pool}")
    lock_events(session)
    moment = now(session)
    # A worker that dies beats last at about the same time as its jobs: when their leases expire, and they come back
    # to the queue, it must not look alive any more.
    hosts = _read_hosts(session, pool, moment, max(settings.lease_ttl_s / 2, 1.5 * settings.heartbeat_s))
    queue = _read_queue(session, pool, moment)
    limits = Limits.read(session, pool, queue)
    bells: list[tuple[str, str]] = []
    is_held = False
    for job in take_turns(queue, moment, limits.held):
        wait = limits.find_wait(job)
        note_wait(job, wait)
        if wait is not None:
            continue
        shares = _place(job, hosts)
        if shares:
            _assign(session, job, shares, moment, settings)
            limits.take(job)
            bells += [(share.worker_id, job.id) for share in shares]
        elif not is_held:
            is_held = _hold(job, hosts)
    return bells


def _read_hosts(session: Session, pool: str, moment: datetime, ttl_s: float) -> list[_Host]:
    rows = session.execute(
        select(Device.worker_id, Device.index, Device.job_id)
        .join(Worker, Worker.id == Device.worker_id)
        .where(Worker.pool == pool, Worker.is_draining.is_(False), is_live(moment, ttl_s))
        .order_by(Device.worker_id, Device.index)
    )
    hosts: dict[str, _Host] = {}
    for worker_id, index, job_id in rows:
        host = hosts.setdefault(worker_id, _Host(worker_id))
        host.num_slots += 1
        if job_id is None:
            host.free.append(index)
    return list(hosts.values())


def _read_queue(session: Session, pool: str, moment: datetime) -> list[Job]:
    is_due = or_(Job.not_before.is_(None), Job.not_before <= moment)
    wanted = and_(Job.pool == pool, Job.state == State.QUEUED, is_due, is_unblocked())
    by_priority = func.row_number().over(partition_by=Job.project, order_by=(Job.priority.desc(), Job.id))
    by_age = func.row_number().over(partition_by=Job.project, order_by=Job.id)
    ranked = select(Job.id, by_priority.label("by_priority"), by_age.label("by_age")).where(wanted).subquery()
    heads = select(ranked.c.id).where(or_(ranked.c.by_priority <= _QUEUE_DEPTH, ranked.c.by_age <= _QUEUE_DEPTH))
    return list(session.scalars(select(Job).where(Job.id.in_(heads)).with_for_update()))


def _place(job: Job, hosts: list[_Host]) -> list[_Share]:
    """Take a job's slots from the fullest hosts that have them; none at all unless every node gets its share."""
    fitting = sorted((host for host in hosts if len(host.free) >= job.num_devices), key=lambda host: len(host.free))
    if len(fitting) < job.num_nodes:
        return []
    return [_take(host, job.num_devices) for host in fitting[: job.num_nodes]]


def _hold(job: Job, hosts: list[_Host]) -> bool:
    """Keep free, for the first job that does not fit, the slots that it will need; others may fill the rest.

    Returns:
        False when the live hosts could never run the job: nothing is held for it then.
    """
    able = [host for host in hosts if host.num_slots >= job.num_devices]
    if len(able) < job.num_nodes:
        return False
    for host in sorted(able, key=lambda host: -len(host.free))[: job.num_nodes]:
        _take(host, min(job.num_devices, len(host.free)))
    return True


def _take(host: _Host, count: int) -> _Share:
    taken, host.free = host.free[:count], host.free[count:]
    return _Share(host.worker_id, tuple(taken))


def _assign(session: Session, job: Job, shares: list[_Share], moment: datetime, settings: Settings) -> None:
    token, number = job.lease_token + 1, job.attempt + 1
    devices: list[dict[str, Any]] = [
        {"node": node, "worker_id": share.worker_id, "indices": list(share.indices)}
        for node, share in enumerate(shares)
    ]
    # Until somebody answers the doorbell there is no heartbeat: the lease outlasts the time to report.
    expiry = moment + timedelta(seconds=settings.report_s + settings.lease_ttl_s)
    move_job(
        session,
        job.id,
        State.STARTING,
        token=job.lease_token,
        actor="scheduler",
        data={"devices": devices},
        lease_token=token,
        lease_owner=shares[0].worker_id,
        lease_expires_at=expiry,
        attempt=number,
        log_bytes=0,
        not_before=None,
    )
    for share in shares:
        _occupy(session, job.id, token, share)
    session.add(
        Attempt(
            id=new_id("att"),
            job_id=job.id,
            number=number,
            token=token,
            worker_id=shares[0].worker_id,
            devices=devices,
            created_at=moment,
        )
    )
    session.add_all(
        Member(job_id=job.id, token=token, node=node, worker_id=share.worker_id, created_at=moment, rung_at=moment)
        for node, share in enumerate(shares)
    )
    session.flush()


def _occupy(session: Session, job_id: str, token: int, share: _Share) -> None:
    wanted = (Device.worker_id == share.worker_id, Device.index.in_(share.indices), Device.job_id.is_(None))
    taken = change_rows(session, update(Device).where(*wanted).values(job_id=job_id, token=token))
    if taken != len(share.indices):
        raise RuntimeError(f"slots {share.indices} of {share.worker_id} were taken while the pool was locked")
