from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from distill_core.engine.events import EventLog, as_json


def test_each_event_is_a_line_that_can_be_read_at_once(tmp_path: Path) -> None:
    with EventLog(tmp_path / "new/events.jsonl") as events:
        events.emit("warning", code="x", message="a line\nof Grüße")
        events.emit("progress", step=1)
        lines = (tmp_path / "new/events.jsonl").read_text("utf-8").splitlines()
    first, second = map(json.loads, lines)
    assert first["message"] == "a line\nof Grüße"
    assert second["type"] == "progress"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])


def test_a_line_that_a_killed_process_left_unfinished_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as events:
        events.emit("progress", step=1)
    with path.open("a") as file:
        file.write('{"time": "2026-01-01T00:00:')
    with EventLog(path) as events:
        events.emit("progress", step=2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize(
    ("value", "shown"), [(1.5, 1.5), (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_numbers_that_json_cannot_say_become_words(value: float, shown: float | str) -> None:
    assert as_json({"values": [value, (value,)]}) == {"values": [shown, [shown]]}
