"""An attempt's log: rows of at most 64 KiB while it runs, one compressed artifact afterwards.

Offsets are bytes of the engine's log file. A log that grows beyond the limit loses its oldest rows, never its tail;
a notice stands where they were. The text of the artifact ends at the attempt's `log_bytes`, so offsets stay true.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, insert_into
from server.jobs.lease import Claim, write_attempt, write_guarded
from server.jobs.tables import Attempt, LogChunk

CHUNK_BYTES = 64 * 1024
LOG_NAME = "log.txt.gz"


@dataclass(frozen=True, slots=True)
class LogArchive:
    """A finished attempt's log in the store: gzip, and the size of the whole log that it is the end of."""

    sha256: str
    size: int
    log_bytes: int


def truncation_notice(dropped: int) -> bytes:
    """Return the line that stands where the oldest `dropped` bytes of a log were."""
    return f"[stillhouse: the first {dropped} bytes of this log were dropped; STILLHOUSE_MAX_LOG_BYTES]\n".encode()


def append_log(session: Session, claim: Claim, offset: int, data: bytes, *, max_bytes: int) -> int:
    """Add a chunk of the log of node 0 that starts at `offset`.

    Returns:
        The offset that the log is stored up to; a chunk that was stored before changes nothing.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    end = offset + len(data)
    write_guarded(session, claim, log_bytes=end)
    place = (Attempt.id == claim.attempt_id, Attempt.log_bytes <= offset)
    if not change_rows(session, update(Attempt).where(*place).values(log_bytes=end)):
        stored = session.scalars(select(Attempt.log_bytes).where(Attempt.id == claim.attempt_id)).one()
        write_guarded(session, claim, log_bytes=stored)
        return stored
    session.add(LogChunk(attempt_id=claim.attempt_id, rank=0, offset=offset, data=data))
    session.flush()
    _trim(session, claim.attempt_id, 0, end, max_bytes)
    return end


def append_node_log(session: Session, claim: Claim, offset: int, data: bytes, *, max_bytes: int) -> int:
    """Add a chunk of the log of a further node, which is kept under the number of its first rank.

    Returns:
        The offset that the log is stored up to.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    write_guarded(session, claim)
    row = {"attempt_id": claim.attempt_id, "rank": claim.first_rank, "offset": offset, "data": data}
    session.execute(insert_into(session, LogChunk).values(row).on_conflict_do_nothing())
    end = offset + len(data)
    _trim(session, claim.attempt_id, claim.first_rank, end, max_bytes)
    return end


def drop_chunks(session: Session, claim: Claim, log_bytes: int) -> None:
    """Forget the rows of a log that is an artifact now."""
    change_rows(session, delete(LogChunk).where(LogChunk.attempt_id == claim.attempt_id, LogChunk.rank == 0))
    write_attempt(session, claim, log_bytes=log_bytes)
    write_guarded(session, claim, log_bytes=log_bytes)


def _trim(session: Session, attempt_id: str, rank: int, end: int, max_bytes: int) -> None:
    """Drop the oldest rows of a log that is an eighth above its limit."""
    rows = (LogChunk.attempt_id == attempt_id, LogChunk.rank == rank)
    first = session.scalar(select(func.min(LogChunk.offset)).where(*rows)) or 0
    if end - first <= max_bytes + max_bytes // 8:
        return
    change_rows(session, delete(LogChunk).where(*rows, LogChunk.offset < end - max_bytes))
    kept = session.scalar(select(func.min(LogChunk.offset)).where(*rows))
    dropped = end if kept is None else kept
    notice = truncation_notice(dropped)
    insert = insert_into(session, LogChunk)
    row = {"attempt_id": attempt_id, "rank": rank, "offset": dropped - len(notice), "data": notice}
    session.execute(insert.values(row).on_conflict_do_nothing())
