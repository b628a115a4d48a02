"""What an attempt needs before its engine starts: artifacts of other jobs, and its own newest checkpoint."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distill_core.spec.inputs import find_artifacts, find_datasets, find_jobs
from server.jobs.events import append_event, lock_events
from server.jobs.lease import Claim, write_attempt, write_guarded
from server.jobs.tables import Artifact, Checkpoint, Upload
from server.jobs.uploads import COMPLETE


def named_artifacts(resolved: dict[str, Any]) -> set[str]:
    """Return the ids of the artifacts and uploads that a resolved spec takes in."""
    return {named.id for named in find_artifacts(resolved)}


def named_datasets(resolved: dict[str, Any]) -> set[str]:
    """Return the ids of the uploads that a resolved spec reads samples from."""
    return {named.id for named in find_datasets(resolved)}


def named_uploads(resolved: dict[str, Any]) -> set[str]:
    """Return the ids of all uploads that a resolved spec takes in."""
    return {name for name in named_artifacts(resolved) | named_datasets(resolved) if name.startswith("upl_")}


def named_jobs(resolved: dict[str, Any]) -> set[str]:
    """Return the ids of the jobs whose students a resolved spec takes in."""
    return {named.id for named in find_jobs(resolved)}


def find_students(session: Session, job_ids: Collection[str]) -> dict[str, Artifact]:
    """Return the student of each of the jobs that has one."""
    students = (Artifact.job_id.in_(job_ids), Artifact.kind == "student")
    query = select(Artifact).where(*students).order_by(Artifact.id)
    return {artifact.job_id: artifact for artifact in session.scalars(query)}


def find_makers(session: Session, resolved: dict[str, Any]) -> dict[str, str]:
    """Return for each artifact that a resolved spec takes in the job whose student it is, where it is one."""
    named = named_artifacts(resolved)
    if not named:
        return {}
    students = (Artifact.id.in_(named), Artifact.kind == "student")
    return dict(session.execute(select(Artifact.id, Artifact.job_id).where(*students)).all())


def find_digests(session: Session, artifact_ids: Collection[str]) -> dict[str, str]:
    """Return the sha256 of each artifact, or whole upload, that there is."""
    results = session.execute(select(Artifact.id, Artifact.sha256).where(Artifact.id.in_(artifact_ids)))
    whole = (Upload.id.in_(artifact_ids), Upload.state == COMPLETE, Upload.deleted_at.is_(None))
    uploads = session.execute(select(Upload.id, Upload.sha256).where(*whole))
    return dict(results.all()) | {upload_id: sha256 for upload_id, sha256 in uploads if sha256 is not None}


def find_checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Return a job's checkpoints, the furthest first."""
    order = (Checkpoint.step.desc(), Checkpoint.attempt.desc())
    return list(session.scalars(select(Checkpoint).where(Checkpoint.job_id == job_id).order_by(*order)))


def note_resume(session: Session, claim: Claim, checkpoint: Checkpoint) -> None:
    """Write down which checkpoint the attempt goes on from.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    lock_events(session)
    write_guarded(session, claim)
    write_attempt(session, claim, resumed_from=checkpoint.id, start_step=checkpoint.step)
    facts = {"attempt": claim.attempt, "checkpoint": checkpoint.id, "step": checkpoint.step}
    append_event(session, claim.job_id, "resumed", facts, claim.worker_id)


def warn(session: Session, claim: Claim, code: str, message: str) -> None:
    """Tell people something about a running attempt.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    lock_events(session)
    write_guarded(session, claim)
    data = {"attempt": claim.attempt, "code": code, "message": message}
    append_event(session, claim.job_id, "warning", data, claim.worker_id)
