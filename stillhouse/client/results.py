"""What the server answers, typed; fields that a newer server adds are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TERMINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})

Number = float | str
"""A number, or "NaN", "Infinity", "-Infinity", which JSON cannot say as numbers."""


class Result(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return self.model_dump(mode="json")


class Job(Result):
    """A person's order to run an experiment."""

    id: str
    name: str
    state: str
    status_reason: str | None = None
    status_message: str | None = None
    project: str = "default"
    labels: dict[str, str] = Field(default_factory=dict)
    priority: int = 0
    parent_id: str | None = None
    sweep_id: str | None = None
    notes: str | None = None
    etag: str | None = None
    attempt: int = 0
    max_restarts: int = 0
    progress: float | None = None
    step: int | None = None
    total_steps: int | None = None
    eta_s: float | None = None
    figures: dict[str, Number] | None = None
    metrics: dict[str, Number | None] = Field(default_factory=dict)
    metrics_cursor: int | None = None
    log_bytes: int | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    spec_sha256: str = ""
    problems: tuple[dict[str, Any], ...] = ()
    spec: dict[str, Any] | None = None
    resolved_spec: dict[str, Any] | None = None

    @property
    def is_done(self) -> bool:
        """Whether no process of the job lives any more."""
        return self.state in TERMINAL_STATES

    @property
    def has_succeeded(self) -> bool:
        """Whether the student can be downloaded."""
        return self.state == "succeeded"


class Event(Result):
    """Something that happened to a job; `id` counts up."""

    id: int
    job_id: str
    type: str
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime


class MetricSummary(Result):
    """One metric of a job, in short."""

    key: str
    last: Number | None = None
    min: Number | None = None
    max: Number | None = None
    count: int = 0
    last_step: int | None = None


class Point(Result):
    """One bucket of a curve: its last value, and the least and greatest in it."""

    step: int
    value: Number | None = None
    min: Number | None = None
    max: Number | None = None
    time: datetime | None = None


class Series(Result):
    """The curve of one metric."""

    key: str
    points: tuple[Point, ...] = ()


class Measured(Result):
    """A job and its value of a metric."""

    job_id: str
    name: str
    value: float


class Gain(Result):
    """What a job gained over the same training without a teacher; None where nothing can be told, and why."""

    job_id: str
    metric: str
    value: float | None = None
    controls: tuple[Measured, ...] = ()
    control_mean: float | None = None
    peers: tuple[Measured, ...] = ()
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    basis: str | None = None
    verdict: str | None = None
    reason: str = ""


class Leader(Result):
    """A job on the leaderboard; `rank` counts from 1, and equal values share one."""

    rank: int
    value: float
    size_bytes: Number | None = None
    params: Number | None = None
    latency_ms: Number | None = None
    gain: Gain
    job: Job


class MetricRow(Result):
    """Values that the engine measured together."""

    cursor: int
    step: int
    epoch: float | None = None
    time: datetime | None = None
    values: dict[str, Number] = Field(default_factory=dict)


class LogChunk(Result):
    """A piece of an attempt's log; `offset` is the byte that it begins at."""

    attempt: int
    offset: int
    text: str


class Upload(Result):
    """A file that was sent to the server, or is on its way."""

    id: str
    kind: str
    name: str
    size: int
    offset: int
    sha256: str | None = None
    state: str
    created_at: datetime


class Attempt(Result):
    """One execution of a job; `number` counts from 1."""

    id: str
    job_id: str
    number: int
    worker_id: str
    resumed_from: str | None = None
    start_step: int = 0
    log_bytes: int = 0
    exit_code: int | None = None
    signal: int | None = None
    reason: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Checkpoint(Result):
    """A point that a job may be resumed from."""

    id: str
    job_id: str
    attempt: int
    stage: str
    step: int
    size: int
    sha256: str
    created_at: datetime


class Range(Result):
    """Seconds that half of the cases, and nine of ten, stay below."""

    p50: float
    p90: float


class QueueEntry(Result):
    """A job that waits for devices, with its place from 1, or holds some."""

    job_id: str
    name: str
    state: str
    priority: int = 0
    num_devices: int = 1
    place: int | None = None
    status_reason: str | None = None
    waits_for: str | None = None
    starts_in_s: Range | None = None
    ends_in_s: Range | None = None
    basis: str | None = None
    num_runs: int = 0


class Artifact(Result):
    """A file that a job made."""

    id: str
    job_id: str
    attempt: int | None = None
    kind: str
    name: str
    size: int
    sha256: str
    created_at: datetime
    content_url: str = ""


class Key(Result):
    """An API key, as people tell keys apart; `secret` only in the answer that made it."""

    id: str
    name: str
    prefix: str
    project: str | None = None
    scopes: tuple[str, ...]
    secret: str | None = None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class AuditEntry(Result):
    """A write that somebody made: who (`actor`, a key's id), what, to what, and from where; `seq` counts up."""

    seq: int
    actor: str
    action: str
    target: str | None = None
    project: str | None = None
    request_id: str | None = None
    address: str | None = None
    created_at: datetime


class Worker(Result):
    """A host that executes jobs."""

    id: str
    host: str
    version: str = ""
    is_live: bool
    is_draining: bool = False
    devices: tuple[dict[str, Any], ...] = ()
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None = None


class Project(Result):
    """A room for jobs, with its limits (none is no limit) and what its jobs take now."""

    id: str
    max_devices: int | None = None
    max_queued: int | None = None
    num_devices: int = 0
    num_queued: int = 0
    created_at: datetime


class CacheEntry(Result):
    """Stored teacher outputs in one cache folder; `saved_s` is the device time that reading them saved."""

    id: str
    key: str
    root: str
    size: int
    is_ready: bool
    num_hits: int = 0
    saved_s: float = 0.0
    facts: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime
    used_at: datetime
    delete_requested_at: datetime | None = None


class CacheTotals(Result):
    """What all stored teacher outputs come to."""

    num_entries: int
    size: int
    num_hits: int
    saved_s: float


class Webhook(Result):
    """An address that is told of what happens to jobs; `secret` only in the answer that made it."""

    id: str
    project: str
    url: str
    types: tuple[str, ...]
    is_enabled: bool
    num_failures: int = 0
    disabled_reason: str | None = None
    secret: str | None = None
    created_at: datetime
    updated_at: datetime


class Delivery(Result):
    """A message to a webhook, and how it went: pending, delivered or failed."""

    id: str
    webhook_id: str
    event_id: int | None = None
    type: str
    payload: dict[str, Any] = Field(default_factory=dict)
    state: str
    num_attempts: int = 0
    next_attempt_at: datetime | None = None
    status_code: int | None = None
    error: str | None = None
    duration_ms: float | None = None
    created_at: datetime
    finished_at: datetime | None = None


class SavedView(Result):
    """A way of looking at the list of jobs, kept by the owner of a key; `query` is that of the dashboard's address."""

    id: str
    name: str
    query: str
    created_at: datetime
    updated_at: datetime


class Component(Result):
    """A method, model, data set or recipe; `params` is the JSON Schema of its options. More may be said."""

    model_config = ConfigDict(frozen=True, extra="allow")

    summary: str
    params: dict[str, Any] = Field(default_factory=dict)


class Components(Result):
    """What specs may name, by key."""

    methods: dict[str, Component]
    models: dict[str, Component]
    datasets: dict[str, Component]
    recipes: dict[str, Component]
