"""What people ask of a job: cancel, pause, resume, retry."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from server.access import CallerOf
from server.jobs.queries import read_labels
from server.jobs.tables import Job
from server.jobs.verbs import cancel_job, pause_job, resume_job, retry_job
from server.routes.body import describe_json, optional_body_of
from server.routes.query import KnownQuery
from server.service import ServiceOf
from server.views import JobView, view_job
from server.writing import WriteSession

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], dependencies=[Depends(KnownQuery())])

_REFUSALS: dict[int | str, dict[str, Any]] = {404: {}, 409: {}}


class RetryBody(BaseModel):
    """How to try again."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    from_start: bool = Field(default=False, description="Forget the checkpoints and begin anew.")


@router.post("/cancel", status_code=202, summary="Cancel a job", responses=_REFUSALS)
def cancel(session: WriteSession, caller: CallerOf, job_id: str) -> JobView:
    """Ask for a job to be ended; asking again changes nothing."""
    return _view(session, cancel_job(session, job_id, caller.key_id))


@router.post("/pause", status_code=202, summary="Pause a job", responses=_REFUSALS)
def pause(session: WriteSession, caller: CallerOf, job_id: str) -> JobView:
    """Ask a running job to save a checkpoint and give its devices back; asking again changes nothing."""
    return _view(session, pause_job(session, job_id, caller.key_id))


@router.post("/resume", status_code=202, summary="Resume a paused job", responses=_REFUSALS)
def resume(
    session: WriteSession, caller: CallerOf, service: ServiceOf, job_id: str, background: BackgroundTasks
) -> JobView:
    """Let a paused job wait for devices again and go on from its checkpoint; asking again changes nothing."""
    background.add_task(service.scheduler.assign)
    return _view(session, resume_job(session, job_id, caller.key_id))


@router.post(
    "/retry",
    status_code=202,
    summary="Retry a job",
    responses=_REFUSALS,
    openapi_extra=describe_json(RetryBody, {"from_start": False}, is_required=False),
)
def retry(
    wanted: Annotated[RetryBody, Depends(optional_body_of(RetryBody))],
    session: WriteSession,
    caller: CallerOf,
    service: ServiceOf,
    job_id: str,
    background: BackgroundTasks,
) -> JobView:
    """Run a failed or cancelled job once more from its last checkpoint; asking again changes nothing."""
    background.add_task(service.scheduler.assign)
    return _view(session, retry_job(session, job_id, caller.key_id, from_start=wanted.from_start))


def _view(session: Session, job: Job) -> JobView:
    return view_job(job, read_labels(session, [job.id])[job.id])
