"""What the API reads of a job, and of workers; pages of jobs are in `listing`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from server.jobs.errors import UnknownJobError
from server.jobs.tables import (
    Artifact,
    Attempt,
    Blob,
    CacheEntry,
    Checkpoint,
    Device,
    Event,
    Job,
    JobLabel,
    JobSpec,
    MetricKey,
    MetricLatest,
    Worker,
)

Row = TypeVar("Row")
_WORKERS_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """Rows of a page, and whether there are more behind them."""

    rows: list[Row]
    has_more: bool


def find_job(session: Session, job_id: str) -> Job:
    """Return a job.

    Raises:
        UnknownJobError: no job has this id.
    """
    job = session.scalar(select(Job).where(Job.id == job_id, Job.deleted_at.is_(None)))
    if job is None:
        raise UnknownJobError(job_id)
    return job


def find_jobs(session: Session, job_ids: Sequence[str]) -> dict[str, Job]:
    """Return those of the jobs that there are."""
    jobs = session.scalars(select(Job).where(Job.id.in_(job_ids), Job.deleted_at.is_(None)))
    return {job.id: job for job in jobs}


def read_spec(session: Session, job_id: str) -> JobSpec:
    """Return the spec of a job that exists."""
    return session.get_one(JobSpec, job_id)


def read_labels(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the labels of each of the jobs."""
    labels: dict[str, dict[str, str]] = {job_id: {} for job_id in job_ids}
    for label in session.scalars(select(JobLabel).where(JobLabel.job_id.in_(job_ids))):
        labels[label.job_id][label.key] = label.value
    return labels


def list_events(session: Session, job_id: str, *, after: int, limit: int) -> Slice[Event]:
    """Return a page of what happened to a job, oldest first."""
    query = select(Event).where(Event.job_id == job_id, Event.seq > after).order_by(Event.seq)
    return cut(session.scalars(query.limit(limit + 1)), limit)


def list_metrics(session: Session, job_id: str) -> list[tuple[str, MetricLatest]]:
    """Return the summary of each metric of a job, by key."""
    query = select(MetricKey.key, MetricLatest).join(MetricKey, MetricKey.id == MetricLatest.key_id)
    rows = session.execute(query.where(MetricLatest.job_id == job_id).order_by(MetricKey.key))
    return [(key, latest) for key, latest in rows]


def list_attempts(session: Session, job_id: str) -> list[Attempt]:
    """Return the executions of a job, first to last."""
    return list(session.scalars(select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)))


def find_attempt(session: Session, job_id: str, number: int) -> Attempt | None:
    """Return one execution of a job, None where there was none."""
    return session.scalar(select(Attempt).where(Attempt.job_id == job_id, Attempt.number == number))


def list_artifacts(session: Session, job_id: str) -> list[tuple[Artifact, int]]:
    """Return the results of a job and their sizes, oldest first."""
    query = select(Artifact, Blob.size).join(Blob, Blob.sha256 == Artifact.sha256)
    rows = session.execute(query.where(Artifact.job_id == job_id).order_by(Artifact.id))
    return [(artifact, size) for artifact, size in rows]


def list_checkpoints(session: Session, job_id: str) -> list[tuple[Checkpoint, int]]:
    """Return the points that a job may be resumed from and their sizes, the oldest first."""
    query = select(Checkpoint, Blob.size).join(Blob, Blob.sha256 == Checkpoint.sha256)
    rows = session.execute(query.where(Checkpoint.job_id == job_id).order_by(Checkpoint.attempt, Checkpoint.step))
    return [(checkpoint, size) for checkpoint, size in rows]


def find_newest(session: Session, job_id: str, kind: str) -> Artifact | None:
    """Return the newest result of a kind, None where the job has none."""
    kept = (Artifact.job_id == job_id, Artifact.kind == kind)
    return session.scalar(select(Artifact).where(*kept).order_by(Artifact.id.desc()).limit(1))


def find_artifact(session: Session, artifact_id: str) -> tuple[Artifact, int] | None:
    """Return a result and its size, None where there is none of this id."""
    query = select(Artifact, Blob.size).join(Blob, Blob.sha256 == Artifact.sha256)
    row = session.execute(query.where(Artifact.id == artifact_id)).one_or_none()
    return None if row is None else (row[0], row[1])


def find_log_artifact(session: Session, job_id: str, attempt: int) -> Artifact | None:
    """Return the compressed log of an attempt that is over, None where it is not stored yet."""
    kept = and_(Artifact.job_id == job_id, Artifact.attempt == attempt, Artifact.kind == "log")
    return session.scalar(select(Artifact).where(kept).order_by(Artifact.id.desc()).limit(1))


def read_kinds(session: Session, artifact_ids: Iterable[str], project: str | None = None) -> dict[str, str]:
    """Return the kind of each of the artifacts that exist, in one project where it is named."""
    query = select(Artifact.id, Artifact.kind).where(Artifact.id.in_(set(artifact_ids)))
    if project is not None:
        query = query.join(Job, Job.id == Artifact.job_id).where(Job.project == project)
    return dict(session.execute(query).all())


def is_cache_ready(session: Session, key: str) -> bool:
    """Return whether a worker reported stored teacher outputs of this key, whole."""
    ready = select(CacheEntry.key).where(CacheEntry.key == key, CacheEntry.is_ready.is_(True))
    return session.scalar(ready.limit(1)) is not None


def list_workers(session: Session) -> list[tuple[Worker, list[Device]]]:
    """Return the workers that were heard of last, with their devices."""
    workers = list(session.scalars(select(Worker).order_by(Worker.heartbeat_at.desc()).limit(_WORKERS_SHOWN)))
    devices: dict[str, list[Device]] = {worker.id: [] for worker in workers}
    for device in session.scalars(select(Device).where(Device.worker_id.in_(devices)).order_by(Device.index)):
        devices[device.worker_id].append(device)
    return [(worker, devices[worker.id]) for worker in workers]


def find_worker(session: Session, worker_id: str) -> tuple[Worker, list[Device]] | None:
    """Return a worker with its devices, None where there is none of this id."""
    worker = session.get(Worker, worker_id, populate_existing=True)
    if worker is None:
        return None
    devices = session.scalars(select(Device).where(Device.worker_id == worker_id).order_by(Device.index))
    return worker, list(devices)


def find_foreign_jobs(session: Session, job_ids: Iterable[str], project: str | None) -> set[str]:
    """Return those of the jobs that are not in `project`; None stands for all projects."""
    if project is None:
        return set()
    return set(session.scalars(select(Job.id).where(Job.id.in_(set(job_ids)), Job.project != project)))


def cut(rows: Iterable[Row], limit: int) -> Slice[Row]:
    """Return a page from one row more than it may hold."""
    found = list(rows)
    return Slice(found[:limit], len(found) > limit)
