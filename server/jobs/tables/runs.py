"""Runs: attempts, the workers and devices that they run on, and what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.jobs.tables.base import Sequence, Table


class Attempt(Table):
    """One execution of a job."""

    __tablename__ = "attempts"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    number: Mapped[int]  # 1, 2, … within the job
    token: Mapped[int]  # lease token it ran under
    worker_id: Mapped[str] = mapped_column(String(40))  # of node 0
    devices: Mapped[list[Any]]  # [{"node": 0, "worker_id": …, "indices": [0]}]
    resumed_from: Mapped[str | None] = mapped_column(String(40))  # checkpoint id
    start_step: Mapped[int] = mapped_column(BigInteger, default=0)  # steps up to here belong to earlier attempts
    events_offset: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes of events.jsonl ingested
    log_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of rank 0
    pid: Mapped[int | None]
    exit_code: Mapped[int | None]
    signal: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(32))  # why it ended, null while it lives or after success
    is_counted: Mapped[bool] = mapped_column(Boolean, default=False)  # charged to the restart budget
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("job_id", "number"),)


class Member(Table):
    """One node of an attempt: which worker runs which devices."""

    __tablename__ = "members"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    token: Mapped[int] = mapped_column(primary_key=True)
    node: Mapped[int] = mapped_column(primary_key=True)  # node rank
    worker_id: Mapped[str] = mapped_column(ForeignKey("workers.id"), index=True)
    created_at: Mapped[datetime]
    rung_at: Mapped[datetime | None]  # when the doorbell was last rung
    reported_at: Mapped[datetime | None]  # when a supervisor took it up; null means the doorbell is unanswered
    heartbeat_at: Mapped[datetime | None]  # when that supervisor was last heard of
    address: Mapped[str | None]  # HOST:PORT where the ranks of all nodes meet; node 0 says it
    finished_at: Mapped[datetime | None]  # when no process of the attempt was left on this node
    exit_code: Mapped[int | None]  # of this node's engine; negative for the signal that killed it
    reason: Mapped[str | None] = mapped_column(String(32))  # why this node failed, where it was the cause
    message: Mapped[str | None] = mapped_column(Text)


class Worker(Table):
    """One host that runs engines."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    pool: Mapped[str] = mapped_column(String(64), default="default")
    host: Mapped[str]
    pid: Mapped[int]
    incarnation: Mapped[str] = mapped_column(String(40))  # new at each start of the same worker
    version: Mapped[str] = mapped_column(String(64))
    facts: Mapped[dict[str, Any]]  # GPUs, CPU, memory, engine versions, component names
    is_draining: Mapped[bool] = mapped_column(Boolean, default=False)  # gets no more jobs
    clear_requested_at: Mapped[datetime | None]  # when it was asked to give back what it runs, too
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]  # null while it lives


class Device(Table):
    """One slot of a worker; free when no job holds it. Slots are derived from leases, never counted."""

    __tablename__ = "devices"
    worker_id: Mapped[str] = mapped_column(ForeignKey("workers.id"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # cuda or cpu
    name: Mapped[str]
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)  # who holds it
    token: Mapped[int | None]  # under which lease


class Event(Table):
    """What happened to a job, in order; the audit, and the source of streams."""

    __tablename__ = "events"
    seq: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    type: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(String(64))  # who did it: user, scheduler, reconciler or a worker's id
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_events_job_id_seq", "job_id", "seq"), {"sqlite_autoincrement": True})


class Lease(Table):
    """A named right that one process holds at a time: the reconciler's, for one."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    token: Mapped[int]
    expires_at: Mapped[datetime]
