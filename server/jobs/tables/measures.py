"""Measures: the values of metrics, their buckets and summaries, and pieces of logs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.jobs.tables.base import Table


class MetricKey(Table):
    """A metric's name, stored once."""

    __tablename__ = "metric_keys"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)


class Metric(Table):
    """One value of one metric. NaN and infinities are null with their kind beside."""

    __tablename__ = "metrics"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("metric_keys.id"), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # global over stages
    attempt: Mapped[int] = mapped_column(primary_key=True)
    cursor: Mapped[int] = mapped_column(BigInteger)  # number of the ingested line within the job
    epoch: Mapped[float | None]
    time: Mapped[datetime]
    value: Mapped[float | None] = mapped_column(Float(53))
    kind: Mapped[str | None] = mapped_column(String(9))  # NaN, Infinity, -Infinity; null for numbers

    __table_args__ = (Index("ix_metrics_job_id_cursor", "job_id", "cursor"), {"sqlite_with_rowid": False})


class MetricLatest(Table):
    """Summary of one metric of one job, for lists and sorting."""

    __tablename__ = "metric_latest"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("metric_keys.id"), primary_key=True)
    project: Mapped[str] = mapped_column(String(64))
    last: Mapped[float | None] = mapped_column(Float(53))
    min: Mapped[float | None] = mapped_column(Float(53))
    max: Mapped[float | None] = mapped_column(Float(53))
    last_kind: Mapped[str | None] = mapped_column(String(9))
    last_step: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_metric_latest_sort", "project", "key_id", "last", "job_id"),)


class MetricRollup(Table):
    """Buckets of 32, 1,024 and 32,768 steps, kept up with the raw rows, so that a long series reads fast."""

    __tablename__ = "metric_rollups"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("metric_keys.id"), primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # step // width
    attempt: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    min: Mapped[float | None] = mapped_column(Float(53))
    max: Mapped[float | None] = mapped_column(Float(53))
    last: Mapped[float | None] = mapped_column(Float(53))
    last_step: Mapped[int] = mapped_column(BigInteger)
    time: Mapped[datetime]

    __table_args__ = ({"sqlite_with_rowid": False},)


class LogChunk(Table):
    """At most 64 KiB of an attempt's log; replaced by one compressed artifact when the attempt is over."""

    __tablename__ = "log_chunks"
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
