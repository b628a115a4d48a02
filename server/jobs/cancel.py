"""A person asks to cancel a job."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.jobs.database import now
from server.jobs.errors import MoveRefusedError, UnknownJobError
from server.jobs.events import lock_events
from server.jobs.moves import move_job
from server.jobs.states import LEASED, MOVES, Reason, State, verbs_of
from server.jobs.tables import Job


def cancel_job(session: Session, job_id: str, actor: str) -> Job:
    """Cancel a job: at once where no worker holds it, else its supervisor ends the engine first.

    Asking again changes nothing.

    Raises:
        UnknownJobError: no job has this id.
        MoveRefusedError: the job has succeeded or failed.
    """
    lock_events(session)
    job = session.scalar(select(Job).where(Job.id == job_id, Job.deleted_at.is_(None)).with_for_update())
    if job is None:
        raise UnknownJobError(job_id)
    state = State(job.state)
    if state in {State.CANCELLING, State.CANCELLED}:
        return job
    target = State.CANCELLING if state in LEASED else State.CANCELLED
    if target not in MOVES[state]:
        raise MoveRefusedError(job_id, "cancel", state, verbs_of(state))
    wish = now(session)
    move_job(session, job_id, target, reason=Reason.USER_CANCELLED, actor=actor, cancel_requested_at=wish)
    session.refresh(job)
    return job
