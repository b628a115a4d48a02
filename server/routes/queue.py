"""The queue: who waits for devices, and until when probably."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from server.access import CallerOf
from server.forecast_views import QueueEntryView, view_queue_entry
from server.jobs.forecast import play, read_pool, read_queue
from server.routes.query import KnownQuery
from server.service import ReadSession, ServiceOf
from server.views import Page

router = APIRouter(prefix="/v1/queue", tags=["jobs"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="Look at the queue")
def read_job_queue(
    session: ReadSession,
    service: ServiceOf,
    caller: CallerOf,
    pool: Annotated[str | None, Query(max_length=64, description="Pool of workers; the server's own.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Waiting jobs that are looked at.")] = 200,
) -> Page[QueueEntryView]:
    """Return the jobs that hold devices, then those that wait, with ranges of when each starts and ends.

    Times are measured on finished runs of like specs, else of the pool; they are null where nothing was measured.
    """
    name = pool or service.settings.pool
    leased, queued = read_queue(session, name, limit + 1)
    entries = play(read_pool(session, name, service.settings), leased, queued[:limit])
    return Page(
        data=[view_queue_entry(entry) for entry in entries if caller.project in {None, entry.job.project}],
        has_more=len(queued) > limit,
    )
