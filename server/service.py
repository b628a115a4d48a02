"""What the routes of one process share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from server.artifacts import ArtifactStore
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.limits import RateLimits
from server.scheduler import Scheduler
from server.settings import Settings
from server.spool import Spool
from server.stream import Streams
from server.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that a request may need."""

    settings: Settings
    database: Database
    artifacts: ArtifactStore
    doorbell: Doorbell
    scheduler: Scheduler
    streams: Streams
    spool: Spool
    telemetry: Telemetry
    limits: RateLimits
    cookie_name: str = "stillhouse"


async def get_service(request: Request) -> Service:
    """Return the service of the application that got the request."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(get_service)]


def open_read(service: ServiceOf) -> Iterator[Session]:
    """Yield a session that reads."""
    with service.database.read() as session:
        yield session


ReadSession = Annotated[Session, Depends(open_read, scope="function")]
