"""What streams tell: for each kind, the messages behind a position, read from the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, ClassVar, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.artifacts import ArtifactStore
from server.jobs.queries import find_attempt, find_job, list_events
from server.jobs.series import join_number, name_number
from server.jobs.states import TERMINAL, State
from server.jobs.tables import Attempt, Event, Job, Metric, MetricKey
from server.transcripts import Excerpt, cut_character, find_node_size, read_excerpt, read_node_excerpt
from server.views import show_time, view_event

Position = tuple[int, int]
"""How far a reader has come; later positions compare greater."""

_EVENTS = 200
_LINES = 200
_LOG_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delta:
    """What lies behind a position.

    Attributes:
        messages: in order.
        position: where the reader is after them.
        is_complete: whether this is all there is now.
        state: of the job when it was read.
    """

    messages: tuple[Message, ...]
    position: Position
    is_complete: bool
    state: State

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.is_complete and self.state in TERMINAL


class Feed(Protocol):
    """A stream's source; equal feeds share what they read."""

    @property
    def job_id(self) -> str:
        """The job that it tells of."""

    @property
    def is_restless(self) -> bool:
        """Whether it may have something new though the job's mark has not changed."""

    def read(self, session: Session, after: Position) -> Delta:
        """Return what lies behind a position; one beyond the end counts as the end."""


@dataclass(frozen=True, slots=True)
class EventFeed:
    """What happened to a job, by the numbers of the events."""

    job_id: str
    is_restless: ClassVar[bool] = False

    def read(self, session: Session, after: Position) -> Delta:
        """Return the events behind a position."""
        state = State(find_job(session, self.job_id).state)
        page = list_events(session, self.job_id, after=after[1], limit=_EVENTS)
        messages = tuple(Message(row.type, str(row.seq), view_event(row).model_dump(mode="json")) for row in page.rows)
        last = page.rows[-1].seq if page.rows else min(after[1], self._newest(session))
        return Delta(messages, (0, last), not page.has_more, state)

    def _newest(self, session: Session) -> int:
        return session.scalar(select(func.max(Event.seq)).where(Event.job_id == self.job_id)) or 0


@dataclass(frozen=True, slots=True)
class MetricFeed:
    """What a job measures, by the numbers of the engine's lines."""

    job_id: str
    is_restless: ClassVar[bool] = False

    def read(self, session: Session, after: Position) -> Delta:
        """Return the lines behind a position."""
        job = find_job(session, self.job_id)
        start = min(after[1], job.metric_cursor)
        end = min(start + _LINES, job.metric_cursor)
        query = (
            select(Metric.cursor, Metric.step, Metric.epoch, Metric.time, Metric.value, Metric.kind, MetricKey.key)
            .join(MetricKey, MetricKey.id == Metric.key_id)
            .where(Metric.job_id == self.job_id, Metric.cursor > start, Metric.cursor <= end)
            .order_by(Metric.cursor, MetricKey.key)
        )
        lines = groupby(session.execute(query), attrgetter("cursor"))
        messages = tuple(_metrics_message(cursor, list(rows)) for cursor, rows in lines)
        return Delta(messages, (0, end), end == job.metric_cursor, State(job.state))


@dataclass(frozen=True, slots=True)
class LogFeed:
    """The log of a job, attempt after attempt; position (0, 0) is the beginning of the newest one."""

    job_id: str
    store: ArtifactStore = field(compare=False)
    is_restless: ClassVar[bool] = False

    def read(self, session: Session, after: Position) -> Delta:
        """Return the text behind a position: whole characters, at most 64 KiB."""
        job, number, attempt = _find_log(session, self.job_id, after)
        if attempt is None:
            return Delta((), (number, 0), True, State(job.state))
        offset = after[1] if after[0] <= job.attempt else attempt.log_bytes
        return _tell_log(job, number, read_excerpt(session, self.store, attempt, offset, _LOG_BYTES))


