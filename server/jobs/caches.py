"""Stored teacher outputs as the service knows them: entries of the folders that workers see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, type_coerce, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, insert_into, now
from server.jobs.queries import Slice, cut
from server.jobs.storable import storable
from server.jobs.tables import CacheEntry, UTCDateTime


@dataclass(frozen=True, slots=True)
class StoredOutputs:
    """An entry, as a worker finds it in its folder.

    Attributes:
        key: the entry's name.
        facts: what it holds, for people.
        is_ready: whether it is complete.
        size: bytes on disk.
        num_hits: runs that read what another one has stored.
        saved_s: device time that its readers did not spend.
        created_at: when it was begun.
        used_at: when it was last opened.
    """

    key: str
    facts: dict[str, Any]
    is_ready: bool
    size: int
    num_hits: int
    saved_s: float
    created_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """All entries together."""

    num_entries: int
    size: int
    num_hits: int
    saved_s: float


def report_entries(session: Session, root: str, entries: Sequence[StoredOutputs]) -> None:
    """Take over what a worker finds in a folder; entries that are gone are forgotten."""
    found = [entry.key for entry in entries]
    change_rows(session, delete(CacheEntry).where(CacheEntry.root == root, CacheEntry.key.not_in(found)))
    for entry in entries:
        values = {
            "facts": storable(entry.facts),
            "is_ready": entry.is_ready,
            "size": entry.size,
            "num_hits": entry.num_hits,
            "saved_s": entry.saved_s,
            "created_at": entry.created_at,
            "used_at": entry.used_at,
        }
        insert = insert_into(session, CacheEntry).values(root=root, key=entry.key, **values)
        session.execute(insert.on_conflict_do_update(index_elements=[CacheEntry.root, CacheEntry.key], set_=values))


def list_doomed(session: Session, root: str) -> list[str]:
    """Return the keys of a folder that somebody wants removed."""
    doomed = (CacheEntry.root == root, CacheEntry.delete_requested_at.is_not(None))
    return list(session.scalars(select(CacheEntry.key).where(*doomed).order_by(CacheEntry.key)))


def request_removal(session: Session, key: str) -> list[CacheEntry]:
    """Ask for an entry to be removed, in every folder that holds it; asking again changes nothing.

    Returns:
        The entries; none where there is no such key.
    """
    wish = func.coalesce(CacheEntry.delete_requested_at, type_coerce(now(session), UTCDateTime()))
    change_rows(session, update(CacheEntry).where(CacheEntry.key == key).values(delete_requested_at=wish))
    query = select(CacheEntry).where(CacheEntry.key == key).order_by(CacheEntry.root)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def list_entries(session: Session, *, after: tuple[str, str] | None, limit: int) -> Slice[CacheEntry]:
    """Return a page of entries by key and folder; `after` is the last of the page before."""
    query = select(CacheEntry).order_by(CacheEntry.key, CacheEntry.root).limit(limit + 1)
    if after is not None:
        key, root = after
        behind = (CacheEntry.key > key) | ((CacheEntry.key == key) & (CacheEntry.root > root))
        query = query.where(behind)
    return cut(session.scalars(query), limit)


def count_entries(session: Session) -> Totals:
    """Return what all entries come to."""
    columns = (func.sum(CacheEntry.size), func.sum(CacheEntry.num_hits), func.sum(CacheEntry.saved_s))
    count, size, hits, saved_s = session.execute(select(func.count(), *columns).select_from(CacheEntry)).one()
    return Totals(count, int(size or 0), int(hits or 0), float(saved_s or 0.0))
