"""What the API shows of times to come: the queue, and the dry run of a submission."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from server.jobs.forecast import Entry
from server.jobs.history import Basis, Range
from server.jobs.states import Reason, State
from server.views import Moment, ProblemEntry, View


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
