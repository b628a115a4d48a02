"""Sessions of routes that write: one transaction, and the audit in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from server.access import Caller, CallerOf
from server.jobs.audit import note_write
from server.service import Service, ServiceOf


@contextmanager
def audited(request: Request, service: Service, caller: Caller) -> Iterator[Session]:
    """Yield a session that commits what the caller wrote, together with an audit entry."""
    with service.database.write() as session:
        yield session
        note_write(
            session,
            actor=caller.key_id,
            action=request.scope["route"].name,
            target=getattr(request.state, "target", None) or next(iter(request.path_params.values()), None),
            project=caller.project,
            request_id=getattr(request.state, "request_id", None),
            address=request.client.host if request.client else None,
            moment=getattr(request.state, "moment", None),
        )


def open_write(request: Request, service: ServiceOf, caller: CallerOf) -> Iterator[Session]:
    """Yield an audited session that commits when the route has returned, before the reply is sent."""
    with audited(request, service, caller) as session:
        yield session


WriteSession = Annotated[Session, Depends(open_write, scope="function")]


def name_target(request: Request, target: str, moment: datetime | None = None) -> None:
    """Say what a write made, where the address does not, and when, where that is known."""
    request.state.target, request.state.moment = target, moment
