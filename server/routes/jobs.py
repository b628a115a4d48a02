"""Jobs: submit, list, look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response

from distill_core.errors import Problem
from server.access import CallerOf
from server.jobs.queries import JobFilter, Order, find_job, list_jobs, read_labels, read_spec
from server.jobs.states import State
from server.problems import QueryInvalidError
from server.routes.assignment import assign_now
from server.routes.body import JobBody, describe_body
from server.routes.examples import SPEC
from server.routes.query import KnownQuery, Limit
from server.routes.submission import CREATED, Key, Submitted, answer_submission
from server.service import ReadSession, ServiceOf
from server.views import JobDetail, JobView, Page, etag_of, view_job, view_job_detail
from server.writing import WriteSession

_LABEL = "label."
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "For If-Match, when the job is edited."}}

collection = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(KnownQuery(_LABEL))])
router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(KnownQuery())])


def read_label_filter(request: Request) -> dict[str, str]:
    """Return the labels that a list asks for as `label.KEY=VALUE`."""
    wanted = [(name, value) for name, value in request.query_params.multi_items() if name.startswith(_LABEL)]
    if len(dict(wanted)) < len(wanted):
        name = max((name for name, _ in wanted), key=[name for name, _ in wanted].count)
        problem = Problem(f"/{name}", "parameter_repeated", "a label has one value", allowed="one value a label")
        raise QueryInvalidError(f"the parameter {name!r} is repeated", [problem])
    return {name.removeprefix(_LABEL): value for name, value in wanted}


@collection.get("", summary="List jobs")
def list_jobs_page(
    session: ReadSession,
    caller: CallerOf,
    labels: Annotated[dict[str, str], Depends(read_label_filter)],
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last job of the page before.")] = None,
    order: Annotated[Order, Query(description="desc: the newest first.")] = "desc",
    state: Annotated[list[State] | None, Query(description="Only jobs in this state; may be repeated.")] = None,
    q: Annotated[str | None, Query(max_length=255, description="Only jobs whose name holds this.")] = None,
) -> Page[JobView]:
    """Return a page of jobs; `label.KEY=VALUE` keeps those with that label."""
    wanted = JobFilter(project=caller.project, states=state or (), words=q, labels=labels)
    page = list_jobs(session, wanted, after=after, limit=limit, order=order)
    ids = [job.id for job in page.rows]
    labels_of = read_labels(session, ids)
    return Page(
        data=[view_job(job, labels_of[job.id]) for job in page.rows],
        first_id=ids[0] if ids else None,
        last_id=ids[-1] if ids else None,
        has_more=page.has_more,
    )


@router.post(
    "",
    status_code=201,
    summary="Submit a job",
    openapi_extra=describe_body(JobBody, SPEC),
    responses=CREATED,
)
def submit(
    request: Request,
    service: ServiceOf,
    submission: Submitted,
    key: Key,
    caller: CallerOf,
    session: WriteSession,
    response: Response,
    background: BackgroundTasks,
) -> JobView:
    """Check a spec and put its job into the queue; every problem is told at once."""
    background.add_task(assign_now, service)
    return answer_submission(session, submission, key, caller, request, response)


@router.get("/{job_id}", summary="Look at a job", responses={200: {"headers": _ETAG}, 404: {}})
def read_job(session: ReadSession, caller: CallerOf, job_id: str, response: Response) -> JobDetail:
    """Return a job with its spec; the ETag is that of the fields that can be edited."""
    job = caller.check_job(find_job(session, job_id))
    labels = read_labels(session, [job_id])[job_id]
    response.headers["ETag"] = etag_of(job, labels)
    return view_job_detail(job, labels, read_spec(session, job_id))
