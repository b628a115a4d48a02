"""What the API shows of each resource: one shape a resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from server.jobs import tables
from server.jobs.edit import fingerprint
from server.jobs.series import join_number, name_number
from server.jobs.states import Reason, State, Verb


def show_time(moment: datetime) -> str:
    """Return a time as the API writes it: RFC 3339, UTC, milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


Moment = Annotated[
    datetime, PlainSerializer(show_time, return_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})])
]
Number = float | Literal["NaN", "Infinity", "-Infinity"] | None
"""A value of a metric; what JSON has no number for is told by name."""


Item = TypeVar("Item")


class View(BaseModel):
    """Base of all views: read from rows, never changed."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Page(View, Generic[Item]):
    """A page of a list."""

    object: Literal["list"] = "list"
    data: Sequence[Item]
    first_id: str | None = Field(default=None, description="Id of the first entry; null when the page is empty.")
    last_id: str | None = Field(default=None, description="Id of the last entry: the next page's `after`.")
    has_more: bool = Field(default=False, description="Whether there are entries behind this page.")
    next: str | None = Field(
        default=None, description="The next page's `after` where it is not `last_id`, as in lists with an order."
    )


class ProblemEntry(View):
    """One of the things that are wrong."""

    pointer: str = Field(description="JSON pointer to the place; the empty string is the whole document.")
    code: str = Field(description="Kind of problem, stable.")
    message: str
    value: Any = Field(default=None, description="What was sent, shortened when long.")
    allowed: list[str] | str | None = Field(default=None, description="What may stand there.")
    nearest: list[str] = Field(default=[], description="Allowed names most like the value, best first.")


class ProblemView(View):
    """An error, as RFC 9457 says."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    code: str = Field(description="Kind of error, stable.")
    errors: list[ProblemEntry] = Field(description="Everything that is wrong, where that can be listed.")
    request_id: str | None = Field(default=None, description="What the server's log calls this request.")
    state: State | None = Field(default=None, description="State of the job that refused.")
    allowed: list[str] | None = Field(default=None, description="What the job would take instead.")


class JobView(View):
    """A job."""

    object: Literal["job"] = "job"
    id: str
    name: str
    project: str
    state: State
    status_reason: Reason | None = Field(description="Why the job stands where it stands, for programs.")
    status_message: str | None = Field(description="The same for people.")
    labels: dict[str, str]
    summary: dict[str, Any] = Field(description="Models, data sets and methods of the spec.")
    priority: int
    parent_id: str | None = Field(description="The job that it is a clone of.")
    created_by: str | None = Field(description="Id of the key that submitted it.")
    attempt: int = Field(description="Number of the newest attempt, 0 before the first.")
    max_restarts: int
    progress: float | None = Field(description="From 0 to 1.")
    step: int | None
    total_steps: int | None
    eta_s: float | None = Field(description="Seconds that are probably left.")
    figures: dict[str, Any] | None = Field(description="What the evaluation measured.")
    metrics: dict[str, Number] = Field(default={}, description="Last values of the metrics that a list asks for.")
    metrics_cursor: int = Field(description="Number of the newest line of metrics.")
    log_bytes: int = Field(description="Size of the newest attempt's log.")
    created_at: Moment
    updated_at: Moment
    queued_at: Moment | None = Field(description="When it last entered the queue.")
    started_at: Moment | None
    finished_at: Moment | None
    spec_sha256: str
    problems: list[ProblemEntry] = Field(description="What was wrong with a spec that was rejected at start.")


class JobDetail(JobView):
    """A job with its spec."""

    notes: str | None = Field(description="What people wrote about it.")
    spec: dict[str, Any] = Field(description="The spec as it was sent.")
    resolved_spec: dict[str, Any] = Field(description="The spec with everything written out.")


class StateView(View):
    """A state that jobs may be in."""

    object: Literal["state"] = "state"
    state: State
    moves: list[State] = Field(description="States that a job may go to next.")
    verbs: dict[Verb, State] = Field(description="What a person may ask of such a job, and where it takes the job.")
    is_leased: bool = Field(description="Whether a worker holds such a job.")
    is_terminal: bool = Field(description="Whether such a job is over.")


class EventView(View):
    """Something that happened to a job."""

    object: Literal["event"] = "event"
    id: int = Field(description="Number of the event; later events have higher ones.")
    job_id: str
    type: str
    data: dict[str, Any]
    actor: str
    created_at: Moment


class MetricView(View):
    """Summary of one metric of a job."""

    object: Literal["metric"] = "metric"
    key: str
    last: Number
    min: Number
    max: Number
    count: int
    last_step: int


class PointView(View):
    """One bucket of a series: its last value, and the band it moved in."""

    step: int = Field(description="Last step of the bucket.")
    value: Number
    min: Number
    max: Number
    time: Moment


class SeriesView(View):
    """A metric over the steps of a job."""

    object: Literal["series"] = "series"
    key: str
    points: list[PointView]


class JobSeriesView(View):
    """Curves of one job among several."""

    object: Literal["job_series"] = "job_series"
    job_id: str
    series: list[SeriesView]


