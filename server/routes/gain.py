"""What a job gained over the same training without a teacher."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from server.jobs.gain import find_gain
from server.jobs.queries import find_job
from server.routes.query import KnownQuery, Measure
from server.service import ReadSession
from server.views.comparing import GainView, view_gain

router = APIRouter(prefix="/v1/jobs/{job_id}/gain", tags=["comparison"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="Read a job's gain over its controls", responses={404: {}})
def read_gain(session: ReadSession, job_id: str, metric: Measure = "test/accuracy") -> GainView:
    """Return the difference from the controls with a 95 % interval; nulls and a reason where nothing can be told."""
    return view_gain(job_id, metric, find_gain(session, find_job(session, job_id), metric))
