"""Watching a job: what happens to it, what it measures and what it logs, in one iterator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stillhouse.client.records import RecordCalls
from stillhouse.client.results import Event, Job, MetricRow


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of an attempt's log, without its end."""

    attempt: int
    text: str

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"attempt": self.attempt, "text": self.text}


Happening = Event | MetricRow | LogLine
"""What `watch` yields: a change of the job, values that were measured together, a line of the log."""


class LogReader:
    """Reads the logs of a job's attempts once each, line by line."""

    def __init__(self, calls: RecordCalls, job_id: str) -> None:
        self._calls = calls
        self._job_id = job_id
        self._attempt = 1
        self._offset = 0
        self._rest = ""

    def read(self, job: Job) -> Iterator[LogLine]:
        """Yield the lines that are whole by now; of an attempt that is over, all."""
        while self._attempt <= job.attempt:
            yield from self._read_attempt()
            if self._attempt == job.attempt and not job.is_done:
                return
            if self._rest:
                yield LogLine(self._attempt, self._rest)
            self._attempt, self._offset, self._rest = self._attempt + 1, 0, ""

    def _read_attempt(self) -> Iterator[LogLine]:
        for chunk in self._calls.logs(self._job_id, attempt=self._attempt, offset=self._offset):
            self._offset = chunk.offset + len(chunk.text.encode())
            *lines, self._rest = (self._rest + chunk.text).split("\n")
            yield from (LogLine(chunk.attempt, line.removesuffix("\r")) for line in lines)


def watch(calls: RecordCalls, job_id: str, *, after: int | None, interval_s: float) -> Iterator[Happening]:
    """Yield what happens to a job until it is done: events, then values, then lines, of each interval.

    Args:
        calls: the way to the server.
        job_id: the job.
        after: event behind which to begin; from the start if left out.
        interval_s: seconds between two looks.
    """
    cursor, log = 0, LogReader(calls, job_id)
    while True:
        job = calls.job(job_id)
        for event in calls.events(job_id, after=after):
            after = event.id
            yield event
        for row in calls.metrics_between(job_id, cursor, job.metrics_cursor or 0):
            cursor = row.cursor
            yield row
        yield from log.read(job)
        if job.is_done:
            return
        time.sleep(interval_s)
