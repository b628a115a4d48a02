"""Frames of server-sent events, read from bytes."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stillhouse.client.sse import Frame, read_frames

STREAM = b': ping\n\nevent: log\nid: 1:20\ndata: {"text": "a\xe2\x80\xa8b"}\n\ndata: x\r\ndata: y\r\n\r\nevent: end\n\n'
FRAMES = [Frame("log", "1:20", '{"text": "a\u2028b"}'), Frame("message", None, "x\ny")]


def test_comments_are_skipped_and_lines_of_data_joined() -> None:
    assert list(read_frames([STREAM])) == FRAMES


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_it_does_not_matter_where_the_network_cuts_the_bytes(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:stop] for start, stop in pairwise(places)]
    assert list(read_frames(chunks)) == FRAMES


def test_a_frame_that_was_cut_off_is_dropped() -> None:
    assert list(read_frames([b"data: 1\n\nid: 2\ndata: 2\n"])) == [Frame("message", None, "1")]


def test_a_frame_without_data_still_ends_a_stream() -> None:
    assert [frame.event for frame in read_frames([b"event: end\ndata: {}\n\n"])] == ["end"]


@given(st.text())
def test_any_text_survives_as_json(text: str) -> None:
    data = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    frames = list(read_frames([b"data: " + data + b"\n\n"]))
    assert frames[0].document() == {"text": text}
