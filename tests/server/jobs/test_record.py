from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from server.jobs.errors import LeaseLostError
from server.jobs.lease import Claim
from server.jobs.lines import Garbage, Line, parse_line
from server.jobs.loss import lose_attempt
from server.jobs.record import Batch, ingest, record_figures
from server.jobs.states import Reason
from server.jobs.tables import Checkpoint, Metric, MetricKey
from tests.server.jobs.ground import Ground

TIME = "2026-01-01T00:00:00.000Z"


def _say(kind: str, /, **fields: object) -> Line:
    return parse_line(json.dumps({"time": TIME, "type": kind, **fields}).encode())


def _metrics(step: int) -> Line:
    return _say("metrics", stage="s", step=step, epoch=0.1, values={"train/loss": 1 / step})


def _ingest(ground: Ground, claim: Claim, lines: list[Line], start: int, end: int, stored: str = "") -> int:
    with ground.database.write() as session:
        return ingest(session, claim, Batch(lines, start, end, frozenset({stored})))


def _num_metrics(ground: Ground) -> int:
    with ground.database.read() as session:
        return len(list(session.scalars(select(Metric))))


def test_a_batch_that_was_recorded_before_changes_nothing_and_says_how_far_the_record_is(ground: Ground) -> None:
    claim = ground.start_job()
    assert _ingest(ground, claim, [_metrics(1), _metrics(2)], 0, 200) == 200
    again = [_metrics(1), _metrics(2), _metrics(3), _say("warning", code="x", message="y")]
    events = len(ground.events(claim.job_id))
    assert _ingest(ground, claim, again, 0, 400) == 200
    assert (_num_metrics(ground), len(ground.events(claim.job_id))) == (2, events)
    assert _ingest(ground, claim, again[2:], 200, 400) == 400
    assert (_num_metrics(ground), ground.job(claim.job_id).metric_cursor) == (3, 3)


def test_a_crash_before_the_commit_records_nothing_of_the_batch(ground: Ground) -> None:
    claim = ground.start_job()

    def crash() -> None:
        with ground.database.write() as session:
            ingest(session, claim, Batch([_metrics(1), _say("warning", message="y")], 0, 100))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert (_num_metrics(ground), ground.attempts(claim.job_id)[0].events_offset) == (0, 0)
    assert _ingest(ground, claim, [_metrics(1)], 0, 100) == 100


def test_a_stale_attempt_records_nothing(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        lose_attempt(session, claim.job_id, reason=Reason.WORKER_LOST, message="gone", actor="reconciler")
    with pytest.raises(LeaseLostError):
        _ingest(ground, claim, [_metrics(1)], 0, 100)
    assert _num_metrics(ground) == 0


def test_figures_measured_from_outside_lie_at_the_step_that_the_engine_has_reached(ground: Ground) -> None:
    claim = ground.start_job()

    def measure(memory_bytes: float) -> None:
        with ground.database.write() as session:
            record_figures(session, claim, {"system/memory_bytes": memory_bytes})

    measure(1.0)  # the engine has not said yet where it starts
    _ingest(ground, claim, [_say("run_started", total_steps=8)], 0, 10)
    measure(2.0)
    _ingest(ground, claim, [_metrics(5)], 10, 20)
    measure(3.0)
    query = select(Metric.step, Metric.value).join(MetricKey, MetricKey.id == Metric.key_id)
    with ground.database.read() as session:
        rows = session.execute(query.where(MetricKey.key == "system/memory_bytes").order_by(Metric.step)).all()
    assert [tuple(row) for row in rows] == [(0, 2.0), (5, 3.0)]


def test_the_job_shows_state_progress_and_figures_as_they_come(ground: Ground) -> None:
    claim = ground.start_job()
    _ingest(ground, claim, [_say("run_started", stages=["s"], total_steps=8, device="cpu")], 0, 10)
    job = ground.job(claim.job_id)
    assert (job.state, job.total_steps) == ("running", 8)
    assert job.started_at is not None
    _ingest(ground, claim, [_metrics(2), _say("progress", step=2, total_steps=8, eta_s=3.5)], 10, 20)
    job = ground.job(claim.job_id)
    assert (job.step, job.progress, job.eta_s) == (2, 0.25, 3.5)
    _ingest(ground, claim, [_say("evaluated", values={"test/accuracy": 0.5, "test/nll": "NaN"})], 20, 30)
    assert ground.job(claim.job_id).figures == {"test/accuracy": 0.5, "test/nll": "NaN"}
    assert [event.type for event in ground.events(claim.job_id)] == ["submitted", "starting", "running", "evaluated"]


def test_a_checkpoint_counts_only_when_its_bytes_are_stored(ground: Ground) -> None:
    claim = ground.start_job()
    saved, lost = "a" * 64, "b" * 64
    lines = [
        _say("checkpoint", path="c", sha256=digest, size=3, step=step, stage="s", epoch=1)
        for step, digest in ((1, lost), (2, saved))
    ]
    _ingest(ground, claim, lines, 0, 10, stored=saved)
    with ground.database.read() as session:
        rows = [(row.step, row.sha256, row.attempt, row.token) for row in session.scalars(select(Checkpoint))]
    assert rows == [(2, saved, 1, 1)]


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense",
        b"{",
        b"[]",
        b'{"type": "metrics"}',
        b'{"type": "unheard_of", "time": "2026-01-01T00:00:00Z"}',
        b'{"type": "metrics", "time": "2026-01-01T00:00:00Z", "step": -1, "values": {}}',
        b'{"type": "metrics", "time": "2026-01-01T00:00:00", "step": 1, "values": {}}',
        b'{"type": "checkpoint", "time": "2026-01-01T00:00:00Z", "path": "x", "sha256": "../x", "size": 1, "step": 1}',
        b"\xff\xfe\x00",
    ],
)
def test_a_line_that_is_no_event_is_garbage(raw: bytes) -> None:
    assert isinstance(parse_line(raw), Garbage)


def test_garbage_and_unstorable_text_become_warnings_on_both_databases(ground: Ground) -> None:
    claim = ground.start_job()
    lines = [parse_line(b"\x00\xff"), _say("warning", code="c", message="a\x00b")]
    assert _ingest(ground, claim, lines, 0, 10) == 10
    garbage, warning = ground.events(claim.job_id)[-2:]
    assert (garbage.type, garbage.data["code"]) == ("warning", "events_unreadable")
    assert warning.data["message"] == "a\ufffdb"
