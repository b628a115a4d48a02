"""The audit: every write of a person, committed with what it changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.jobs.database import now
from server.jobs.queries import Slice, cut
from server.jobs.tables import AuditEntry


def note_write(
    session: Session,
    *,
    actor: str,
    action: str,
    target: str | None,
    project: str | None,
    request_id: str | None = None,
    address: str | None = None,
    moment: datetime | None = None,
) -> None:
    """Note what a key did; the caller commits it with the change itself.

    Args:
        session: the session that made the change.
        actor: id of the key.
        action: name of the operation.
        target: id of what it was done to.
        project: the one that the key is bound to.
        request_id: what the server's log calls the request.
        address: of the peer.
        moment: when; now if left out.
    """
    entry = AuditEntry(
        actor=actor,
        action=action,
        target=target,
        project=project,
        request_id=request_id,
        address=address,
        created_at=moment or now(session),
    )
    session.add(entry)


def list_audit(session: Session, *, before: int | None, limit: int, actor: str | None = None) -> Slice[AuditEntry]:
    """Return a page of the audit, the newest first; `before` is the number of the page's last predecessor."""
    query = select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.seq < before)
    if actor is not None:
        query = query.where(AuditEntry.actor == actor)
    return cut(session.scalars(query), limit)
