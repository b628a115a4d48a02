from __future__ import annotations

import pytest
from sqlalchemy import select

from server.jobs.errors import LeaseLostError
from server.jobs.lease import Claim
from server.jobs.logs import append_log
from server.jobs.loss import lose_attempt
from server.jobs.states import Reason
from server.jobs.tables import LogChunk
from tests.server.jobs.ground import Ground


def _append(ground: Ground, claim: Claim, offset: int, data: bytes, max_bytes: int = 10**6) -> int:
    with ground.database.write() as session:
        return append_log(session, claim, offset, data, max_bytes=max_bytes)


def _chunks(ground: Ground) -> list[tuple[int, bytes]]:
    with ground.database.read() as session:
        return [(row.offset, row.data) for row in session.scalars(select(LogChunk).order_by(LogChunk.offset))]


def test_chunks_lie_at_their_offsets_and_a_repeated_one_changes_nothing(ground: Ground) -> None:
    claim = ground.start_job()
    assert _append(ground, claim, 0, b"hello\n") == 6
    assert _append(ground, claim, 6, b"\xf0\x00") == 8
    assert _append(ground, claim, 0, b"hello\n") == 8
    assert _chunks(ground) == [(0, b"hello\n"), (6, b"\xf0\x00")]
    assert (ground.job(claim.job_id).log_bytes, ground.attempts(claim.job_id)[0].log_bytes) == (8, 8)


def test_a_log_beyond_its_limit_keeps_its_tail_and_says_what_is_missing(ground: Ground) -> None:
    claim = ground.start_job()
    offset = 0
    for number in range(40):
        offset = _append(ground, claim, offset, f"{number:02d}".encode() * 500, max_bytes=10_000)
    chunks = _chunks(ground)
    (first, notice), rest = chunks[0], chunks[1:]
    assert f"the first {rest[0][0]} bytes of this log were dropped".encode() in notice
    assert first + len(notice) == rest[0][0]
    assert sum(len(data) for _, data in rest) in range(9_000, 11_251)
    assert rest[-1] == (39_000, b"39" * 500)


def test_a_lost_attempt_adds_nothing_to_the_log(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        lose_attempt(session, claim.job_id, reason=Reason.WORKER_LOST, message="gone", actor="reconciler")
    with pytest.raises(LeaseLostError):
        _append(ground, claim, 0, b"late")
    assert _chunks(ground) == []
