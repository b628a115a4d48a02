"""People ask a job to move: cancel, pause, resume, retry. What each may do stands in the table of states."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, now
from server.jobs.errors import MoveRefusedError, UnknownJobError
from server.jobs.events import lock_events
from server.jobs.moves import move_job
from server.jobs.states import GRANTED, VERBS, Reason, State, Verb, verbs_of
from server.jobs.tables import Checkpoint, Job


def cancel_job(session: Session, job_id: str, actor: str) -> Job:
    """Cancel a job: at once where no worker holds it, else its supervisor ends the engine first.

    Raises:
        UnknownJobError: no job has this id.
        MoveRefusedError: the job has succeeded or failed.
    """
    return _ask(session, job_id, Verb.CANCEL, Reason.USER_CANCELLED, actor, cancel_requested_at=now(session))


def stop_trial(session: Session, job_id: str, message: str, actor: str) -> None:
    """Cancel a job whose sweep goes on without it, if it can be.

    Raises:
        UnknownJobError: no job has this id.
    """
    if lock_job(session, job_id).state in VERBS[Verb.CANCEL]:
        facts: dict[str, Any] = {"cancel_requested_at": now(session), "message": message}
        _ask(session, job_id, Verb.CANCEL, Reason.SWEEP_STOPPED, actor, **facts)


def pause_job(session: Session, job_id: str, actor: str) -> Job:
    """Pause a job: its supervisor lets the engine save a checkpoint, then its devices are free.

    Raises:
        UnknownJobError: no job has this id.
        MoveRefusedError: no worker runs the job.
    """
    return _ask(session, job_id, Verb.PAUSE, Reason.USER_PAUSED, actor, pause_requested_at=now(session))


def resume_job(session: Session, job_id: str, actor: str) -> Job:
    """Put a paused job back into the queue; its next attempt goes on from the newest checkpoint.

    Raises:
        UnknownJobError: no job has this id.
        MoveRefusedError: the job is not paused.
    """
    return _ask(session, job_id, Verb.RESUME, Reason.USER_RESUMED, actor)


def retry_job(session: Session, job_id: str, actor: str, *, from_start: bool = False) -> Job:
    """Put a job that failed or was cancelled back into the queue, with all its restarts again.

    Args:
        session: a session that writes.
        job_id: the job.
        actor: who asks.
        from_start: begin anew; else the next attempt goes on from the newest checkpoint.

    Raises:
        UnknownJobError: no job has this id.
        MoveRefusedError: the job has neither failed nor been cancelled.
    """
    job = lock_job(session, job_id)
    if from_start and job.state in VERBS[Verb.RETRY]:
        change_rows(session, delete(Checkpoint).where(Checkpoint.job_id == job_id))
    fresh: dict[str, Any] = {"num_restarts": 0, "not_before": None, "problems": []}
    return _ask(session, job_id, Verb.RETRY, Reason.USER_RETRIED, actor, {"from_start": from_start}, **fresh)


def lock_job(session: Session, job_id: str) -> Job:
    """Return a job that nobody else changes until the transaction ends.

    Raises:
        UnknownJobError: no job has this id.
    """
    lock_events(session)
    job = session.scalar(select(Job).where(Job.id == job_id, Job.deleted_at.is_(None)).with_for_update())
    if job is None:
        raise UnknownJobError(job_id)
    return job


def _ask(
    session: Session,
    job_id: str,
    verb: Verb,
    reason: Reason,
    actor: str,
    data: dict[str, Any] | None = None,
    **columns: Any,
) -> Job:
    """Move a job as the table says; one that was asked before stays as it is."""
    job = lock_job(session, job_id)
    state = State(job.state)
    if state in GRANTED[verb]:
        return job
    if state not in VERBS[verb]:
        raise MoveRefusedError(job_id, verb, state, verbs_of(state))
    move_job(session, job_id, VERBS[verb][state], reason=reason, actor=actor, data=data, **columns)
    session.refresh(job)
    return job
