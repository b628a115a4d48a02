"""A job whose worker is gone: back to the queue, or to where it was going."""

from __future__ import annotations

from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session

from server.jobs.attempts import Ending, end_attempt
from server.jobs.moves import move_job
from server.jobs.states import Reason, State
from server.jobs.tables import Attempt, Checkpoint, Event, Job, UTCDateTime

MAX_LOSSES = 10
"""Workers that a job may lose without a checkpoint in between; then it is taken for the cause."""


def lose_attempt(session: Session, job_id: str, *, reason: Reason, message: str, actor: str) -> State | None:
    """End the live attempt of a job whose worker is gone, or never answered.

    The caller holds the job's row. The loss is not charged to the job's restarts.

    Returns:
        The job's new state, None when no worker held it.
    """
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        return None
    losses = _count_losses(session, job) + 1
    target, why, words = _destination(job, reason, message, losses)
    if target is None:
        return None
    end_attempt(session, job_id, job.lease_token, Ending(reason=reason))
    facts = {"worker": job.lease_owner, "losses": losses}
    move_job(session, job_id, target, reason=why, message=words, token=job.lease_token, actor=actor, data=facts)
    return target


def _destination(job: Job, reason: Reason, message: str, losses: int) -> tuple[State | None, Reason | None, str | None]:
    """Return where a job goes that lost its worker, with reason and message."""
    state = State(job.state)
    if state is State.CANCELLING:
        return State.CANCELLED, Reason(job.status_reason or Reason.USER_CANCELLED), job.status_message
    if state is State.PAUSING:
        return State.PAUSED, Reason.USER_PAUSED, None
    if state not in {State.STARTING, State.RUNNING}:
        return None, None, None
    if reason is Reason.WORKER_LOST and losses >= MAX_LOSSES:
        advice = f"its worker was lost {losses} times without a checkpoint in between; does the job bring it down?"
        return State.FAILED, Reason.RESTARTS_EXHAUSTED, advice
    return State.QUEUED, reason, message


def _count_losses(session: Session, job: Job) -> int:
    """Return how many attempts lost their worker since the newest checkpoint, and since a person asked to try again."""
    saved = select(func.coalesce(func.max(Checkpoint.attempt), 0)).where(Checkpoint.job_id == job.id).scalar_subquery()
    asked = select(func.max(Event.created_at)).where(Event.job_id == job.id, Event.type == Reason.USER_RETRIED)
    is_recent = Attempt.created_at > func.coalesce(asked.scalar_subquery(), type_coerce(job.created_at, UTCDateTime()))
    conditions = (Attempt.job_id == job.id, Attempt.reason == Reason.WORKER_LOST, Attempt.number >= saved, is_recent)
    return session.scalar(select(func.count()).where(*conditions)) or 0
