"""Metric values into their three tables: raw rows, rollups of 32, 1,024 and 32,768 steps, and a summary.

The rollups are kept up with the raw rows, so that a curve of a million points is read as two thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.jobs.database import change_rows, insert_into
from server.jobs.lease import Claim
from server.jobs.lines import MetricsLine
from server.jobs.tables import Attempt, Metric, MetricKey, MetricLatest, MetricRollup

WIDTHS = (32, 1024, 32_768)
"""Steps in a bucket of each rollup."""


@dataclass(slots=True)
class _Summary:
    """Count, extremes and last value of some points of one metric."""

    count: int = 0
    min: float | None = None
    max: float | None = None
    last: float | None = None
    last_kind: str | None = None
    last_step: int = 0
    time: datetime | None = None

    def add(self, point: Mapping[str, Any]) -> None:
        value = point["value"]
        self.count += 1
        if value is not None:
            self.min = value if self.min is None else min(self.min, value)
            self.max = value if self.max is None else max(self.max, value)
        self.last, self.last_kind = value, point["kind"]
        self.last_step, self.time = point["step"], point["time"]


def store_metrics(session: Session, claim: Claim, lines: Iterable[MetricsLine], cursor: int) -> None:
    """Add the values of `lines`; the first line gets the number `cursor` + 1.

    The caller has checked the lease in this transaction. Values that are not finite are stored as null with their
    kind beside them.
    """
    numbered = list(enumerate(lines, cursor + 1))
    key_ids = _key_ids(session, {key for _, line in numbered for key in line.values})
    points = {
        (key, line.step): _point(claim, key_ids[key], number, line, value)
        for number, line in numbered
        for key, value in line.values.items()
    }
    if not points:
        return
    insert = insert_into(session, Metric)
    repeated = {name: insert.excluded[name] for name in ("cursor", "epoch", "time", "value", "kind")}
    session.execute(insert.on_conflict_do_update(index_elements=_keys(Metric), set_=repeated), list(points.values()))
    _store_rollups(session, points.values())
    _store_latest(session, claim, points.values())


def forget_superseded(session: Session, claim: Claim, start_step: int) -> None:
    """Make the summaries anew from what counts when an attempt goes on from `start_step`.

    The raw rows of earlier attempts behind that step stay, but an attempt contributes only the steps up to where the
    next one started.
    """
    change_rows(session, delete(MetricLatest).where(MetricLatest.job_id == claim.job_id))
    if start_step == 0:
        return
    later = select(Attempt.id).where(
        Attempt.job_id == Metric.job_id,
        Attempt.number > Metric.attempt,
        Attempt.started_at.is_not(None),  # one that never started supersedes nothing
        Attempt.start_step < Metric.step,
    )
    counting = and_(Metric.job_id == claim.job_id, ~later.exists())
    newest = (
        select(Metric.key_id, Metric.value, Metric.kind, Metric.step)
        .add_columns(
            func.row_number().over(partition_by=Metric.key_id, order_by=Metric.step.desc()).label("place"),
            func.count().over(partition_by=Metric.key_id).label("count"),
            func.min(Metric.value).over(partition_by=Metric.key_id).label("min"),
            func.max(Metric.value).over(partition_by=Metric.key_id).label("max"),
        )
        .where(counting)
        .subquery()
    )
    rows = session.execute(select(newest).where(newest.c.place == 1)).mappings()
    session.add_all(
        MetricLatest(
            job_id=claim.job_id,
            project=claim.project,
            key_id=row["key_id"],
            last=row["value"],
            last_kind=row["kind"],
            last_step=row["step"],
            count=row["count"],
            min=row["min"],
            max=row["max"],
        )
        for row in rows
    )
    session.flush()


def _key_ids(session: Session, keys: set[str]) -> dict[str, int]:
    """Return the number of each key, giving new ones to new keys (in one order, so that two writers never cross)."""
    known = _known_ids(session, keys)
    new = sorted(keys - known.keys())
    if new:
        insert = insert_into(session, MetricKey).on_conflict_do_nothing(index_elements=[MetricKey.key])
        session.execute(insert, [{"key": key} for key in new])
        known |= _known_ids(session, set(new))
    return known


def _known_ids(session: Session, keys: set[str]) -> dict[str, int]:
    rows = session.execute(select(MetricKey.key, MetricKey.id).where(MetricKey.key.in_(keys)))
    return dict(rows.all())


def _point(claim: Claim, key_id: int, cursor: int, line: MetricsLine, value: float | str) -> dict[str, Any]:
    number = float(value)
    is_finite = math.isfinite(number)
    return {
        "job_id": claim.job_id,
        "key_id": key_id,
        "step": line.step,
        "attempt": claim.attempt,
        "cursor": cursor,
        "epoch": line.epoch,
        "time": line.time,
        "value": number if is_finite else None,
        "kind": None if is_finite else _kind(number),
    }


def _kind(number: float) -> str:
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _store_rollups(session: Session, points: Iterable[Mapping[str, Any]]) -> None:
    buckets: dict[tuple[str, int, int, int, int], _Summary] = {}
    for point in points:
        for width in WIDTHS:
            place = (point["job_id"], point["key_id"], width, point["step"] // width, point["attempt"])
            buckets.setdefault(place, _Summary()).add(point)
    rows = [
        {
            **dict(zip(("job_id", "key_id", "width", "bucket", "attempt"), place, strict=True)),
            **{name: getattr(summary, name) for name in ("count", "min", "max", "last", "last_step", "time")},
        }
        for place, summary in sorted(buckets.items())
    ]
    insert = insert_into(session, MetricRollup)
    merged = _merge_extremes(MetricRollup.count, MetricRollup.min, MetricRollup.max, insert)
    merged |= {name: insert.excluded[name] for name in ("last", "last_step", "time")}
    session.execute(insert.on_conflict_do_update(index_elements=_keys(MetricRollup), set_=merged), rows)


def _store_latest(session: Session, claim: Claim, points: Iterable[Mapping[str, Any]]) -> None:
    summaries: dict[int, _Summary] = {}
    for point in points:
        summaries.setdefault(point["key_id"], _Summary()).add(point)
    names = ("count", "min", "max", "last", "last_kind", "last_step")
    rows = [
        {"job_id": claim.job_id, "project": claim.project, "key_id": key_id}
        | {name: getattr(summary, name) for name in names}
        for key_id, summary in sorted(summaries.items())
    ]
    insert = insert_into(session, MetricLatest)
    merged = _merge_extremes(MetricLatest.count, MetricLatest.min, MetricLatest.max, insert)
    merged |= {name: insert.excluded[name] for name in ("last", "last_kind", "last_step")}
    session.execute(insert.on_conflict_do_update(index_elements=_keys(MetricLatest), set_=merged), rows)


def _merge_extremes(
    count: InstrumentedAttribute[int],
    smallest: InstrumentedAttribute[float | None],
    largest: InstrumentedAttribute[float | None],
    insert: postgresql.Insert | sqlite.Insert,
) -> dict[str, ColumnElement[Any]]:
    """Return what becomes of count, min and max when a row meets the one that is there."""
    lower, higher = insert.excluded["min"], insert.excluded["max"]
    return {
        "count": count + insert.excluded["count"],
        "min": case((or_(smallest.is_(None), lower < smallest), lower), else_=smallest),
        "max": case((or_(largest.is_(None), higher > largest), higher), else_=largest),
    }


def _keys(table: type[Metric | MetricRollup | MetricLatest]) -> list[str]:
    return [column.name for column in table.__table__.primary_key]
