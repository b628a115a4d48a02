"""What happened to a job: as a list and as a stream."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from server.feeds import EventFeed
from server.jobs.queries import find_job, list_events
from server.routes.query import After, KnownQuery, LastEventId, Limit, read_number
from server.service import ReadSession, ServiceOf
from server.stream import EventStream
from server.views import EventView, Page, view_event

router = APIRouter(prefix="/v1/jobs/{job_id}/events", tags=["events"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List what happened to a job", responses={404: {}})
def list_job_events(session: ReadSession, job_id: str, after: After = 0, limit: Limit = 20) -> Page[EventView]:
    """Return a page of events, the oldest first."""
    find_job(session, job_id)
    page = list_events(session, job_id, after=after, limit=limit)
    return Page(
        data=[view_event(event) for event in page.rows],
        first_id=str(page.rows[0].seq) if page.rows else None,
        last_id=str(page.rows[-1].seq) if page.rows else None,
        has_more=page.has_more,
    )


@router.get("/stream", summary="Follow what happens to a job", response_class=EventStream, responses={404: {}})
def stream_job_events(
    session: ReadSession, service: ServiceOf, job_id: str, after: After = 0, last_event_id: LastEventId = None
) -> EventStream:
    """Stream events as they happen; `end` when the job is over."""
    find_job(session, job_id)
    position = (0, read_number(last_event_id, after))
    return EventStream(service.streams.follow(EventFeed(job_id), position))
