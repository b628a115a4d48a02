"""The points that a job may be resumed from."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from server.jobs.queries import find_job, list_checkpoints
from server.routes.query import KnownQuery
from server.service import ReadSession
from server.views import CheckpointView, Page, view_checkpoint, whole_page

router = APIRouter(prefix="/v1/jobs/{job_id}/checkpoints", tags=["jobs"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List a job's checkpoints", responses={404: {}})
def list_job_checkpoints(session: ReadSession, job_id: str) -> Page[CheckpointView]:
    """Return the checkpoints that are kept, the oldest first; the next attempt goes on from the furthest."""
    find_job(session, job_id)
    checkpoints = [view_checkpoint(checkpoint, size) for checkpoint, size in list_checkpoints(session, job_id)]
    return whole_page(checkpoints)