class SeriesBatchView(View):
    """Curves of several jobs."""

    object: Literal["series_batch"] = "series_batch"
    data: list[JobSeriesView] = Field(description="The jobs that there are, in the order that was asked for.")
    missing: list[str] = Field(description="Ids of those that there are not.")
    max_points: int = Field(description="Points a curve at most; fewer than asked for where there are many curves.")


class AttemptView(View):
    """One execution of a job."""

    object: Literal["attempt"] = "attempt"
    id: str
    job_id: str
    number: int
    worker_id: str
    devices: list[Any]
    resumed_from: str | None = Field(description="Checkpoint that it started from.")
    start_step: int
    log_bytes: int
    exit_code: int | None
    signal: int | None
    reason: Reason | None = Field(description="Why it ended; null while it lives and after success.")
    is_counted: bool = Field(description="Whether it is charged to max_restarts.")
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None


class CheckpointView(View):
    """A point that a job may be resumed from."""

    object: Literal["checkpoint"] = "checkpoint"
    id: str
    job_id: str
    attempt: int
    stage: str
    step: int
    size: int
    sha256: str
    created_at: Moment


class ArtifactView(View):
    """A result of a job."""

    object: Literal["artifact"] = "artifact"
    id: str
    job_id: str
    attempt: int
    kind: str
    name: str
    size: int
    sha256: str
    created_at: Moment
    content_url: str


class DeviceView(View):
    """A slot of a worker."""

    index: int
    kind: str
    name: str
    memory_bytes: int | None
    job_id: str | None = Field(description="The job that holds it.")


class WorkerView(View):
    """A host that runs jobs."""

    object: Literal["worker"] = "worker"
    id: str
    pool: str
    host: str
    version: str
    facts: dict[str, Any]
    is_live: bool = Field(description="Whether it was heard of lately.")
    is_draining: bool
    devices: list[DeviceView]
    started_at: Moment
    heartbeat_at: Moment
    stopped_at: Moment | None


class ValidationView(View):
    """What the check of a spec found."""

    object: Literal["validation"] = "validation"
    valid: bool
    problems: list[ProblemEntry]
    resolved_spec: dict[str, Any] | None = Field(description="The spec with everything written out, when valid.")


class CheckView(View):
    """One of the things that the service needs."""

    name: str
    ok: bool
    is_needed: bool = Field(description="Whether the service is unready without it.")
    message: str


class HealthView(View):
    """How the service is."""

    status: Literal["ok", "ready"]
    checks: list[CheckView] = []


def view_job(
    job: tables.Job, labels: Mapping[str, str], metrics: Mapping[str, tables.MetricLatest] | None = None
) -> JobView:
    """Show a job as lists do."""
    last = {key: name_number(join_number(row.last, row.last_kind)) for key, row in (metrics or {}).items()}
    return JobView.model_validate(_job_fields(job, labels) | {"metrics": last})


def view_job_detail(job: tables.Job, labels: Mapping[str, str], spec: tables.JobSpec) -> JobDetail:
    """Show a job whole."""
    more = {"notes": job.notes, "spec": spec.document, "resolved_spec": spec.resolved}
    return JobDetail.model_validate(_job_fields(job, labels) | more)


def etag_of(job: tables.Job, labels: Mapping[str, str]) -> str:
    """Return the ETag of the fields that people may edit; progress and state do not change it."""
    return f'"{fingerprint(job, labels)}"'


def view_event(event: tables.Event) -> EventView:
    """Show an event."""
    return EventView(
        id=event.seq,
        job_id=event.job_id,
        type=event.type,
        data=event.data,
        actor=event.actor,
        created_at=event.created_at,
    )


def view_checkpoint(checkpoint: tables.Checkpoint, size: int) -> CheckpointView:
    """Show a checkpoint."""
    names = ("id", "job_id", "attempt", "stage", "step", "sha256", "created_at")
    return CheckpointView(**{name: getattr(checkpoint, name) for name in names}, size=size)


def view_artifact(artifact: tables.Artifact, size: int) -> ArtifactView:
    """Show an artifact."""
    fields = {name: getattr(artifact, name) for name in ("id", "job_id", "attempt", "kind", "name", "sha256")}
    return ArtifactView(
        **fields,
        size=size,
        created_at=artifact.created_at,
        content_url=f"/v1/artifacts/{artifact.id}/content",
    )


def view_worker(worker: tables.Worker, devices: Sequence[tables.Device], *, is_live: bool) -> WorkerView:
    """Show a worker with its devices."""
    fields = ("id", "pool", "host", "version", "facts", "is_draining", "started_at", "heartbeat_at", "stopped_at")
    return WorkerView(
        **{name: getattr(worker, name) for name in fields},
        is_live=is_live,
        devices=[DeviceView.model_validate(device) for device in devices],
    )


def _job_fields(job: tables.Job, labels: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: getattr(job, name) for name in JobView.model_fields if hasattr(job, name)}
    return fields | {"labels": dict(labels), "metrics_cursor": job.metric_cursor}
