"""Curves for people to look at: at most so many points, each with its last value and the band it moved in.

Where a job was resumed, attempt n counts only up to the step that attempt n+1 started from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby

from sqlalchemy import ColumnElement, and_, false, func, or_, select
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
class Window:
    """The part of a curve that is wanted, by steps or by time; both ends belong to it, None is open."""

    first: int | None = None
    last: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Return whether a value of that time may belong to it."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment <= self.until)


WHOLE = Window()


@dataclass(frozen=True, slots=True)
class _Part:
    """The steps that one attempt contributes: up to `last`, or all."""

    attempt: int
    last: int | None


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps from `first` to `last`, both included."""

    first: int
    last: int

    def cut(self, last: int | None) -> _Steps:
        """Return those up to `last`; None for all."""
        return self if last is None else _Steps(self.first, min(self.last, last))


_MANY_ROWS = 10_000
"""Rows that a curve is rather not made of: reading them takes a fifth of a second."""

_ALL_STEPS = _Steps(0, 2**63 - 1)


def read_series(
    session: Session, job_id: str, keys: Sequence[str], max_points: int, window: Window = WHOLE
) -> dict[str, list[Point]]:
    """Return each metric's curve in at most `max_points` points, in the order of the steps; none for unknown ones."""
    query = (
        select(MetricKey.key, MetricKey.id, MetricLatest.count, MetricLatest.last_step)
        .join(MetricLatest, and_(MetricLatest.key_id == MetricKey.id, MetricLatest.job_id == job_id))
        .where(MetricKey.key.in_(keys))
    )
    known = session.execute(query).all()
    steps = _find_steps(session, job_id, [row.id for row in known], window)
    names: dict[int | None, dict[int, str]] = {}
    for key, key_id, count, last_step in known:
        span = min(steps.last, last_step) - steps.first + 1
        names.setdefault(_choose_width(count, span, max_points), {})[key_id] = key
    parts = _read_parts(session, job_id) if known else []
    curves: dict[str, list[Point]] = {key: [] for key in keys}
    for width, group in names.items():
        read = _read_raw if width is None else partial(_read_rollup, width=width)
        for key_id, points in read(session, job_id, list(group), parts, steps).items():
            curves[group[key_id]] = _thin([point for point in points if window.holds(point.time)], max_points)
    return curves


def name_number(value: float | None) -> float | str | None:
    """Return what JSON says for a number: the name of one that is not finite."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def join_number(value: float | None, kind: str | None) -> float:
    """Return the number that a value's two columns mean; a rollup keeps no kind, so there null is NaN."""
    return float(kind or "NaN") if value is None else value


