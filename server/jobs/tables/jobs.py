"""Jobs: orders of people, what they need of one another, and the rooms that they are in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.jobs.tables.base import Document, Table


class Project(Table):
    """A room for jobs."""

    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    max_devices: Mapped[int | None]  # that its jobs hold at once; null for no limit
    max_queued: Mapped[int | None]  # jobs that wait at once; null for no limit
    created_at: Mapped[datetime]


class Job(Table):
    """A person's order to run an experiment; small, since lists read it."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"), default="default")
    name: Mapped[str]
    notes: Mapped[str | None] = mapped_column(Text)  # what people write about it
    created_by: Mapped[str | None] = mapped_column(String(40))  # key that submitted it
    spec_sha256: Mapped[str] = mapped_column(String(64))
    summary: Mapped[
        dict[str, Any]
    ]  # what lists show of the spec: {"student": "resnet8", "teachers": ["resnet20"], "datasets": […]}
    state: Mapped[str] = mapped_column(String(16))
    status_reason: Mapped[str | None] = mapped_column(String(32))
    status_message: Mapped[str | None] = mapped_column(Text)
    problems: Mapped[list[Any]] = mapped_column(Document, default=list)  # of a spec rejected at start
    pool: Mapped[str] = mapped_column(String(64), default="default")
    priority: Mapped[int] = mapped_column(default=0)
    num_nodes: Mapped[int] = mapped_column(default=1)
    num_devices: Mapped[int] = mapped_column(default=1)  # on each node
    attempt: Mapped[int] = mapped_column(default=0)  # number of the newest attempt, 0 before the first
    max_restarts: Mapped[int] = mapped_column(default=3)  # engine crashes that are answered by a new attempt
    num_restarts: Mapped[int] = mapped_column(default=0)  # crashes so far; lost workers are not charged
    lease_owner: Mapped[str | None] = mapped_column(String(40))  # worker of node 0
    lease_token: Mapped[int] = mapped_column(default=0)  # +1 at each claim; every write of a worker carries it
    lease_expires_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    cache_key: Mapped[str | None] = mapped_column(String(64))  # of the teacher outputs that it stores, as far as known
    cache_state: Mapped[str | None] = mapped_column(String(16))  # building, ready; null where it stores none
    control_key: Mapped[str | None] = mapped_column(String(64))  # shared with the same training without a teacher
    peer_key: Mapped[str | None] = mapped_column(String(64))  # shared with the same spec under other seeds
    queued_at: Mapped[datetime | None]  # when it last entered the queue; its age there counts from then
    max_pending_s: Mapped[float | None]  # fails when it has waited longer
    not_before: Mapped[datetime | None]  # waits until then before its next attempt
    cancel_requested_at: Mapped[datetime | None]
    pause_requested_at: Mapped[datetime | None]
    progress: Mapped[float | None]  # 0 to 1
    step: Mapped[int | None] = mapped_column(BigInteger)
    total_steps: Mapped[int | None] = mapped_column(BigInteger)
    eta_s: Mapped[float | None]
    figures: Mapped[dict[str, Any] | None]  # what the evaluation measured
    metric_cursor: Mapped[int] = mapped_column(BigInteger, default=0)  # +1 for each ingested metrics line
    log_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of the newest attempt
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    export_of: Mapped[str | None] = mapped_column(String(40))  # the job whose student it exports; null for all others
    sweep_id: Mapped[str | None] = mapped_column(String(40))  # the sweep that it is a trial of
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_jobs_project_id", "project", "id"),
        Index("ix_jobs_project_name_id", "project", "name", "id"),
        Index("ix_jobs_project_state_id", "project", "state", "id"),
        Index("ix_jobs_queue", "pool", "state", "priority", "id"),
        Index("ix_jobs_state_lease_expires_at", "state", "lease_expires_at"),
        Index("ix_jobs_parent_id", "parent_id"),
        Index("ix_jobs_cache_key", "cache_key"),
        Index("ix_jobs_export_of", "export_of"),
        Index("ix_jobs_sweep_id", "sweep_id"),
        Index("ix_jobs_project_control_key_id", "project", "control_key", "id"),
    )


class JobSpec(Table):
    """The spec of a job as it was sent and with everything written out; apart, since it is large."""

    __tablename__ = "job_specs"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    document: Mapped[dict[str, Any]]
    resolved: Mapped[dict[str, Any]]


class JobLabel(Table):
    """A label of a job, searchable."""

    __tablename__ = "job_labels"
    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(63), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True, index=True)


class JobNeed(Table):
    """A job that waits for another one's student."""

    __tablename__ = "job_needs"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    needed_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True, index=True)


class JobUpload(Table):
    """An upload that a job reads; it stays while the job is not over."""

    __tablename__ = "job_uploads"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    upload_id: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)


class IdempotencyKey(Table):
    """A request that was answered, so that its repetition gets the same answer for 24 hours."""

    __tablename__ = "idempotency_keys"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)  # whose key it is
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(index=True)
