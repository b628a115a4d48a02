"""Jobs: submit, list, look at, cancel."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response

from distill_core.errors import Problem
from server.access import CallerOf
from server.jobs.assign import assign_jobs
from server.jobs.cancel import cancel_job
from server.jobs.queries import JobFilter, Order, find_job, list_jobs, read_labels, read_spec
from server.jobs.states import State
from server.problems import QueryInvalidError
from server.routes.body import JobBody, describe_body
from server.routes.examples import SPEC
from server.routes.query import KnownQuery, Limit
from server.routes.submission import Key, Submitted, store_submission
from server.service import ReadSession, Service, ServiceOf, WriteSession
from server.views import JobDetail, JobView, Page, view_job, view_job_detail

_LABEL = "label."
_log = structlog.get_logger()

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
    labels: Annotated[dict[str, str], Depends(read_label_filter)],
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last job of the page before.")] = None,
    order: Annotated[Order, Query(description="desc: the newest first.")] = "desc",
    state: Annotated[list[State] | None, Query(description="Only jobs in this state; may be repeated.")] = None,
    q: Annotated[str | None, Query(max_length=255, description="Only jobs whose name holds this.")] = None,
) -> Page[JobView]:
    """Return a page of jobs; `label.KEY=VALUE` keeps those with that label."""
    wanted = JobFilter(states=state or (), words=q, labels=labels)
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
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the job."}}},
        409: {},
    },
)
def submit(
    service: ServiceOf,
    submission: Submitted,
    key: Key,
    caller: CallerOf,
    session: WriteSession,
    response: Response,
    background: BackgroundTasks,
) -> JobView:
    """Check a spec and put its job into the queue; every problem is told at once."""
    job, is_replay = store_submission(session, submission, key, caller)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if is_replay:
        response.headers["Idempotency-Replayed"] = "true"
    background.add_task(assign_now, service)
    return view_job(job, read_labels(session, [job.id])[job.id])


@router.get("/{job_id}", summary="Look at a job", responses={404: {}})
def read_job(session: ReadSession, job_id: str) -> JobDetail:
    """Return a job with its spec."""
    job = find_job(session, job_id)
    return view_job_detail(job, read_labels(session, [job_id])[job_id], read_spec(session, job_id))


@router.post("/{job_id}/cancel", status_code=202, summary="Cancel a job", responses={404: {}, 409: {}})
def cancel(session: WriteSession, job_id: str) -> JobView:
    """Ask for a job to be ended; asking again changes nothing."""
    job = cancel_job(session, job_id, "user")
    return view_job(job, read_labels(session, [job_id])[job_id])


def assign_now(service: Service) -> None:
    """Give the new job a device at once where one is free; the reconciler would do so a little later."""
    try:
        assign_jobs(service.database, service.doorbell, service.settings)
    except Exception:  # noqa: BLE001  the job is stored, and its submitter was told so already
        _log.exception("the new job was not assigned; the reconciler will")
