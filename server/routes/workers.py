"""The hosts that run jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends
from sqlalchemy.orm import Session

from server.access import Caller, CallerOf
from server.jobs.database import now
from server.jobs.queries import find_foreign_jobs, find_worker, list_workers
from server.jobs.tables import Device, Worker
from server.jobs.workers import drain_worker, undrain_worker
from server.problems import NotFoundError
from server.routes.body import DrainBody, describe_json, optional_body_of
from server.routes.query import KnownQuery
from server.service import ReadSession, Service, ServiceOf
from server.views import Page, WorkerView, view_worker, whole_page
from server.writing import WriteSession

router = APIRouter(prefix="/v1/workers", tags=["workers"], dependencies=[Depends(KnownQuery())])

Drain = Annotated[DrainBody, Depends(optional_body_of(DrainBody))]


@router.get("", summary="List workers")
def list_all_workers(session: ReadSession, service: ServiceOf, caller: CallerOf) -> Page[WorkerView]:
    """Return the workers, those heard of last first, with their devices and who holds them."""
    return whole_page(_view_all(session, service, caller, list_workers(session)))


@router.get("/{worker_id}", summary="Look at a worker", responses={404: {}})
def read_worker(session: ReadSession, service: ServiceOf, caller: CallerOf, worker_id: str) -> WorkerView:
    """Return a worker with its devices and who holds them."""
    return _view(session, service, caller, worker_id)


@router.post(
    "/{worker_id}/drain",
    summary="Drain a worker",
    openapi_extra=describe_json(DrainBody, is_required=False),
    responses={404: {}},
)
def drain(session: WriteSession, service: ServiceOf, caller: CallerOf, worker_id: str, body: Drain) -> WorkerView:
    """Give a worker no more jobs, until it is undrained; asking again changes nothing."""
    drain_worker(session, worker_id, at_once=body.now)
    return _view(session, service, caller, worker_id)


@router.post("/{worker_id}/undrain", summary="Let a worker get jobs again", responses={404: {}})
def undrain(
    session: WriteSession, service: ServiceOf, caller: CallerOf, worker_id: str, background: BackgroundTasks
) -> WorkerView:
    """Let a worker that was drained get jobs again; asking again changes nothing."""
    undrain_worker(session, worker_id)
    background.add_task(service.scheduler.assign)
    return _view(session, service, caller, worker_id)


def _view(session: Session, service: Service, caller: Caller, worker_id: str) -> WorkerView:
    found = find_worker(session, worker_id)
    if found is None:
        raise NotFoundError(f"there is no worker {worker_id!r}")
    return _view_all(session, service, caller, [found])[0]


def _view_all(
    session: Session, service: Service, caller: Caller, workers: Sequence[tuple[Worker, list[Device]]]
) -> list[WorkerView]:
    """Show workers; a caller of one project sees that jobs of others hold devices, and not which."""
    limit = now(session) - timedelta(seconds=service.settings.lease_ttl_s)
    held = {device.job_id for _, devices in workers for device in devices if device.job_id is not None}
    hidden = find_foreign_jobs(session, held, caller.project)
    return [
        view_worker(worker, devices, hidden, is_live=worker.stopped_at is None and worker.heartbeat_at > limit)
        for worker, devices in workers
    ]
