"""Jobs: submit and look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from starlette.responses import JSONResponse

from server.access import CallerOf
from server.jobs.queries import find_job, read_labels, read_spec
from server.routes.body import JobBody, describe_body
from server.routes.dry_run import try_submission
from server.routes.examples import SPEC
from server.routes.query import KnownQuery, PlainTruth
from server.routes.submission import CREATED, Key, Submitted, answer_submission
from server.service import ReadSession, ServiceOf
from server.views import DryRunView, JobDetail, JobView, etag_of, view_job_detail
from server.writing import audited

_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "For If-Match, when the job is edited."}}

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(KnownQuery())])


@router.post(
    "",
    status_code=201,
    summary="Submit a job",
    openapi_extra=describe_body(JobBody, SPEC, may_be_uploaded=True),
    response_model=JobView,
    responses=CREATED | {200: {"model": DryRunView, "description": "What would become of it."}},
)
def submit(
    request: Request,
    service: ServiceOf,
    submission: Submitted,
    key: Key,
    caller: CallerOf,
    response: Response,
    background: BackgroundTasks,
    dry_run: Annotated[PlainTruth, Query(description="Say what would become of it; store nothing.")] = False,
) -> JobView | Response:
    """Check a spec and put its job into the queue; every problem is told at once."""
    if dry_run:
        with service.database.read() as session:
            found = try_submission(session, submission, service.settings, caller)
        return JSONResponse(found.model_dump(mode="json"))
    with audited(request, service, caller) as session:
        job = answer_submission(session, submission, key, caller, request, response)
    background.add_task(service.scheduler.assign)
    return job


@router.get("/{job_id}", summary="Look at a job", responses={200: {"headers": _ETAG}, 404: {}})
def read_job(session: ReadSession, job_id: str, response: Response) -> JobDetail:
    """Return a job with its spec; the ETag is that of the fields that can be edited."""
    job = find_job(session, job_id)
    labels = read_labels(session, [job_id])[job_id]
    response.headers["ETag"] = etag_of(job, labels)
    return view_job_detail(job, labels, read_spec(session, job_id))
