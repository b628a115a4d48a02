"""Submitting a job: the body's and the spec's check, the artifacts it names, and repeated requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header
from sqlalchemy import select
from sqlalchemy.orm import Session

from distill_core.errors import Problem
from distill_core.spec import ResolvedSpec, SpecError, resolve
from distill_core.spec.inputs import find_artifacts
from server.access import DEFAULT_PROJECT
from server.jobs.database import lock, now
from server.jobs.queries import find_job, read_kinds
from server.jobs.submit import submit_job
from server.jobs.tables import IdempotencyKey, Job
from server.jobs.uploads import read_upload_kinds
from server.problems import BodyInvalidError, IdempotencyKeyReusedError, QueryInvalidError, SpecInvalidError
from server.routes.body import Body, JobBody, find_body_problems

_SCOPE = "jobs"
_KEY_LENGTH = 255

KeyHeader = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Two requests with one key make one job, for 24 hours."),
]


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a job that may be stored, apart from what the database knows."""

    body: JobBody
    resolved: ResolvedSpec
    digest: str


def check_submission(body: Body) -> Submission:
    """Return what was asked for.

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
        raise BodyInvalidError(_count(problems, "body"), problems)
    if resolved is None:
        raise SpecInvalidError(_count(spec_problems, "spec"), spec_problems)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return Submission(JobBody.model_validate(body), resolved, hashlib.sha256(canonical.encode()).hexdigest())


def check_key(key: KeyHeader = None) -> str | None:
    """Return the idempotency key, which must be printable and short."""
    if key is not None and not (1 <= len(key) <= _KEY_LENGTH and key.isascii() and key.isprintable()):
        problem = Problem(
            "/Idempotency-Key", "parameter_invalid", "the key cannot be stored", key, "1 to 255 printable characters"
        )
        raise QueryInvalidError("the header Idempotency-Key is not valid", [problem])
    return key


Submitted = Annotated[Submission, Depends(check_submission)]
Key = Annotated[str | None, Depends(check_key)]


def store_submission(session: Session, submission: Submission, key: str | None) -> tuple[Job, bool]:
    """Store a job and its key in one transaction, or find the job that the key made before.

    Returns:
        The job, and whether it was there before.

    Raises:
        IdempotencyKeyReusedError: the key came with another body before.
        SpecInvalidError: the spec names artifacts that cannot be used.
    """
    if key is not None and (earlier := _find_earlier(session, submission, key)) is not None:
        return earlier, True
    body = submission.body
    if problems := list(_find_artifact_problems(session, body.spec)):
        raise SpecInvalidError(_count(problems, "spec"), problems)
    job = submit_job(
        session,
        document=body.spec,
        resolved=submission.resolved,
        name=body.name,
        labels=body.labels,
        priority=body.priority,
        max_restarts=body.max_restarts,
    )
    if key is not None:
        session.add(
            IdempotencyKey(scope=_SCOPE, key=key, body_sha256=submission.digest, job_id=job.id, created_at=now(session))
        )
    session.flush()
    return job, False


def _check_spec(body: Any) -> tuple[tuple[Problem, ...], ResolvedSpec | None]:
    if not isinstance(body, dict) or not isinstance(body.get("spec"), dict):
        return (), None  # the body's own check tells
    try:
        return (), resolve(body["spec"])
    except SpecError as error:
        return error.problems, None


def _find_earlier(session: Session, submission: Submission, key: str) -> Job | None:
    """Wait for a request with the same key that is under way, then look."""
    lock(session, f"idempotency.{_SCOPE}.{key}")
    wanted = (IdempotencyKey.scope == _SCOPE, IdempotencyKey.key == key)
    row = session.scalar(select(IdempotencyKey).where(*wanted))
    if row is None:
        return None
    if row.body_sha256 != submission.digest:
        raise IdempotencyKeyReusedError(f"the key {key!r} came with another body before, which made {row.job_id}")
    return find_job(session, row.job_id)


def _find_artifact_problems(session: Session, spec: dict[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each artifact or upload that is not there or holds something else."""
    named = list(find_artifacts(spec))
    ids = [artifact.id for artifact in named]
    kinds = read_kinds(session, ids) | read_upload_kinds(session, ids, DEFAULT_PROJECT)
    for artifact in named:
        kind, allowed = kinds.get(artifact.id), f"an artifact, or a whole upload, of kind {artifact.kind}"
        if kind is None:
            yield Problem(artifact.pointer, "artifact_unknown", "there is no such artifact", artifact.id, allowed)
        elif kind != artifact.kind:
            message = f"the artifact holds a {kind}, not a {artifact.kind}"
            yield Problem(artifact.pointer, "artifact_kind", message, artifact.id, allowed)


def _count(problems: tuple[Problem, ...] | list[Problem], what: str) -> str:
    count = len(problems)
    return f"the {what} has {count} problem{'s' if count != 1 else ''}; the first: {problems[0]}"