def _choose_width(count: int, span: int, max_points: int) -> int | None:
    """Return the rollup with the fewest rows that still gives half of `max_points`; None reads raw rows.

    Where that would take very many rows, a coarser one must do, as long as it gives an eighth.

    Args:
        count: values of the metric.
        span: steps that are looked at.
        max_points: points that are wanted at most.
    """
    if min(count, span) <= max_points:
        return None
    rows = {width: min(count, span // width + 1) for width in WIDTHS}
    width = max((each for each in WIDTHS if rows[each] * 2 >= max_points), default=None)
    if (rows[width] if width else min(count, span)) > _MANY_ROWS:
        width = max((each for each in WIDTHS if rows[each] * 8 >= max_points), default=width)
    return width


def _find_steps(session: Session, job_id: str, key_ids: Sequence[int], window: Window) -> _Steps:
    """Return the steps of a window; the finest rollup finds those of a time without reading every value."""
    first, last = window.first or 0, _ALL_STEPS.last if window.last is None else window.last
    finest = min(WIDTHS)
    buckets = select(func.min(MetricRollup.bucket)).where(
        MetricRollup.job_id == job_id, MetricRollup.key_id.in_(key_ids), MetricRollup.width == finest
    )
    of_job = (Metric.job_id == job_id, Metric.key_id.in_(key_ids))
    if window.since is not None:
        bucket = session.scalar(buckets.where(MetricRollup.time >= window.since))
        within = _bucket_condition(bucket, finest)
        found = session.scalar(select(func.min(Metric.step)).where(*of_job, within, Metric.time >= window.since))
        first = _ALL_STEPS.last if found is None else found
    if window.until is not None:
        bucket = session.scalar(buckets.where(MetricRollup.time > window.until))
        if bucket is not None:
            within = _bucket_condition(bucket, finest)
            found = session.scalar(select(func.max(Metric.step)).where(*of_job, within, Metric.time <= window.until))
            last = bucket * finest - 1 if found is None else found
    return _Steps(first, last)


def _bucket_condition(bucket: int | None, width: int) -> ColumnElement[bool]:
    """Return the condition that a value lies in a bucket; no value lies in none."""
    return false() if bucket is None else Metric.step.between(bucket * width, (bucket + 1) * width - 1)


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


def _read_raw(
    session: Session, job_id: str, key_ids: Sequence[int], parts: Sequence[_Part], steps: _Steps
) -> dict[int, list[Point]]:
    """Return every value that counts."""
    counting = or_(false(), *(_counts(part, steps) for part in parts))
    query = select(Metric.key_id, Metric.step, Metric.value, Metric.kind, Metric.time)
    query = query.where(Metric.job_id == job_id, Metric.key_id.in_(key_ids), counting)
    curves: dict[int, list[Point]] = {key_id: [] for key_id in key_ids}
    for row in session.execute(query.order_by(Metric.key_id, Metric.step)):
        curves[row.key_id].append(_raw_point(row.step, row.value, row.kind, row.time))
    return curves


def _counts(part: _Part, steps: _Steps) -> ColumnElement[bool]:
    some = steps.cut(part.last)
    return and_(Metric.attempt == part.attempt, Metric.step.between(some.first, some.last))


def _raw_point(step: int, value: float | None, kind: str | None, time: datetime) -> Point:
    return Point(step, join_number(value, kind), value, value, time)


def _read_rollup(
    session: Session, job_id: str, key_ids: Sequence[int], parts: Sequence[_Part], steps: _Steps, width: int
) -> dict[int, list[Point]]:
    """Return one point a bucket; one that does not count as a whole is made from its raw rows."""
    some = {part.attempt: steps.cut(part.last) for part in parts}
    query = select(MetricRollup).where(
        MetricRollup.job_id == job_id,
        MetricRollup.key_id.in_(key_ids),
        MetricRollup.width == width,
        MetricRollup.bucket.between(steps.first // width, steps.last // width),
        MetricRollup.attempt.in_(some),
    )
    curves: dict[int, list[Point]] = {key_id: [] for key_id in key_ids}
    rows = session.scalars(query.order_by(MetricRollup.key_id, MetricRollup.bucket, MetricRollup.attempt)).all()
    for (key_id, _), group in groupby(rows, lambda row: (row.key_id, row.bucket)):
        points = [point for row in group for point in _read_bucket(session, row, some[row.attempt])]
        if points:
            curves[key_id].append(_merge(points))
    return curves


def _read_bucket(session: Session, row: MetricRollup, steps: _Steps) -> list[Point]:
    """Return what a bucket holds of some steps: itself, its values one by one, or nothing."""
    start = row.bucket * row.width
    if steps.first <= start and row.last_step <= steps.last:
        return [Point(row.last_step, join_number(row.last, None), row.min, row.max, row.time)]
    if start > steps.last or row.last_step < steps.first:
        return []
    query = select(Metric.step, Metric.value, Metric.kind, Metric.time).where(
        Metric.job_id == row.job_id,
        Metric.key_id == row.key_id,
        Metric.attempt == row.attempt,
        Metric.step.between(max(start, steps.first), min(row.last_step, steps.last)),
    )
    return [_raw_point(*values) for values in session.execute(query.order_by(Metric.step))]


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
