"""The executions of a job."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from server.jobs.queries import find_job, list_attempts
from server.routes.query import KnownQuery
from server.service import ReadSession
from server.views import AttemptView, Page, whole_page

router = APIRouter(prefix="/v1/jobs/{job_id}/attempts", tags=["attempts"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List a job's attempts", responses={404: {}})
def list_job_attempts(session: ReadSession, job_id: str) -> Page[AttemptView]:
    """Return every execution of a job, the first one first."""
    find_job(session, job_id)
    attempts = [AttemptView.model_validate(attempt) for attempt in list_attempts(session, job_id)]
    return whole_page(attempts)
