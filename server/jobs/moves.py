"""The one way in which a job changes its state: a guarded UPDATE and its event, together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, now
from server.jobs.events import append_event, lock_events
from server.jobs.states import LEASED, TERMINAL, Reason, State, sources_of
from server.jobs.storable import storable
from server.jobs.tables import Device, Job


def move_job(
    session: Session,
    job_id: str,
    target: State,
    *,
    reason: Reason | None = None,
    message: str | None = None,
    token: int | None = None,
    actor: str,
    data: dict[str, Any] | None = None,
    sources: Collection[State] | None = None,
    **columns: Any,
) -> bool:
    """Move a job to `target` if its state, and the lease token where one is given, allow it.

    A move that ends the lease frees the job's devices. The event is named after the state, or, for a move back to
    the queue, after its reason.

    Args:
        session: a session that writes; the caller commits.
        job_id: the job.
        target: the state to reach.
        reason: why, for programs.
        message: why, for people.
        token: the lease under which the caller acts; None for people and the scheduler.
        actor: who does it: user, scheduler, reconciler or a worker's id.
        data: more for the event.
        sources: states to leave; by default every state that may go to `target`.
        columns: further columns of the job to set.

    Returns:
        False when the job is in none of the sources or under another token; nothing is changed then.
    """
    allowed = sources_of(target)
    sources = allowed if sources is None else frozenset(sources)
    if not sources <= allowed:
        raise ValueError(f"no job goes from {' or '.join(sorted(sources - allowed))} to {target}")
    lock_events(session)
    conditions = [Job.id == job_id, Job.state.in_(sources)]
    if token is not None:
        conditions.append(Job.lease_token == token)
    values = _values(session, target) | {"status_reason": reason, "status_message": storable(message)} | columns
    if not change_rows(session, update(Job).where(*conditions).values(values)):
        return False
    if target not in LEASED:
        change_rows(session, update(Device).where(Device.job_id == job_id).values(job_id=None, token=None))
    name = reason if target is State.QUEUED and reason is not None else target
    attempt = session.scalar(select(Job.attempt).where(Job.id == job_id))
    facts = {"state": target, "attempt": attempt, "reason": reason, "message": message}
    append_event(session, job_id, name, facts | (data or {}), actor)
    return True


def _values(session: Session, target: State) -> dict[str, Any]:
    """Return the columns that every move to `target` sets."""
    moment = now(session)
    values: dict[str, Any] = {"state": target, "updated_at": moment}
    if target not in LEASED:
        values |= {"lease_owner": None, "lease_expires_at": None, "heartbeat_at": None, "eta_s": None}
    if target in TERMINAL:
        values |= {"finished_at": moment}
    if target is State.QUEUED:  # as new: its age in the queue, and what people asked for, count from here
        values |= {"queued_at": moment, "finished_at": None, "cancel_requested_at": None, "pause_requested_at": None}
    return values
