"""Every table of the service; Alembic's migrations must make exactly this schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Document = JSON().with_variant(JSONB(), "postgresql")
Sequence = BigInteger().with_variant(Integer(), "sqlite")
"""A key that counts up; SQLite counts only on INTEGER."""


class UTCDateTime(TypeDecorator[datetime]):
    """A point in time, aware and in UTC on both databases (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of all tables, with named constraints so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UTCDateTime(),
        dict[str, Any]: Document,
        list[Any]: Document,
        str: String(255),
    }


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


class Lease(Table):
    """A named right that one process holds at a time: the reconciler's, for one."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    token: Mapped[int]
    expires_at: Mapped[datetime]


class IdempotencyKey(Table):
    """A request that was answered, so that its repetition gets the same answer for 24 hours."""

    __tablename__ = "idempotency_keys"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)  # whose key it is
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(index=True)


class ApiKey(Table):
    """A right to use the API; what its owner sends is never stored, only its sha256."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    prefix: Mapped[str] = mapped_column(String(16))  # its first characters, to tell keys apart
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    project: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))  # the one it may see; null for all
    scopes: Mapped[list[Any]]
    created_by: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # at most once a minute
    revoked_at: Mapped[datetime | None]


class BrowserSession(Table):
    """A browser that showed a key once, and carries a cookie since."""

    __tablename__ = "browser_sessions"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the cookie
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Table):
    """A write that a person made, committed with what it changed."""

    __tablename__ = "audit_entries"
    seq: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    project: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))  # the key's id
    action: Mapped[str] = mapped_column(String(64))  # name of the operation: submit, cancel, …
    target: Mapped[str | None] = mapped_column(String(255))  # id of what it was done to
    request_id: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(64))  # of the peer
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_audit_entries_project_seq", "project", "seq"), {"sqlite_autoincrement": True})


class Webhook(Table):
    """An address that is told of a project's events."""

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    types: Mapped[list[Any]]  # of events: job.succeeded, …
    secret: Mapped[str]  # signs; has to be known to sign
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    cursor: Mapped[int] = mapped_column(BigInteger)  # number of the last event that it was asked about
    num_failures: Mapped[int]  # deliveries given up in a row
    disabled_reason: Mapped[str | None] = mapped_column(Text)  # why the service switched it off
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class WebhookDelivery(Table):
    """One message to a webhook, and how it went."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    event_seq: Mapped[int | None] = mapped_column(BigInteger)  # null for a test
    type: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))  # pending, delivered, failed
    num_attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    status_code: Mapped[int | None]  # of the last answer
    error: Mapped[str | None] = mapped_column(Text)  # why there was none, or not a good one
    duration_ms: Mapped[float | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("webhook_id", "event_seq"),
        Index("ix_webhook_deliveries_state_next_attempt_at", "state", "next_attempt_at"),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    )


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


class JobNeed(Table):
    """A job that waits for another one's student."""

    __tablename__ = "job_needs"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    needed_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True, index=True)


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


class Fact(Table):
    """What is true of the whole installation: its id, for one."""

    __tablename__ = "facts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
