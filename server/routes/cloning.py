"""Cloning a job: a new one from its spec, with changes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from server.access import CallerOf
from server.jobs.queries import find_job, read_labels, read_spec
from server.merge_patch import merge_patch
from server.routes.body import (
    MAX_LABELS,
    JobName,
    Label,
    LabelKey,
    MaxRestarts,
    OptionalBody,
    Priority,
    check_body,
    describe_json,
)
from server.routes.query import KnownQuery
from server.routes.submission import CREATED, Key, Submission, answer_submission, check_job_body, digest_of
from server.service import ServiceOf
from server.views import JobView
from server.writing import WriteSession

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], dependencies=[Depends(KnownQuery())])


class CloneBody(BaseModel):
    """What the new job has otherwise than the old one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    spec: dict[str, Any] = Field(default_factory=dict, description="JSON merge patch (RFC 7396) on the spec as sent.")
    name: JobName = Field(default="", description="Title; the old one's if left out.")
    labels: dict[LabelKey, Label] = Field(
        default_factory=dict, max_length=MAX_LABELS, description="Words to find it by; the old one's if left out."
    )
    priority: Priority = Field(default=0, description="The old one's if left out.")
    max_restarts: MaxRestarts = Field(default=3, description="The old one's if left out.")


def check_clone(service: ServiceOf, job_id: str, body: OptionalBody) -> Submission:
    """Return the submission that a clone is; its spec is checked as that of any other.

    Raises:
        BodyInvalidError: the body holds other things than it may.
        SpecInvalidError: the patched spec asks for something that cannot be; pointers lead into it.
        UnknownJobError: there is no such job.
    """
    changes = check_body(CloneBody, body).model_dump(exclude_unset=True)
    with service.database.read() as session:
        job = find_job(session, job_id)
        spec = read_spec(session, job_id).document
        labels = read_labels(session, [job_id])[job_id]
    same = {"name": job.name, "labels": labels, "priority": job.priority, "max_restarts": job.max_restarts}
    whole = same | changes | {"spec": merge_patch(spec, changes.get("spec", {}))}
    checked, resolved = check_job_body(whole)
    return Submission(checked, resolved, digest_of([job_id, body]), job.project, job_id)


@router.post(
    "/clone",
    status_code=201,
    summary="Clone a job",
    openapi_extra=describe_json(
        CloneBody, {"name": "a longer one", "spec": {"runtime": {"seed": 1}}}, is_required=False
    ),
    responses=CREATED | {404: {}},
)
def clone(
    request: Request,
    service: ServiceOf,
    submission: Annotated[Submission, Depends(check_clone)],
    key: Key,
    caller: CallerOf,
    session: WriteSession,
    response: Response,
    background: BackgroundTasks,
) -> JobView:
    """Submit a job's spec once more, with changes; `parent_id` of the new job is the old one."""
    background.add_task(service.scheduler.assign)
    return answer_submission(session, submission, key, caller, request, response)
