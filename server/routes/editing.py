"""Changing what describes a job, and deleting a job."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from distill_core.errors import Problem
from server.access import CallerOf
from server.jobs.edit import delete_job, edit_job
from server.jobs.queries import read_labels, read_spec
from server.jobs.verbs import lock_job
from server.merge_patch import merge_patch
from server.problems import BodyInvalidError, PreconditionFailedError
from server.routes.body import (
    MAX_LABELS,
    JobName,
    Label,
    LabelKey,
    Priority,
    describe_json,
    optional_body_of,
)
from server.routes.query import KnownQuery
from server.views import JobDetail, etag_of, view_job_detail
from server.writing import WriteSession

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], dependencies=[Depends(KnownQuery())])


IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag that was seen: refuse when others changed the job since."),
]


class JobPatch(BaseModel):
    """What is to change of a job's description; what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: JobName = Field(default="", description="Title.")
    labels: dict[LabelKey, Label | None] = Field(
        default_factory=dict, max_length=2 * MAX_LABELS, description="Labels to set; null removes one."
    )
    priority: Priority = Field(default=0, description="Jobs of a higher priority start first.")
    notes: str | None = Field(default=None, max_length=16_384, description="What is worth writing down; null for none.")


@router.patch(
    "",
    summary="Edit a job",
    openapi_extra=describe_json(JobPatch, {"name": "a better name", "labels": {"team": None}}, is_required=False),
    responses={404: {}, 412: {}},
)
def edit(
    patch: Annotated[JobPatch, Depends(optional_body_of(JobPatch))],
    session: WriteSession,
    caller: CallerOf,
    job_id: str,
    response: Response,
    if_match: IfMatch = None,
) -> JobDetail:
    """Change a job's name, labels, priority or notes, whatever state it is in."""
    job = lock_job(session, job_id)
    labels = read_labels(session, [job_id])[job_id]
    _check_match(if_match, etag_of(job, labels))
    changes = patch.model_dump(exclude_unset=True)
    after = _merge_labels(labels, changes.pop("labels", {}))
    edit_job(session, job, changes, None if after == labels else after, caller.key_id)
    response.headers["ETag"] = etag_of(job, after)
    return view_job_detail(job, after, read_spec(session, job_id))


@router.delete("", status_code=204, summary="Delete a job", responses={404: {}, 409: {}})
def delete(session: WriteSession, caller: CallerOf, job_id: str) -> None:
    """Delete a job that is over: it is on no list any more, and its artifacts go once nothing uses them."""
    delete_job(session, lock_job(session, job_id), caller.key_id)


def _check_match(if_match: str | None, etag: str) -> None:
    """Refuse an edit of something else than what was seen (RFC 9110, 13.1.1)."""
    if if_match is None or if_match.strip() == "*" or etag in (tag.strip() for tag in if_match.split(",")):
        return
    raise PreconditionFailedError(
        f"somebody edited the job since: its ETag is {etag}, not {if_match}", headers={"ETag": etag}
    )


def _merge_labels(labels: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    merged: dict[str, Any] = merge_patch(labels, changes)
    if len(merged) > MAX_LABELS:
        problem = Problem(
            "/labels", "value_invalid", "the job would have too many labels", len(merged), f"{MAX_LABELS}"
        )
        raise BodyInvalidError(f"a job has at most {MAX_LABELS} labels", [problem])
    return merged
