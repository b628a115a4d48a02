"""A job's manifest: what it was made from, and what came out of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from server.jobs.queries import find_job, find_newest
from server.problems import NotFoundError
from server.routes.query import KnownQuery
from server.service import ReadSession, ServiceOf

router = APIRouter(prefix="/v1/jobs/{job_id}/manifest", tags=["jobs"], dependencies=[Depends(KnownQuery())])

_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The manifest."},
    404: {},
    410: {},
}


class Manifest(Response):
    """The bytes of a manifest, as the engine wrote them."""

    media_type = "application/json"


@router.get("", summary="Read a job's manifest", response_class=Manifest, responses=_DOCUMENT)
def read_job_manifest(session: ReadSession, service: ServiceOf, job_id: str) -> Manifest:
    """Return seeds, versions, hashes of data, teachers and outputs; there once the job has succeeded."""
    job = find_job(session, job_id)
    artifact = find_newest(session, job_id, "manifest")
    if artifact is None:
        raise NotFoundError(f"{job_id} is {job.state}: it has no manifest, which comes with success")
    return Manifest(service.artifacts.read(artifact.sha256), headers={"ETag": f'"sha256-{artifact.sha256}"'})
