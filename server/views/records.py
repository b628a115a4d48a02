"""What the API shows of what jobs wrote down and made."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from distill_core.spec.outputs import ExportFormat
from server.jobs import tables
from server.jobs.exports import Export
from server.jobs.states import Reason, State
from server.views.base import Moment, Number, View


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


class ExportView(View):
    """A student of a finished job in a form that runs without Stillhouse, or on its way to be one."""

    object: Literal["export"] = "export"
    id: str = Field(description="The job that makes it; it can be looked at, cancelled and retried as any other.")
    job_id: str = Field(description="The job whose student it is.")
    format: ExportFormat
    until: str | None = Field(description="Place of the student where it ends; null for the whole.")
    opset: int | None = Field(description="Version of ONNX's operator set; null for the exporter's own.")
    state: State
    status_reason: Reason | None = Field(description="Why it stands where it stands, for programs.")
    status_message: str | None = Field(description="The same for people: why it failed, for one.")
    artifact_id: str | None = Field(description="What it made: an artifact of the job; null until it is there.")
    created_at: Moment
    finished_at: Moment | None


class UploadView(View):
    """A file that a person sends in pieces."""

    object: Literal["upload"] = "upload"
    id: str
    project: str
    kind: str
    name: str
    size: int = Field(description="Bytes in all, as announced.")
    offset: int = Field(description="Bytes that are here; the next ones are sent from there.")
    sha256: str | None = Field(description="As announced; once complete, as found.")
    state: Literal["open", "complete"]
    created_at: Moment
    updated_at: Moment
    finished_at: Moment | None


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


def view_export(export: Export) -> ExportView:
    """Show an export."""
    names = ("id", "state", "status_reason", "status_message", "created_at", "finished_at")
    return ExportView(
        **{name: getattr(export.job, name) for name in names},
        job_id=export.job.export_of,
        format=export.wanted.format,
        until=export.wanted.until,
        opset=export.wanted.opset,
        artifact_id=export.artifact_id,
    )


def view_artifact(artifact: tables.Artifact, size: int) -> ArtifactView:
    """Show an artifact."""
    fields = {name: getattr(artifact, name) for name in ("id", "job_id", "attempt", "kind", "name", "sha256")}
    return ArtifactView(
        **fields,
        size=size,
        created_at=artifact.created_at,
        content_url=f"/v1/artifacts/{artifact.id}/content",
    )
