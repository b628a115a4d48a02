"""Making a job of a request: the body's and the spec's check, the artifacts it names, and repeated requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from distill_core.errors import Problem
from distill_core.spec import ResolvedSpec, SpecError, parse_document, resolve
from distill_core.spec.inputs import NamedArtifact, find_artifacts, find_datasets
from server.access import Caller, CallerOf
from server.jobs.database import lock
from server.jobs.needs import Needs, name_students, read_needs
from server.jobs.queries import find_job, read_kinds, read_labels
from server.jobs.submit import submit_job
from server.jobs.tables import IdempotencyKey, Job, Project
from server.jobs.uploads import find_spec_upload, hold_uploads, read_upload_kinds
from server.problems import (
    BodyInvalidError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    QueryInvalidError,
    SpecInvalidError,
    count_problems,
)
from server.routes.body import Body, JobBody, find_body_problems
from server.scopes import Scope
from server.service import Service, ServiceOf
from server.views import JobView, view_job
from server.writing import name_target

_KEY_LENGTH = 255

KeyHeader = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Two requests with one key make one job, for 24 hours."),
]

CREATED: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the job."}}},
    409: {},
}
"""How the description tells of a new job's address."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a job that may be stored, apart from what the database knows.

    Attributes:
        body: what the job is to be.
        resolved: its spec with everything written out.
        digest: sha256 of the request: a repetition has the same.
        project: the room of the job that the new one is a clone of.
        parent_id: the job that the new one is a clone of.
    """

    body: JobBody
    resolved: ResolvedSpec
    digest: str
    project: str | None = None
    parent_id: str | None = None


def check_submission(body: Body, service: ServiceOf, caller: CallerOf) -> Submission:
    """Return what was asked for.

    Raises:
        BodyInvalidError: the body holds other things than it may; the spec's problems are told with them.
        SpecInvalidError: the spec asks for something that cannot be.
    """
    checked, resolved = check_job_body(_with_uploaded_spec(body, service, caller))
    return Submission(checked, resolved, digest_of(body))


def check_job_body(body: Any) -> tuple[JobBody, ResolvedSpec]:
    """Return a job's body and its spec with everything written out.

    Raises:
        BodyInvalidError: the body holds other things than it may; the spec's problems are told with them.
        SpecInvalidError: the spec asks for something that cannot be.
    """
    spec_problems, resolved = _check_spec(body)
    body_problems = find_body_problems(JobBody, body)
    if body_problems:
        below = [
            Problem("/spec" + entry.pointer, entry.code, entry.message, entry.value, entry.allowed, entry.nearest)
            for entry in spec_problems
        ]
        problems = [*body_problems, *below]
        raise BodyInvalidError(count_problems(problems, "body"), problems)
    if resolved is None:
        raise SpecInvalidError(count_problems(spec_problems, "spec"), spec_problems)
    return JobBody.model_validate(body), resolved


def digest_of(request: Any) -> str:
    """Return the sha256 of a request's canonical JSON."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


async def check_key(key: KeyHeader = None) -> str | None:
    """Return the idempotency key, which must be printable and short."""
    if key is not None and not (1 <= len(key) <= _KEY_LENGTH and key.isascii() and key.isprintable()):
        problem = Problem(
            "/Idempotency-Key", "parameter_invalid", "the key cannot be stored", key, "1 to 255 printable characters"
        )
        raise QueryInvalidError("the header Idempotency-Key is not valid", [problem])
    return key


Submitted = Annotated[Submission, Depends(check_submission)]
Key = Annotated[str | None, Depends(check_key)]


def answer_submission(
    session: Session, submission: Submission, key: str | None, caller: Caller, request: Request, response: Response
) -> JobView:
    """Store a job, or find the one that the key made before, and say where it is."""
    job, is_replay = store_submission(session, submission, key, caller)
    name_target(request, job.id, None if is_replay else job.created_at)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if is_replay:
        response.headers["Idempotency-Replayed"] = "true"
    return view_job(job, read_labels(session, [job.id])[job.id] if is_replay else submission.body.labels)


def store_submission(session: Session, submission: Submission, key: str | None, caller: Caller) -> tuple[Job, bool]:
    """Store a job and its key in one transaction, or find the job that the key made before.

    Returns:
        The job, and whether it was there before.

    Raises:
        IdempotencyKeyReusedError: the key came with another body before.
        SpecInvalidError: the spec names artifacts, or jobs, that cannot be used.
    """
    if (earlier := find_earlier(session, submission.digest, key, caller)) is not None:
        return earlier, True
    job = store_job(session, submission, caller)
    remember(session, submission.digest, key, caller, job)
    return job, False


