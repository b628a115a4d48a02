"""What happened to a job, as rows in one order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.jobs.database import lock, now
from server.jobs.storable import storable
from server.jobs.tables import Event


def lock_events(session: Session) -> None:
    """Take the lock that makes events appear in the order of their numbers.

    Without it PostgreSQL may commit a lower number after a higher one, and who reads `seq > last` misses it for ever.
    A transaction that writes events and changes rows takes this lock before the rows: else two of them could wait
    for each other.
    """
    lock(session, "events")


def append_event(
    session: Session,
    job_id: str,
    type: str,  # noqa: A002  the column's name
    data: dict[str, Any],
    actor: str,
    moment: datetime | None = None,
) -> Event:
    """Add what `actor` did to a job, or saw happen to it, at a moment that is now if left out."""
    lock_events(session)
    event = Event(job_id=job_id, type=type, data=storable(data), actor=actor, created_at=moment or now(session))
    session.add(event)
    session.flush()
    return event
