"""The end of an attempt."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, now
from server.jobs.states import Reason
from server.jobs.tables import Attempt


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Attributes:
        reason: why, None after success.
        exit_code: of the engine, None where it was killed or never seen to end.
        signal: that killed the engine.
        is_counted: whether it is charged to the job's restart budget.
    """

    reason: Reason | None = None
    exit_code: int | None = None
    signal: int | None = None
    is_counted: bool = False


def end_attempt(session: Session, job_id: str, token: int, ending: Ending) -> None:
    """Close the attempt that ran under `token`."""
    values = {
        "reason": ending.reason,
        "exit_code": ending.exit_code,
        "signal": ending.signal,
        "is_counted": ending.is_counted,
        "finished_at": now(session),
    }
    conditions = (Attempt.job_id == job_id, Attempt.token == token, Attempt.finished_at.is_(None))
    change_rows(session, update(Attempt).where(*conditions).values(values))
