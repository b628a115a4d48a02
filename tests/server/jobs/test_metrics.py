from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from server.jobs.attempts import Ending
from server.jobs.database import change_rows
from server.jobs.finish import Outcome, finish
from server.jobs.lease import Claim
from server.jobs.lines import MetricsLine, RunStarted
from server.jobs.loss import lose_attempt
from server.jobs.metrics import WIDTHS
from server.jobs.record import Batch, ingest
from server.jobs.states import Reason, State
from server.jobs.tables import Attempt, Job, Metric, MetricKey, MetricLatest, MetricRollup
from tests.server.jobs.ground import Ground

START = datetime(2026, 1, 1, tzinfo=UTC)


def _line(step: int, **values: float | str) -> MetricsLine:
    named = {name.replace("_", "/", 1): value for name, value in values.items()}
    return MetricsLine(
        type="metrics", time=START + timedelta(seconds=step), stage="s", step=step, epoch=0.0, values=named
    )


def _ingest(ground: Ground, claim: Claim, lines: list[MetricsLine | RunStarted], start: int) -> int:
    with ground.database.write() as session:
        return ingest(session, claim, Batch(lines, start, start + 10 * len(lines)))


def _latest(ground: Ground, claim: Claim) -> dict[str, MetricLatest]:
    query = select(MetricKey.key, MetricLatest).join(MetricKey, MetricKey.id == MetricLatest.key_id)
    with ground.database.read() as session:
        return dict(session.execute(query.where(MetricLatest.job_id == claim.job_id)).all())


def test_rollups_and_summaries_agree_with_plain_maths_however_the_lines_were_cut(ground: Ground) -> None:
    claim = ground.start_job()
    draw = random.Random(7)  # noqa: S311  no secret
    values = {step: draw.choice([draw.gauss(0, 1), draw.gauss(0, 1), math.nan, math.inf]) for step in range(2500)}
    lines = [_line(step, train_loss=value) for step, value in values.items()]
    at = 0
    while lines:
        count = draw.randint(1, 700)
        at = _ingest(ground, claim, list(lines[:count]), at)
        lines = lines[count:]
    with ground.database.read() as session:
        rollups = list(session.scalars(select(MetricRollup)))
    assert {rollup.width for rollup in rollups} == set(WIDTHS)
    assert len(rollups) == sum(-(-2500 // width) for width in WIDTHS)
    for rollup in rollups:
        steps = [step for step in values if step // rollup.width == rollup.bucket]
        finite = [values[step] for step in steps if math.isfinite(values[step])]
        last = values[steps[-1]]
        assert (rollup.count, rollup.last_step) == (len(steps), steps[-1])
        assert (rollup.min, rollup.max) == (min(finite, default=None), max(finite, default=None))
        assert rollup.last == (last if math.isfinite(last) else None)
    latest = _latest(ground, claim)["train/loss"]
    finite = [value for value in values.values() if math.isfinite(value)]
    assert (latest.count, latest.min, latest.max, latest.last_step) == (2500, min(finite), max(finite), 2499)
    assert ground.job(claim.job_id).metric_cursor == 2500


@pytest.mark.parametrize(("value", "kind"), [("NaN", "NaN"), ("Infinity", "Infinity"), (-math.inf, "-Infinity")])
def test_values_that_are_no_numbers_are_null_with_their_kind(ground: Ground, value: float | str, kind: str) -> None:
    claim = ground.start_job()
    _ingest(ground, claim, [_line(1, a_b=2.0), _line(2, a_b=value)], 0)
    with ground.database.read() as session:
        rows = [(row.value, row.kind) for row in session.scalars(select(Metric).order_by(Metric.step))]
    assert rows == [(2.0, None), (None, kind)]
    latest = _latest(ground, claim)["a/b"]
    assert (latest.last, latest.last_kind, latest.min, latest.max) == (None, kind, 2.0, 2.0)


def test_lines_are_numbered_through_and_a_key_is_stored_once(ground: Ground) -> None:
    first, second = ground.start_job(), ground.start_job()
    at = _ingest(ground, first, [_line(1, a_b=1.0, a_c=2.0)], 0)
    _ingest(ground, first, [_line(2, a_b=1.0)], at)
    _ingest(ground, second, [_line(1, a_b=5.0)], 0)
    with ground.database.read() as session:
        cursors = session.execute(select(Metric.step, Metric.cursor).where(Metric.job_id == first.job_id)).all()
        assert sorted(set(cursors)) == [(1, 1), (2, 2)]
        assert sorted(session.scalars(select(MetricKey.key))) == ["a/b", "a/c"]


@pytest.mark.parametrize("attempts_in_vain", [0, 1])
def test_what_a_resumed_attempt_does_again_counts_once_in_the_summaries(ground: Ground, attempts_in_vain: int) -> None:
    claim = ground.start_job()
    _ingest(ground, claim, [_line(step, a_b=float(step)) for step in range(1, 9)], 0)
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.QUEUED, Ending(Reason.PREEMPTED)))
    for _ in range(attempts_in_vain):
        ground.assign()
        with ground.database.write() as session:
            lose_attempt(session, claim.job_id, reason=Reason.NOT_STARTED, message="nobody answered", actor="test")
    ground.assign()
    again = ground.claim(claim.worker_id, claim.job_id)
    with ground.database.write() as session:
        change_rows(session, update(Attempt).where(Attempt.id == again.attempt_id).values(start_step=5))
    started = RunStarted(type="run_started", time=START, resumed_from_step=5)
    _ingest(ground, again, [started, _line(6, a_b=0.5)], 0)
    latest = _latest(ground, claim)["a/b"]
    assert (latest.count, latest.min, latest.max, latest.last, latest.last_step) == (6, 0.5, 5.0, 0.5, 6)


def test_an_attempt_from_the_beginning_forgets_the_summaries_of_the_one_before(ground: Ground) -> None:
    claim = ground.start_job()
    _ingest(ground, claim, [_line(1, a_b=1.0), _line(1, a_c=1.0)], 0)
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.QUEUED, Ending(Reason.ENGINE_KILLED, is_counted=True)))
        change_rows(session, update(Job).values(not_before=None))
    ground.assign()
    again = ground.claim(claim.worker_id, claim.job_id)
    _ingest(ground, again, [RunStarted(type="run_started", time=START), _line(1, a_b=3.0)], 0)
    assert {key: row.count for key, row in _latest(ground, claim).items()} == {"a/b": 1}
