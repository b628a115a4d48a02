"""The nodes of an attempt on several hosts: where they meet, how each ended, and which were lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, select, update
from sqlalchemy.orm import Session

from server.jobs.database import Database, change_rows, now
from server.jobs.events import lock_events
from server.jobs.lease import Claim, write_guarded
from server.jobs.loss import lose_attempt
from server.jobs.states import LEASED, Reason
from server.jobs.storable import storable
from server.jobs.tables import Attempt, Checkpoint, Job, Member


@dataclass(frozen=True, slots=True)
class NodeEnd:
    """How one node ended.

    Attributes:
        node: which.
        exit_code: of its engine, negative for a signal; None where none was started.
        reason: why it failed, by its engine's word, where it did not merely lose the others.
        message: the same for people.
    """

    node: int
    exit_code: int | None
    reason: str | None = None
    message: str | None = None


def publish_address(session: Session, claim: Claim, address: str) -> None:
    """Say, as node 0, where the ranks of all nodes meet; what the attempt goes on from is written down before.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    write_guarded(session, claim)
    change_rows(session, update(Member).where(*_mine(claim)).values(address=address))


def read_address(session: Session, claim: Claim) -> str | None:
    """Return where the ranks of all nodes meet, None while node 0 has not said so."""
    lead = (Member.job_id == claim.job_id, Member.token == claim.token, Member.node == 0)
    return session.scalar(select(Member.address).where(*lead))


def find_resumed(session: Session, claim: Claim) -> Checkpoint | None:
    """Return the checkpoint that node 0 goes on from, and so every node; None for a fresh start."""
    query = select(Checkpoint).join(Attempt, Attempt.resumed_from == Checkpoint.id)
    return session.scalar(query.where(Attempt.id == claim.attempt_id))


def end_node(session: Session, claim: Claim, end: NodeEnd) -> None:
    """Say that no process of the attempt is left on this claim's node, or on node 0 that its engine has ended.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    write_guarded(session, claim)
    values = {
        "finished_at": now(session),
        "exit_code": end.exit_code,
        "reason": storable(end.reason),
        "message": storable(end.message),
    }
    change_rows(session, update(Member).where(*_mine(claim)).values(values))


def are_others_over(session: Session, claim: Claim) -> bool:
    """Return whether every other node that was taken up has ended."""
    others = (Member.job_id == claim.job_id, Member.token == claim.token, Member.node != claim.node)
    waiting = select(Member.node).where(*others, Member.reported_at.is_not(None), Member.finished_at.is_(None))
    return session.scalar(waiting.limit(1)) is None


def read_ends(session: Session, claim: Claim) -> list[NodeEnd]:
    """Return how the other nodes ended that have, the first to end first."""
    others = (Member.job_id == claim.job_id, Member.token == claim.token, Member.node != claim.node)
    ended = select(Member).where(*others, Member.finished_at.is_not(None)).order_by(Member.finished_at, Member.node)
    return [NodeEnd(row.node, row.exit_code, row.reason, row.message) for row in session.scalars(ended)]


def lose_silent_nodes(database: Database, ttl_s: float, actor: str) -> tuple[str, ...]:
    """Take the jobs back of which a node has been silent for `ttl_s` seconds; the other nodes then leave by themselves.

    Node 0 is not looked at: its silence ends the lease.
    """
    with database.read() as session:
        suspects = session.scalars(_silent(now(session), ttl_s)).unique().all()
    return tuple(job_id for job_id in suspects if _lose_if_silent(database, job_id, ttl_s, actor))


def _lose_if_silent(database: Database, job_id: str, ttl_s: float, actor: str) -> bool:
    with database.write() as session:
        lock_events(session)
        session.scalar(select(Job.id).where(Job.id == job_id).with_for_update())
        still = _silent(now(session), ttl_s).where(Job.id == job_id).add_columns(Member.node, Member.worker_id)
        row = session.execute(still).first()
        if row is None:
            return False
        message = f"node {row.node} was lost: worker {row.worker_id} was silent for longer than {ttl_s:g} s"
        return bool(lose_attempt(session, job_id, reason=Reason.WORKER_LOST, message=message, actor=actor))


def _silent(moment: datetime, ttl_s: float) -> Select[str]:
    """Select the jobs with a further node that was taken up, has not ended, and does not beat."""
    return (
        select(Job.id)
        .join(Member, and_(Member.job_id == Job.id, Member.token == Job.lease_token))
        .where(
            Job.state.in_(LEASED),
            Member.node > 0,
            Member.finished_at.is_(None),
            Member.heartbeat_at <= moment - timedelta(seconds=ttl_s),
        )
    )


def _mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (Member.job_id == claim.job_id, Member.token == claim.token, Member.node == claim.node)