@dataclass(frozen=True, slots=True)
class NodeLogFeed:
    """The log of a further host of a job, attempt after attempt; the job's mark does not tell of it."""

    job_id: str
    node: int
    is_restless: ClassVar[bool] = True

    def read(self, session: Session, after: Position) -> Delta:
        """Return the text behind a position: whole characters, at most 64 KiB."""
        job, number, attempt = _find_log(session, self.job_id, after)
        if attempt is None:
            return Delta((), (number, 0), True, State(job.state))
        rank = self.node * job.num_devices
        offset = after[1] if after[0] <= job.attempt else find_node_size(session, attempt, rank)
        return _tell_log(job, number, read_node_excerpt(session, attempt, rank, offset, _LOG_BYTES))


def _find_log(session: Session, job_id: str, after: Position) -> tuple[Job, int, Attempt | None]:
    """Return a job, and the attempt whose log a position lies in, by its number; None before the first."""
    job = find_job(session, job_id)
    number = min(after[0] or job.attempt, job.attempt)
    return job, number, find_attempt(session, job_id, number)


def _tell_log(job: Job, number: int, excerpt: Excerpt) -> Delta:
    """Return what a piece of the log of attempt `number` tells; behind the last of an old one comes the next."""
    state, is_newest = State(job.state), number == job.attempt
    is_at_end = excerpt.end >= excerpt.size
    may_grow = is_newest and state not in TERMINAL
    data = excerpt.data if is_at_end and not may_grow else cut_character(excerpt.data)
    if not data:
        is_done = is_newest and (is_at_end or not excerpt.data)
        return Delta((), (number, excerpt.offset) if is_newest else (number + 1, 0), is_done, state)
    end = excerpt.offset + len(data)
    message = _log_message(number, excerpt.offset, end, data)
    return Delta((message,), (number, end), is_newest and end >= excerpt.size, state)


def _metrics_message(cursor: int, rows: list[Any]) -> Message:
    first = rows[0]
    values = {row.key: name_number(join_number(row.value, row.kind)) for row in rows}
    line = {
        "cursor": cursor,
        "step": first.step,
        "epoch": name_number(first.epoch),
        "time": show_time(first.time),
        "values": values,
    }
    return Message("metrics", str(cursor), line)


def _log_message(attempt: int, offset: int, end: int, data: bytes) -> Message:
    text = data.decode("utf-8", "replace")
    return Message("log", f"{attempt}:{end}", {"attempt": attempt, "offset": offset, "text": text})


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a job has come, as lists see it; when it changes, its feeds may have something new."""

    state: str
    attempt: int
    metric_cursor: int
    log_bytes: int


def read_newest_event(session: Session) -> int:
    """Return the number of the newest event of all."""
    return session.scalar(select(func.max(Event.seq))) or 0


def read_marks(session: Session, watched: set[str], states: frozenset[State]) -> dict[str, Mark]:
    """Return the marks of the watched jobs and of all in one of the states."""
    columns = select(Job.id, Job.state, Job.attempt, Job.metric_cursor, Job.log_bytes)
    marks = {row[0]: Mark(*row[1:]) for row in session.execute(columns.where(Job.state.in_(states)))}
    rest = sorted(watched - marks.keys())
    if rest:
        marks |= {row[0]: Mark(*row[1:]) for row in session.execute(columns.where(Job.id.in_(rest)))}
    return marks


def read_moves(session: Session, after: int) -> dict[str, int]:
    """Return the jobs that something happened to behind event `after`, each with its newest event."""
    query = select(Event.job_id, func.max(Event.seq)).where(Event.seq > after).group_by(Event.job_id)
    return dict(session.execute(query).all())


def read_projects(session: Session, job_ids: Collection[str]) -> dict[str, str]:
    """Return the project of each of the jobs."""
    return dict(session.execute(select(Job.id, Job.project).where(Job.id.in_(job_ids))).all())