def find_earlier(session: Session, digest: str, key: str | None, caller: Caller) -> Job | None:
    """Wait for a request of the same caller with the same key that is under way, then return the job that it made.

    Raises:
        IdempotencyKeyReusedError: the key came with another body before.
    """
    if key is None:
        return None
    lock(session, f"idempotency.{caller.key_id}.{key}")
    wanted = (IdempotencyKey.scope == caller.key_id, IdempotencyKey.key == key)
    row = session.scalar(select(IdempotencyKey).where(*wanted))
    if row is None:
        return None
    if row.body_sha256 != digest:
        raise IdempotencyKeyReusedError(f"the key {key!r} came with another body before, which made {row.job_id}")
    return find_job(session, row.job_id)


def store_job(session: Session, submission: Submission, caller: Caller) -> Job:
    """Store a job.

    Raises:
        SpecInvalidError: the spec names artifacts, or jobs, that cannot be used.
    """
    body = submission.body
    project = _choose_project(session, body.project or submission.project, caller)
    needs = check_inputs(session, body.spec, caller)
    return submit_job(
        session,
        document=body.spec,
        resolved=name_students(submission.resolved, needs.students),
        name=body.name,
        labels=body.labels,
        priority=body.priority,
        max_restarts=body.max_restarts,
        project=project,
        actor=caller.key_id,
        parent_id=submission.parent_id,
        needs=needs.pending,
        max_pending_s=body.max_pending_s,
        created_by=caller.key_id,
    )


def remember(session: Session, digest: str, key: str | None, caller: Caller, job: Job) -> None:
    """Note what a request with a key made, if it has one."""
    if key is not None:
        row = {"scope": caller.key_id, "key": key, "body_sha256": digest, "job_id": job.id}
        session.add(IdempotencyKey(**row, created_at=job.created_at))
    session.flush()


def check_inputs(session: Session, spec: dict[str, Any], caller: Caller) -> Needs:
    """Return what a spec takes of other jobs.

    Raises:
        SpecInvalidError: it names artifacts, uploads or jobs which are not there or hold something else.
    """
    hold_uploads(session, [each.id for each in _find_named(spec) if each.kind in {"weights", "dataset"}])
    needs = read_needs(session, spec, caller.project)
    if problems := [*_find_artifact_problems(session, spec, caller), *needs.problems]:
        raise SpecInvalidError(count_problems(problems, "spec"), problems)
    return needs


def _with_uploaded_spec(body: Any, service: Service, caller: Caller) -> Any:
    """Return a body with the spec that it names as an upload."""
    if not isinstance(body, dict) or "upload" not in body:
        return body
    if "spec" in body:
        problem = Problem("/upload", "value_invalid", "a job has a spec or an upload of one, not both", body["upload"])
        raise BodyInvalidError("the body names a spec twice", [problem])
    with service.database.read() as session:
        sha256 = find_spec_upload(session, str(body["upload"]), caller.project)
    if sha256 is None:
        allowed = "the id of a whole upload of kind spec"
        problem = Problem("/upload", "upload_unknown", "there is no such spec", body["upload"], allowed)
        raise BodyInvalidError("the body names an upload that is no spec", [problem])
    rest = {name: value for name, value in body.items() if name != "upload"}
    return rest | {"spec": parse_document(service.artifacts.read(sha256))}


def _check_spec(body: Any) -> tuple[tuple[Problem, ...], ResolvedSpec | None]:
    if not isinstance(body, dict) or not isinstance(body.get("spec"), dict):
        return (), None  # the body's own check tells
    try:
        return (), resolve(body["spec"])
    except SpecError as error:
        return error.problems, None


def _choose_project(session: Session, wanted: str | None, caller: Caller) -> str:
    """Return the project that a job goes to; only an admin makes new ones by naming them."""
    project = wanted or caller.home
    if caller.project is not None and project != caller.project:
        raise ForbiddenError(f"the key {caller.key_id} works in the project {caller.project!r}, not in {project!r}")
    may_make = project == caller.home or caller.may(Scope.ADMIN)
    if not may_make and session.get(Project, project) is None:
        problem = Problem("/project", "project_unknown", "there is no such project", project)
        raise BodyInvalidError(f"there is no project {project!r}", [problem])
    return project


def _find_named(spec: dict[str, Any]) -> list[NamedArtifact]:
    return [*find_artifacts(spec), *find_datasets(spec)]


def _find_artifact_problems(session: Session, spec: dict[str, Any], caller: Caller) -> Iterator[Problem]:
    """Yield a problem for each artifact or upload that is not there or holds something else."""
    named = _find_named(spec)
    if not named:
        return
    ids = [artifact.id for artifact in named]
    kinds = read_kinds(session, ids, caller.project) | read_upload_kinds(session, ids, caller.project)
    for artifact in named:
        kind, allowed = kinds.get(artifact.id), f"an artifact, or a whole upload, of kind {artifact.kind}"
        if kind is None:
            yield Problem(artifact.pointer, "artifact_unknown", "there is no such artifact", artifact.id, allowed)
        elif kind != artifact.kind:
            message = f"the artifact holds a {kind}, not a {artifact.kind}"
            yield Problem(artifact.pointer, "artifact_kind", message, artifact.id, allowed)
