"""The dashboard's stream: which job has something new."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from server.access import CallerOf
from server.routes.query import KnownQuery
from server.service import ServiceOf
from server.stream import EventStream

router = APIRouter(prefix="/v1/stream", tags=["events"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="Follow all jobs", response_class=EventStream)
async def stream_hints(service: ServiceOf, caller: CallerOf) -> EventStream:
    """Stream hints {job_id, kind, cursor}: something of this job is new from now on, ask for it."""
    await service.streams.prepare_hints()
    return EventStream(service.streams.hints(caller.project))
