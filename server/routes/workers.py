"""The hosts that run jobs."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Depends

from server.jobs.database import now
from server.jobs.queries import list_workers
from server.routes.query import KnownQuery
from server.service import ReadSession, ServiceOf
from server.views import Page, WorkerView, view_worker

router = APIRouter(prefix="/v1/workers", tags=["workers"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List workers")
def list_all_workers(session: ReadSession, service: ServiceOf) -> Page[WorkerView]:
    """Return the workers, those heard of last first, with their devices and who holds them."""
    limit = now(session) - timedelta(seconds=service.settings.lease_ttl_s)
    workers = [
        view_worker(worker, devices, is_live=worker.stopped_at is None and worker.heartbeat_at > limit)
        for worker, devices in list_workers(session)
    ]
    return Page(data=workers, first_id=workers[0].id if workers else None, last_id=workers[-1].id if workers else None)
