"""Watching a job: what a person wants to see once a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from stillhouse.client.client import Client
from stillhouse.client.results import Event, Job, Number


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job at one moment.

    Attributes:
        job: the job.
        events: what has happened since the snapshot before.
        values: the latest value of each metric.
    """

    job: Job
    events: tuple[Event, ...]
    values: dict[str, Number]


def observe(client: Client, job_id: str, *, interval_s: float = 1.0) -> Iterator[Snapshot]:
    """Yield snapshots of a job until it is done; the last one shows it done."""
    seen: int | None = None
    cursor: int | None = None
    values: dict[str, Number] = {}
    while True:
        job = client.job(job_id)
        events = tuple(client.events(job_id, after=seen))
        seen = events[-1].id if events else seen
        if job.metrics_cursor != cursor:
            cursor = job.metrics_cursor
            values = {key: entry.last for key, entry in client.metrics(job_id).items() if entry.last is not None}
        yield Snapshot(job, events, values)
        if job.is_done:
            return
        time.sleep(interval_s)
