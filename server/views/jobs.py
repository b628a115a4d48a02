"""What the API shows of jobs, of the queue that they stand in, and of specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from server.jobs import tables
from server.jobs.edit import fingerprint
from server.jobs.forecast import Entry
from server.jobs.history import Basis, Range
from server.jobs.series import join_number, name_number
from server.jobs.states import Reason, State, Verb
from server.views.base import Moment, Number, ProblemEntry, View


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
    sweep_id: str | None = Field(description="The sweep that it is a trial of.")
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


class RangeView(View):
    """Seconds that half of the cases, and nine of ten, stay below."""

    p50: float
    p90: float


class QueueEntryView(View):
    """A job that waits for devices, or holds some."""

    object: Literal["queue_entry"] = "queue_entry"
    job_id: str
    name: str
    project: str
    pool: str
    state: State
    priority: int
    num_devices: int = Field(description="Devices that it needs, on all nodes.")
    place: int | None = Field(description="Place among those that wait, from 1; null for one that holds devices.")
    status_reason: Reason | None = Field(description="Why it stands where it stands, for programs.")
    waits_for: str | None = Field(description="What keeps it from its devices, for people.")
    queued_at: Moment | None
    starts_in_s: RangeView | None = Field(description="Until it has its devices; null where nothing is known.")
    ends_in_s: RangeView | None = Field(description="Until it is over; null where nothing is known.")
    basis: Basis | None = Field(
        description="What its own duration was measured on: its engine, runs of like specs, or all runs of the pool."
    )
    num_runs: int = Field(description="How many runs that were.")


class CostView(View):
    """What a run would take."""

    steps: int | None = Field(description="Optimizer steps; null where only the data's files know.")
    samples: int | None = Field(description="Samples that are trained on, counted anew in each epoch.")
    seconds: RangeView | None = Field(description="Null where nothing of the kind was measured.")
    basis: Basis | None
    num_runs: int


class StageCacheView(View):
    """Whether the teacher outputs of a stage are stored already."""

    stage: str
    state: Literal["hit", "miss", "unknown"] | None = Field(description="Null for a stage that stores none.")


class DryRunView(View):
    """What would become of a submission."""

    object: Literal["dry_run"] = "dry_run"
    resolved_spec: dict[str, Any]
    warnings: list[ProblemEntry] = Field(description="What may be wrong, and would not be refused.")
    cost: CostView
    cache: list[StageCacheView]
    place_in_queue: int = Field(description="Place among those that wait, from 1.")


class ValidationView(View):
    """What the check of a spec found."""

    object: Literal["validation"] = "validation"
    valid: bool
    problems: list[ProblemEntry]
    resolved_spec: dict[str, Any] | None = Field(description="The spec with everything written out, when valid.")


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


def view_queue_entry(entry: Entry) -> QueueEntryView:
    """Show a job in the queue."""
    job = entry.job
    names = ("name", "project", "pool", "state", "priority", "status_reason", "queued_at")
    return QueueEntryView(
        **{name: getattr(job, name) for name in names},
        job_id=job.id,
        num_devices=job.num_nodes * job.num_devices,
        place=entry.place,
        waits_for=entry.waits_for,
        starts_in_s=view_range(entry.starts_in),
        ends_in_s=view_range(entry.ends_in),
        basis=entry.run.basis,
        num_runs=entry.run.num_runs,
    )


def view_range(seconds: Range | None) -> RangeView | None:
    """Show a range of seconds."""
    return None if seconds is None else RangeView(p50=round(seconds.p50, 1), p90=round(seconds.p90, 1))


def _job_fields(job: tables.Job, labels: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: getattr(job, name) for name in JobView.model_fields if hasattr(job, name)}
    return fields | {"labels": dict(labels), "metrics_cursor": job.metric_cursor}
