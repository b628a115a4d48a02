"""Curves for people to look at: at most so many points, each with its last value and the band it moved in.

Where a job was resumed, attempt n counts only up to the step that attempt n+1 started from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from server.jobs.metrics import WIDTHS
from server.jobs.tables import Attempt, Metric, MetricKey, MetricLatest, MetricRollup


@dataclass(frozen=True, slots=True)
class Point:
    """A step, or a run of steps: its last value, and the least and greatest finite one."""

    step: int
    value: float
    min: float | None
    max: float | None
    time: datetime


@dataclass(frozen=True, slots=True)
class _Part:
    """The steps that one attempt contributes: up to `last`, or all."""

    attempt: int
    last: int | None


def read_series(session: Session, job_id: str, key: str, max_points: int) -> list[Point]:
    """Return a metric's curve in at most `max_points` points, in the order of the steps."""
    row = session.execute(
        select(MetricKey.id, MetricLatest.count, MetricLatest.last_step)
        .join(MetricLatest, and_(MetricLatest.key_id == MetricKey.id, MetricLatest.job_id == job_id))
        .where(MetricKey.key == key)
    ).one_or_none()
    if row is None:
        return []
    key_id, count, last_step = row
    parts = _read_parts(session, job_id)
    width = _choose_width(count, last_step, max_points)
    if width is None:
        points = _read_raw(session, job_id, key_id, parts)
    else:
        points = _read_rollup(session, job_id, key_id, width, parts)
    return _thin(points, max_points)


def name_number(value: float | None) -> float | str | None:
    """Return what JSON says for a number: the name of one that is not finite."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def join_number(value: float | None, kind: str | None) -> float:
    """Return the number that a value's two columns mean; a rollup keeps no kind, so there null is NaN."""
    return float(kind or "NaN") if value is None else value


def _choose_width(count: int, last_step: int, max_points: int) -> int | None:
    """Return the rollup with the fewest rows that still gives half of `max_points`; None reads raw rows."""
    if count <= max_points:
        return None
    rich = [width for width in WIDTHS if min(count, last_step // width + 1) * 2 >= max_points]
    return max(rich, default=None)


def _read_parts(session: Session, job_id: str) -> list[_Part]:
    """Return which steps each attempt contributes; one that never started contributes and supersedes nothing."""
    started = (Attempt.job_id == job_id, Attempt.started_at.is_not(None))
    rows = session.execute(select(Attempt.number, Attempt.start_step).where(*started).order_by(Attempt.number.desc()))
    parts: list[_Part] = []
    last: int | None = None
    for number, start_step in rows:
        parts.append(_Part(number, last))
        last = start_step if last is None else min(last, start_step)
    return parts[::-1]


def _read_raw(session: Session, job_id: str, key_id: int, parts: Sequence[_Part]) -> list[Point]:
    """Return every value that counts."""
    counting = or_(*(_counts(part) for part in parts)) if parts else Metric.step < 0
    query = select(Metric.step, Metric.value, Metric.kind, Metric.time)
    query = query.where(Metric.job_id == job_id, Metric.key_id == key_id, counting).order_by(Metric.step)
    return [_raw_point(*row) for row in session.execute(query)]


def _counts(part: _Part) -> ColumnElement[bool]:
    is_of_attempt = Metric.attempt == part.attempt
    return is_of_attempt if part.last is None else and_(is_of_attempt, Metric.step <= part.last)


def _raw_point(step: int, value: float | None, kind: str | None, time: datetime) -> Point:
    return Point(step, join_number(value, kind), value, value, time)


def _read_rollup(session: Session, job_id: str, key_id: int, width: int, parts: Sequence[_Part]) -> list[Point]:
    """Return one point a bucket; the bucket in which an attempt was superseded is made from its raw rows."""
    lasts = {part.attempt: part.last for part in parts}
    query = select(MetricRollup).where(
        MetricRollup.job_id == job_id, MetricRollup.key_id == key_id, MetricRollup.width == width
    )
    found: list[tuple[int, Point]] = []
    for row in session.scalars(query.order_by(MetricRollup.bucket, MetricRollup.attempt)):
        last = lasts.get(row.attempt, -1)
        if last is None or row.last_step <= last:
            point = Point(row.last_step, join_number(row.last, None), row.min, row.max, row.time)
            found.append((row.bucket, point))
        elif row.bucket * width <= last:
            found += [(row.bucket, point) for point in _read_rest(session, row, last)]
    return [_merge(point for _, point in group) for _, group in groupby(found, lambda pair: pair[0])]


def _read_rest(session: Session, bucket: MetricRollup, last: int) -> list[Point]:
    """Return the values of a bucket up to the step `last`."""
    query = select(Metric.step, Metric.value, Metric.kind, Metric.time).where(
        Metric.job_id == bucket.job_id,
        Metric.key_id == bucket.key_id,
        Metric.attempt == bucket.attempt,
        Metric.step.between(bucket.bucket * bucket.width, last),
    )
    return [_raw_point(*row) for row in session.execute(query.order_by(Metric.step))]


def _thin(points: list[Point], max_points: int) -> list[Point]:
    """Merge neighbours until at most `max_points` are left."""
    if len(points) <= max_points:
        return points
    size = math.ceil(len(points) / max_points)
    return [_merge(points[start : start + size]) for start in range(0, len(points), size)]


def _merge(points: Iterable[Point]) -> Point:
    """Return one point for several, which are in the order of their steps or of their attempts."""
    several = list(points)
    newest = max(several, key=lambda point: point.step)
    return Point(
        step=newest.step,
        value=newest.value,
        min=min(_finite(point.min for point in several), default=None),
        max=max(_finite(point.max for point in several), default=None),
        time=newest.time,
    )


def _finite(values: Iterable[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)
