"""Pages of jobs: which ones, in which order, from where on. No page reads a spec, and none counts rows to skip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Select, exists, func, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session
from ulid import ULID

from server.jobs.states import State
from server.jobs.tables import Job, JobLabel, MetricKey, MetricLatest

PlainKey = Literal["created_at", "name"]
_CLOCKS_APART_S = 3600
"""Ids carry the clock of the server, `created_at` the database's; they are never this far apart."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows: all conditions hold at once, any of the states.

    Attributes:
        project: the room that they are in.
        states: states that they may be in; none for all.
        words: what their names hold.
        labels: labels that they have.
        components: what their specs use: `student`, `teachers`, `datasets` or `methods` -> its name.
        sweep_id: the sweep that they are trials of.
        created_after: they are younger.
        created_before: they are older.
    """

    project: str = "default"
    states: Sequence[State] = ()
    words: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    components: Mapping[str, str] = field(default_factory=dict)
    sweep_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list; jobs without the metric come last, whichever way it goes."""

    key: PlainKey | Literal["metric"] = "created_at"
    metric: str | None = None
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """The job that a page begins behind: its id, and the value that it was sorted by."""

    id: str
    value: str | float | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs of a page, and where the next one begins; None behind the last."""

    jobs: list[Job]
    next: Place | None


def list_jobs(session: Session, wanted: JobFilter, sort: Sort, after: Place | None, limit: int) -> JobPage:
    """Return a page of jobs."""
    if sort.key == "metric":
        return _list_by_metric(session, wanted, sort, after, limit)
    query = _matching(session, select(Job), wanted)
    if sort.key == "name":
        query = _seek(query, sort, (Job.name, Job.id), _behind(after, by_value=True))
    else:
        query = _seek(query, sort, (Job.id,), _behind(after, by_value=False))
    jobs = list(session.scalars(query.limit(limit + 1)))
    return _cut([(job, job.name if sort.key == "name" else None) for job in jobs], limit)


def read_last_values(
    session: Session, job_ids: Sequence[str], keys: Iterable[str]
) -> dict[str, dict[str, MetricLatest]]:
    """Return the summaries of some metrics of each of the jobs."""
    found: dict[str, dict[str, MetricLatest]] = {job_id: {} for job_id in job_ids}
    query = select(MetricKey.key, MetricLatest).join(MetricKey, MetricKey.id == MetricLatest.key_id)
    for key, latest in session.execute(query.where(MetricLatest.job_id.in_(job_ids), MetricKey.key.in_(list(keys)))):
        found[latest.job_id][key] = latest
    return found


def _list_by_metric(session: Session, wanted: JobFilter, sort: Sort, after: Place | None, limit: int) -> JobPage:
    """Return the measured jobs by their last value, then the others by id."""
    key_id = session.scalar(select(MetricKey.id).where(MetricKey.key == sort.metric))
    rows: list[tuple[Job, float | None]] = []
    if key_id is not None and (after is None or after.value is not None):
        measured: Select[*tuple[Any, ...]] = select(Job, MetricLatest.last).join(
            MetricLatest, MetricLatest.job_id == Job.id
        )
        measured = measured.where(MetricLatest.project == wanted.project, *_of_value(key_id))
        columns = (MetricLatest.last, MetricLatest.job_id)
        query = _seek(_matching(session, measured, wanted), sort, columns, _behind(after, by_value=True))
        rows = [(job, last) for job, last in session.execute(query.limit(limit + 1))]
        after = None
    if len(rows) <= limit:
        others = _matching(session, select(Job), wanted)
        if key_id is not None:
            others = others.where(~exists().where(MetricLatest.job_id == Job.id, *_of_value(key_id)))
        query = _seek(others, sort, (Job.id,), _behind(after, by_value=False))
        rows += [(job, None) for job in session.scalars(query.limit(limit + 1 - len(rows)))]
    return _cut(rows, limit)


def _of_value(key_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return what holds for the summary of a metric that has a number to sort by."""
    return (MetricLatest.key_id == key_id, MetricLatest.last.is_not(None))


def _behind(after: Place | None, *, by_value: bool) -> tuple[Any, ...] | None:
    """Return the values of the row that a page begins behind."""
    if after is None:
        return None
    return (after.value, after.id) if by_value else (after.id,)


def _seek(
    query: Select[*tuple[Any, ...]],
    sort: Sort,
    columns: Sequence[InstrumentedAttribute[Any]],
    after: tuple[Any, ...] | None,
) -> Select[*tuple[Any, ...]]:
    """Order by the columns and begin behind the values of the last row that was seen."""
    if after is not None:
        here, there = tuple_(*columns), tuple_(*after)
        query = query.where(here < there if sort.is_descending else here > there)
    return query.order_by(*(column.desc() if sort.is_descending else column.asc() for column in columns))


def _cut(rows: Sequence[tuple[Job, str | float | None]], limit: int) -> JobPage:
    """Return the first `limit` rows as a page."""
    page = rows[:limit]
    last = Place(page[-1][0].id, page[-1][1]) if len(rows) > limit else None
    return JobPage([job for job, _ in page], last)


def _matching(session: Session, query: Select[*tuple[Any, ...]], wanted: JobFilter) -> Select[*tuple[Any, ...]]:
    shown = (Job.deleted_at.is_(None), Job.export_of.is_(None))
    query = query.where(Job.project == wanted.project, *shown, *_in_time(wanted))
    if wanted.states:
        query = query.where(Job.state.in_(wanted.states))
    if wanted.sweep_id is not None:
        query = query.where(Job.sweep_id == wanted.sweep_id)
    if wanted.words:
        query = query.where(Job.name.icontains(wanted.words, autoescape=True))
    for key, value in wanted.labels.items():
        labelled = (JobLabel.project == wanted.project, JobLabel.key == key, JobLabel.value == value)
        query = query.where(Job.id.in_(select(JobLabel.job_id).where(*labelled)))
    return query.where(*(_uses(session, kind, name) for kind, name in wanted.components.items()))


def _in_time(wanted: JobFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on a job's age; its id holds the time roughly, and has an index."""
    if wanted.created_after is not None:
        yield Job.created_at > wanted.created_after
        yield Job.id > _id_at(wanted.created_after.timestamp() - _CLOCKS_APART_S)
    if wanted.created_before is not None:
        yield Job.created_at < wanted.created_before
        yield Job.id < _id_at(wanted.created_before.timestamp() + _CLOCKS_APART_S)


def _id_at(seconds: float) -> str:
    """Return what sorts before the id of every job made at that time or later, and behind all others."""
    return f"job_{ULID.from_timestamp(max(0.0, seconds))}"[:14]


def _uses(session: Session, kind: str, name: str) -> ColumnElement[bool]:
    """Return the condition that a job's spec uses a component; no index helps, but it stops at a page."""
    if kind == "student":
        return cast(ColumnElement[bool], Job.summary["student"].as_string() == name)
    if session.get_bind().dialect.name == "sqlite":
        table = func.json_each(Job.summary, f"$.{kind}").table_valued("value")
    else:
        table = func.jsonb_array_elements_text(Job.summary[kind]).table_valued("value")
    return exists(select(true()).select_from(table).where(table.c.value == name))
