"""What the API shows of workers and of its own health."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from pydantic import Field

from server.jobs import tables
from server.views.base import Moment, View


class DeviceView(View):
    """A slot of a worker."""

    index: int
    kind: str
    name: str
    memory_bytes: int | None
    job_id: str | None = Field(description="The job that holds it; null for one of another project, too.")
    is_held: bool = Field(description="Whether a job holds it, of whichever project.")


class WorkerView(View):
    """A host that runs jobs."""

    object: Literal["worker"] = "worker"
    id: str
    pool: str
    host: str
    version: str
    facts: dict[str, Any]
    is_live: bool = Field(description="Whether it was heard of lately.")
    is_draining: bool = Field(description="Whether it gets no more jobs.")
    clear_requested_at: Moment | None = Field(description="When it was asked to give back what it runs, too.")
    devices: list[DeviceView]
    started_at: Moment
    heartbeat_at: Moment
    stopped_at: Moment | None


class CheckView(View):
    """One of the things that the service needs."""

    name: str
    ok: bool
    is_needed: bool = Field(description="Whether the service is unready without it.")
    message: str


class HealthView(View):
    """How the service is."""

    status: Literal["ok", "ready"]
    checks: list[CheckView] = Field(default_factory=list)


def view_worker(
    worker: tables.Worker, devices: Sequence[tables.Device], hidden: Collection[str], *, is_live: bool
) -> WorkerView:
    """Show a worker with its devices; the jobs that are hidden from whoever asks are not named."""
    fields = ("id", "pool", "host", "version", "facts", "is_draining", "clear_requested_at")
    times = ("started_at", "heartbeat_at", "stopped_at")
    return WorkerView(
        **{name: getattr(worker, name) for name in (*fields, *times)},
        is_live=is_live,
        devices=[_view_device(device, hidden) for device in devices],
    )


def _view_device(device: tables.Device, hidden: Collection[str]) -> DeviceView:
    fields = {name: getattr(device, name) for name in ("index", "kind", "name", "memory_bytes", "job_id")}
    shown = fields | ({"job_id": None} if device.job_id in hidden else {})
    return DeviceView(**shown, is_held=device.job_id is not None)
