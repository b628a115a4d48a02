"""Watching a job: everything once, in order, until it is done."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from stillhouse.client import Client, Event, Job, LogLine, MetricRow
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec


def _metrics(step: int, loss: float) -> bytes:
    values = json.dumps({"train/loss": loss})
    return f'{{"type": "metrics", {TIME}, "stage": "train", "step": {step}, "values": {values}}}\n'.encode()


def test_events_values_and_lines_come_once_each(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED, _metrics(1, 0.5))
    hand.log(claim, 0, "first\nsec")
    later = [
        threading.Timer(0.4, hand.log, [claim, 9, "ond\ngrüße"]),
        threading.Timer(0.6, hand.report, [claim, _metrics(2, 0.25)]),
        threading.Timer(1.2, hand.succeed, [claim, {}]),
    ]
    for timer in later:
        timer.start()
    seen = list(client.watch(job.id, interval_s=0.1))
    assert [entry.type for entry in seen if isinstance(entry, Event)] == [e.type for e in client.events(job.id)]
    assert [entry.step for entry in seen if isinstance(entry, MetricRow)] == [1, 2]
    assert [entry.text for entry in seen if isinstance(entry, LogLine)] == ["first", "second", "grüße"]


def test_every_attempts_log_is_read(client: Client, hand: HandWorker, blob: Path) -> None:
    job = client.submit(tiny_spec())
    first = hand.take(job.id)
    hand.report(first, RUN_STARTED)
    hand.log(first, 0, "one\n")
    hand.save(first, blob, 2)
    client.pause(job.id)
    hand.rest(first)
    client.resume(job.id)
    second = hand.take(job.id)
    hand.report(second, RUN_STARTED)
    hand.log(second, 0, "two\n")
    hand.succeed(second, {})
    lines = [entry for entry in client.watch(job.id) if isinstance(entry, LogLine)]
    assert lines == [LogLine(1, "one"), LogLine(2, "two")]


def test_watching_can_begin_behind_an_event(client: Client) -> None:
    job = client.submit(tiny_spec())
    [submitted] = client.events(job.id)
    client.cancel(job.id)
    assert [entry.type for entry in client.watch(job.id, after=submitted.id) if isinstance(entry, Event)] == [
        "cancelled"
    ]


def test_waiting_reports_each_look(client: Client) -> None:
    job, seen = client.submit(tiny_spec()), list[Job]()

    def report(job: Job) -> None:
        seen.append(job)
        client.cancel(job.id)

    client.wait(job.id, poll_s=0.05, report=report)
    assert [job.state for job in seen] == ["queued", "cancelled"]
