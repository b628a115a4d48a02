"""Files: bytes in the artifact store, and what names them; teacher outputs in the folders of workers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.jobs.tables.base import Table


class Blob(Table):
    """Bytes in the artifact store, named by their content."""

    __tablename__ = "blobs"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    unused_since: Mapped[datetime | None]  # when the collector first found it named by nothing


class Artifact(Table):
    """A result of a job, for people."""

    __tablename__ = "artifacts"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))  # student, manifest, metrics, spec, log
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    token: Mapped[int]  # lease that committed it
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("job_id", "attempt", "name"),)


class Checkpoint(Table):
    """A point that an attempt can be resumed from; it counts once its bytes are stored and this row is committed."""

    __tablename__ = "checkpoints"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    attempt: Mapped[int]
    stage: Mapped[str] = mapped_column(String(64))
    step: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    token: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_checkpoints_job_id_step", "job_id", "step"),)


class Upload(Table):
    """A file that a person sends in pieces."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[str] = mapped_column(String(16))  # weights, dataset, spec
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)  # as announced
    offset: Mapped[int] = mapped_column(BigInteger)  # bytes that have arrived
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)  # as announced, then as found
    state: Mapped[str] = mapped_column(String(16))  # open, complete
    created_by: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_uploads_project_id", "project", "id"),)


class CacheEntry(Table):
    """Teacher outputs that lie in a cache folder, as a worker that sees the folder reports."""

    __tablename__ = "cache_entries"
    root: Mapped[str] = mapped_column(String(64), primary_key=True)  # names the folder, wherever it is mounted
    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # the entry's content hash
    facts: Mapped[dict[str, Any]]  # what it holds, for people
    is_ready: Mapped[bool] = mapped_column(Boolean)
    size: Mapped[int] = mapped_column(BigInteger)
    num_hits: Mapped[int]
    saved_s: Mapped[float]  # device time that readers did not spend
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    delete_requested_at: Mapped[datetime | None]
