from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from server.jobs.lines import Garbage, MetricsLine
from worker.tail import EventsTail, LogTail, whole_characters


def _line(step: int) -> bytes:
    event = {"time": "2026-01-01T00:00:00Z", "type": "metrics", "step": step, "values": {"a": step}}
    return json.dumps(event).encode() + b"\n"


def test_only_whole_lines_are_read_and_the_offset_is_the_callers_to_move(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = EventsTail(path)
    assert tail.read() is None
    path.write_bytes(_line(1) + _line(2)[:10])
    batch = tail.read()
    assert batch is not None
    assert (len(batch.lines), batch.start, batch.end) == (1, 0, len(_line(1)))
    assert tail.read() == batch
    tail.offset = batch.end
    assert tail.read() is None
    with path.open("ab") as file:
        file.write(_line(2)[10:])
    batch = tail.read()
    assert batch is not None
    assert isinstance(batch.lines[0], MetricsLine)
    assert batch.lines[0].step == 2


def test_a_line_without_an_end_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * (3 << 20))
    batch = EventsTail(path).read()
    assert batch is not None
    assert isinstance(batch.lines[0], Garbage)
    assert batch.end == 1 << 20


def test_a_log_is_read_in_chunks_and_what_is_too_old_to_keep_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"a" * 100_000 + b"b" * 70_000)
    tail = LogTail(path, 80_000)
    first = tail.read()
    assert (tail.offset, len(first)) == (90_000, 65_536)
    tail.offset += len(first)
    assert tail.read() == b"b" * 14_464


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_a_chunk_never_ends_within_a_character(text: str, cut: int) -> None:
    raw = text.encode()[:cut]
    whole = whole_characters(raw)
    whole.decode()
    assert raw.startswith(whole)
    assert len(raw) - len(whole) < 4


@given(st.binary(max_size=40))
def test_bytes_that_are_no_text_pass_all_the_same(raw: bytes) -> None:
    assert len(raw) - len(whole_characters(raw)) < 4
