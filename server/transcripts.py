"""The log of an attempt by byte offsets: from its chunks while it is written, from one compressed artifact later."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.artifacts import ArtifactStore
from server.jobs.logs import CHUNK_BYTES
from server.jobs.queries import find_log_artifact
from server.jobs.tables import Attempt, LogChunk


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Consecutive bytes of a log.

    Attributes:
        offset: of the first byte; behind the one that was asked for where the quota has cut the log.
        data: the bytes.
        size: bytes of the whole log so far.
    """

    offset: int
    data: bytes
    size: int

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + len(self.data)


def read_excerpt(session: Session, store: ArtifactStore, attempt: Attempt, offset: int, limit: int) -> Excerpt:
    """Return at most `limit` bytes of an attempt's log from `offset` on.

    Raises:
        ArtifactMissingError: the compressed log is gone from the store.
    """
    offset = min(offset, attempt.log_bytes)
    kept = find_log_artifact(session, attempt.job_id, attempt.number)
    if kept is None:
        return _read_chunks(session, attempt, 0, offset, limit)
    text = gzip.decompress(store.read(kept.sha256))
    first = attempt.log_bytes - len(text)  # the quota cuts the beginning; the end is where it was
    start = max(offset, first)
    return Excerpt(start, text[start - first : start - first + limit], attempt.log_bytes)


def read_node_excerpt(session: Session, attempt: Attempt, rank: int, offset: int, limit: int) -> Excerpt:
    """Return at most `limit` bytes of the log of a further node, which stays in pieces; `rank` is its first one."""
    excerpt = _read_chunks(session, attempt, rank, offset, limit)
    return replace(excerpt, size=max(excerpt.end if excerpt.data else 0, find_node_size(session, attempt, rank)))


def find_node_size(session: Session, attempt: Attempt, rank: int) -> int:
    """Return the size of the log of a further node."""
    mine = (LogChunk.attempt_id == attempt.id, LogChunk.rank == rank)
    end = LogChunk.offset + func.length(LogChunk.data)
    return session.scalar(select(end).where(*mine).order_by(LogChunk.offset.desc()).limit(1)) or 0


def cut_character(data: bytes) -> bytes:
    """Return the bytes without the beginning of a UTF-8 character whose rest is still to come."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if length > back else data
    return data


def _read_chunks(session: Session, attempt: Attempt, rank: int, offset: int, limit: int) -> Excerpt:
    mine = (LogChunk.attempt_id == attempt.id, LogChunk.rank == rank)
    near = (LogChunk.offset > offset - CHUNK_BYTES, LogChunk.offset < offset + limit)
    data, start = b"", offset
    for chunk in session.scalars(select(LogChunk).where(*mine, *near).order_by(LogChunk.offset)):
        end = start + len(data)
        if chunk.offset > end and data:
            break  # the quota has cut here; who asks for the next byte gets the other side
        if chunk.offset > end:
            start = end = chunk.offset
        data += chunk.data[end - chunk.offset :]
    if not data and (later := _find_later(session, attempt, rank, offset)) is not None:
        return _read_chunks(session, attempt, rank, later, limit)
    return Excerpt(start, data[:limit], max(attempt.log_bytes, start + len(data)))


def _find_later(session: Session, attempt: Attempt, rank: int, offset: int) -> int | None:
    """Return where the log goes on behind bytes that the quota has cut."""
    rows = (LogChunk.attempt_id == attempt.id, LogChunk.rank == rank, LogChunk.offset > offset)
    return session.scalar(select(func.min(LogChunk.offset)).where(*rows))
