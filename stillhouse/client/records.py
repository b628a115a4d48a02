"""What jobs write down: events, metrics, logs, attempts, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from stillhouse.client.catalog import CatalogCalls
from stillhouse.client.logs import read_log
from stillhouse.client.results import (
    Attempt,
    Checkpoint,
    Event,
    Job,
    LogChunk,
    MetricRow,
    MetricSummary,
    Series,
)
from stillhouse.client.sse import follow
from stillhouse.client.table import MetricTable


class RecordCalls(CatalogCalls):
    """Calls about what jobs write down."""

    def job(self, job_id: str) -> Job:
        """Return a job with its spec."""
        return read_job(self._transport.send("GET", f"/v1/jobs/{job_id}"))

    def events(self, job_id: str, *, after: int | None = None) -> Iterator[Event]:
        """Yield what has happened to a job so far, behind event `after`."""
        yield from map(Event.model_validate, self._pages(f"/v1/jobs/{job_id}/events", {"after": after}))

    def follow_events(self, job_id: str, *, after: int | None = None) -> Iterator[Event]:
        """Yield what happens to a job until it is done, over cuts of the connection."""
        for frame in follow(self._transport, f"/v1/jobs/{job_id}/events/stream", {"after": after}):
            yield Event.model_validate(frame.document())

    def metrics(self, job_id: str) -> dict[str, MetricSummary]:
        """Return the job's metrics in short, by key."""
        answer = self._transport.get(f"/v1/jobs/{job_id}/metrics")
        return {entry["key"]: MetricSummary.model_validate(entry) for entry in answer["data"]}

    def series(self, job_id: str, keys: Sequence[str], *, max_points: int = 1000) -> dict[str, Series]:
        """Return the curves of some metrics, thinned to `max_points` buckets."""
        params = {"key": list(keys), "max_points": max_points}
        answer = self._transport.get(f"/v1/jobs/{job_id}/metrics/series", params)
        return {entry["key"]: Series.model_validate(entry) for entry in answer["data"]}

    def metric_table(self, job_id: str) -> MetricTable:
        """Return everything that a job has measured so far, a row a step; `to_pandas` makes a frame of it.

        What an attempt measured behind the step at which the next one went on is left out: it was measured again.
        """
        end = self.job(job_id).metrics_cursor or 0
        return MetricTable.of(self.metrics_between(job_id, 0, end))

    def metrics_between(self, job_id: str, start: int, end: int) -> Iterator[MetricRow]:
        """Yield the lines behind `start`, up to `end`, which is measured already."""
        if end > start:
            for row in self.follow_metrics(job_id, after=start):
                yield row
                if row.cursor >= end:
                    return

    def follow_metrics(self, job_id: str, *, after: int | None = None) -> Iterator[MetricRow]:
        """Yield what the engine measures until the job is done, over cuts of the connection."""
        for frame in follow(self._transport, f"/v1/jobs/{job_id}/metrics/stream", {"after": after}):
            yield MetricRow.model_validate(frame.document())

    def logs(
        self, job_id: str, *, attempt: int | None = None, offset: int | None = None, tail: int | None = None
    ) -> Iterator[LogChunk]:
        """Yield the log of an attempt as far as it is written.

        Args:
            job_id: the job.
            attempt: number of the attempt; the last one if left out.
            offset: byte to begin at.
            tail: begin so many bytes before the end instead.
        """
        yield from read_log(self._transport, job_id, attempt=attempt, offset=offset, tail=tail)

    def follow_logs(self, job_id: str, *, attempt: int | None = None, offset: int | None = None) -> Iterator[LogChunk]:
        """Yield the log while it is written until the job is done, over cuts of the connection."""
        params = {"attempt": attempt, "offset": offset}
        for frame in follow(self._transport, f"/v1/jobs/{job_id}/logs/stream", params):
            yield LogChunk.model_validate(frame.document())

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the executions of a job, the first one first."""
        return [Attempt.model_validate(entry) for entry in self._transport.get(f"/v1/jobs/{job_id}/attempts")["data"]]

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Return the points that a job may be resumed from, the oldest first."""
        answer = self._transport.get(f"/v1/jobs/{job_id}/checkpoints")
        return [Checkpoint.model_validate(entry) for entry in answer["data"]]

    def manifest(self, job_id: str) -> dict[str, Any]:
        """Return what a finished job was made from: resolved spec, seeds, versions, hashes.

        Raises:
            NotFoundError: the job has not succeeded.
        """
        return dict(self._transport.get(f"/v1/jobs/{job_id}/manifest"))


def read_job(answer: httpx.Response) -> Job:
    """Return the job of an answer, with its etag."""
    return Job.model_validate(answer.json() | {"etag": answer.headers.get("etag")})
