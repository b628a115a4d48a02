"""A worker's hold on a job: taken up once, kept by heartbeats, checked at every write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, now
from server.jobs.errors import LeaseLostError
from server.jobs.states import LEASED, State
from server.jobs.tables import Attempt, Device, Job, JobSpec, Member, Worker


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt of a job, held by one worker under one token; every write of a worker names it."""

    job_id: str
    project: str
    token: int
    attempt_id: str
    attempt: int
    worker_id: str
    slots: tuple[int, ...]
    resolved: dict[str, Any]
    node: int = 0
    num_nodes: int = 1
    export_of: str | None = None

    @property
    def is_lead(self) -> bool:
        """Whether this is node 0: it holds the lease, records what the engine says, and ends the attempt."""
        return self.node == 0

    @property
    def first_rank(self) -> int:
        """Number of this node's first rank among those of all nodes."""
        return self.node * len(self.slots)


@dataclass(frozen=True, slots=True)
class Orders:
    """What people want of a running job.

    Attributes:
        cancel: it is to be ended for good.
        pause: it is to save a checkpoint and rest.
        clear: a worker that it runs on is to be cleared: it goes on elsewhere.
        part: another node has ended, so that this one has to end, too.
    """

    cancel: bool
    pause: bool
    clear: bool
    part: bool


def take_up(session: Session, worker_id: str, job_id: str, ttl_s: float) -> Claim | None:
    """Answer a doorbell: take up the attempt that was assigned to this worker.

    Args:
        session: a session that writes.
        worker_id: who answers.
        job_id: the job that the doorbell named.
        ttl_s: seconds that the lease lasts from now.

    Returns:
        None when nothing is assigned here (any more), or somebody answered before.
    """
    job = session.scalar(select(Job).where(Job.id == job_id, Job.state.in_(LEASED)).with_for_update())
    if job is None:
        return None
    moment = now(session)
    mine = (Member.job_id == job_id, Member.token == job.lease_token, Member.worker_id == worker_id)
    unanswered = (*mine, Member.reported_at.is_(None))
    if not change_rows(session, update(Member).where(*unanswered).values(reported_at=moment, heartbeat_at=moment)):
        return None
    claim = _read_claim(session, job, worker_id, session.scalars(select(Member.node).where(*mine)).one())
    if claim.is_lead:
        expiry = moment + timedelta(seconds=ttl_s)
        change_rows(session, update(Job).where(Job.id == job_id).values(heartbeat_at=moment, lease_expires_at=expiry))
    return claim


def heartbeat(session: Session, claim: Claim, ttl_s: float) -> None:
    """Hold the lease for another `ttl_s` seconds; a further node, which does not hold it, says that it lives.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    moment = now(session)
    if claim.is_lead:
        write_guarded(session, claim, heartbeat_at=moment, lease_expires_at=moment + timedelta(seconds=ttl_s))
    elif not is_held(session, claim.job_id, claim.token):
        raise LeaseLostError(claim.job_id, claim.token)
    if claim.num_nodes > 1:
        mine = (Member.job_id == claim.job_id, Member.token == claim.token, Member.node == claim.node)
        change_rows(session, update(Member).where(*mine).values(heartbeat_at=moment))


def write_guarded(session: Session, claim: Claim, **columns: Any) -> None:
    """Set columns of the job if the claim still holds it; the row stays locked until the transaction ends.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    conditions = (Job.id == claim.job_id, Job.lease_token == claim.token, Job.state.in_(LEASED))
    columns = columns or {"updated_at": now(session)}
    if not change_rows(session, update(Job).where(*conditions).values(columns)):
        raise LeaseLostError(claim.job_id, claim.token)


def write_attempt(session: Session, claim: Claim, **columns: Any) -> None:
    """Set columns of the claim's own attempt; the caller has checked the lease in this transaction."""
    change_rows(session, update(Attempt).where(Attempt.id == claim.attempt_id).values(columns))


def read_orders(session: Session, claim: Claim) -> Orders:
    """Return what people want of the job now.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    conditions = (Job.id == claim.job_id, Job.lease_token == claim.token, Job.state.in_(LEASED))
    state = session.scalar(select(Job.state).where(*conditions))
    if state is None:
        raise LeaseLostError(claim.job_id, claim.token)
    return Orders(
        cancel=state == State.CANCELLING,
        pause=state == State.PAUSING,
        clear=_is_clearing(session, claim),
        part=_is_parting(session, claim),
    )


def _is_clearing(session: Session, claim: Claim) -> bool:
    """Return whether one of the attempt's workers was asked to give back what it runs."""
    asked = (Member.job_id == claim.job_id, Member.token == claim.token, Worker.clear_requested_at.is_not(None))
    query = select(Worker.id).join(Member, Member.worker_id == Worker.id).where(*asked)
    return session.scalar(query.limit(1)) is not None


def _is_parting(session: Session, claim: Claim) -> bool:
    """Return whether a node has ended that this one cannot go on without: node 0, or any for node 0 itself.

    Node 0 goes on without those that ended well: it still writes the results when they have done their part.
    """
    if claim.num_nodes == 1:
        return False
    failed = or_(Member.exit_code.is_(None), Member.exit_code != 0)
    others = and_(Member.node != 0, failed) if claim.is_lead else Member.node == 0
    ended = (Member.job_id == claim.job_id, Member.token == claim.token, others, Member.finished_at.is_not(None))
    return session.scalar(select(Member.node).where(*ended).limit(1)) is not None


def is_held(session: Session, job_id: str, token: int) -> bool:
    """Return whether the attempt of a job under `token` is the live one."""
    conditions = (Job.id == job_id, Job.lease_token == token, Job.state.in_(LEASED))
    return session.scalar(select(Job.id).where(*conditions)) is not None


def _read_claim(session: Session, job: Job, worker_id: str, node: int) -> Claim:
    attempt = session.scalars(select(Attempt).where(Attempt.job_id == job.id, Attempt.token == job.lease_token)).one()
    held = (Device.worker_id == worker_id, Device.job_id == job.id, Device.token == job.lease_token)
    return Claim(
        job_id=job.id,
        project=job.project,
        token=job.lease_token,
        attempt_id=attempt.id,
        attempt=attempt.number,
        worker_id=worker_id,
        slots=tuple(session.scalars(select(Device.index).where(*held).order_by(Device.index))),
        resolved=session.scalars(select(JobSpec.resolved).where(JobSpec.job_id == job.id)).one(),
        node=node,
        num_nodes=job.num_nodes,
        export_of=job.export_of,
    )
