"""What has happened to jobs, counted once for the whole service: in the database, whichever process is asked."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from server.jobs.census import read_happenings
from server.jobs.database import Database, lock
from server.jobs.tables import Fact
from server.jobs.webhooks import last_event

BOUNDS_S = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
SEPARATOR = "\n"
"""Between the labels of a count; no label holds one."""

_FACT = "tally"


class Spread(BaseModel):
    """How many durations lie in each bucket, the last one without bound, and what all come to."""

    counts: list[int] = Field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Yield the upper bound of each bucket and how many durations lie below it."""
        below = 0
        for bound, count in zip([*map(float, BOUNDS_S), None], self.counts, strict=True):
            below += count
            yield ("+Inf" if bound is None else str(bound), below)


class Tally(BaseModel):
    """Counts up to an event.

    Attributes:
        cursor: number of the last event that was counted; None before the first look.
        waits: pool -> seconds in the queue.
        durations: pool and state -> seconds from a job's first start to its end.
        losses: pool -> attempts that lost their worker.
    """

    cursor: int | None = None
    waits: dict[str, Spread] = Field(default_factory=dict)
    durations: dict[str, Spread] = Field(default_factory=dict)
    losses: dict[str, int] = Field(default_factory=dict)


def advance_tally(database: Database) -> Tally:
    """Count what has happened since somebody counted last, and return all; where nothing has, nothing is written."""
    with database.read() as session:
        tally = _read(session)
        if tally.cursor is not None and last_event(session) <= tally.cursor:
            return tally
    with database.write() as session:
        lock(session, _FACT)
        tally = _read(session)
        _advance(session, tally)
        session.merge(Fact(name=_FACT, value=tally.model_dump_json()))
    return tally


def _read(session: Session) -> Tally:
    fact = session.get(Fact, _FACT)
    return Tally() if fact is None else Tally.model_validate_json(fact.value)


def _advance(session: Session, tally: Tally) -> None:
    if tally.cursor is None:
        tally.cursor = last_event(session)
    found = read_happenings(session, tally.cursor)
    tally.cursor = found.cursor
    for pool, wait_s in found.waits:
        tally.waits.setdefault(pool, Spread()).add(wait_s)
    for pool, state, duration_s in found.durations:
        tally.durations.setdefault(f"{pool}{SEPARATOR}{state}", Spread()).add(duration_s)
    for pool in found.losses:
        tally.losses[pool] = tally.losses.get(pool, 0) + 1
