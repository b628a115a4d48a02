from __future__ import annotations

import json
from pathlib import Path

import pytest

from distill_core.cache import list_entries, remove
from distill_core.cache.usage import note_cost, note_reads, read_cost
from distill_core.cli import main
from tests.distill_core.cache.caches import complete, open_small


def test_what_readers_saved_is_what_the_rows_cost_their_builder(tmp_path: Path) -> None:
    note_cost(tmp_path, 10, 2.5)
    note_reads(tmp_path, 4, is_hit=True)
    note_reads(tmp_path, 8, is_hit=False)
    lines = [json.loads(line) for line in (tmp_path / "usage.jsonl").read_text().splitlines()]
    assert [(line["num_rows"], line["saved_s"], line["is_hit"]) for line in lines] == [(4, 1.0, True), (8, 2.0, False)]


@pytest.mark.parametrize("content", [None, "", "{}", '{"num_rows": 0, "seconds": 1}', "[]"])
def test_a_cost_that_nobody_measured_is_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "cost.json").write_text(content)
    assert read_cost(tmp_path) == 0.0


def test_an_entry_that_is_gone_takes_no_notes_and_stops_nobody(tmp_path: Path) -> None:
    note_reads(tmp_path / "gone", 4, is_hit=True)
    assert not (tmp_path / "gone").exists()


def test_entries_are_removed_by_name_unless_they_are_in_use(tmp_path: Path) -> None:
    free, kept = complete(tmp_path, view="free"), complete(tmp_path, view="kept")
    used = open_small(tmp_path, "reader", view="used")
    assert remove(tmp_path, [free, used.key, "0" * 64, "../lock"]) == [free]
    assert {entry.key for entry in list_entries(tmp_path)} == {kept, used.key}
    used.close()
    assert remove(tmp_path, [used.key]) == [used.key]


def test_the_command_line_lists_what_is_left_after_removing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    free, kept = complete(tmp_path, view="free"), complete(tmp_path, view="kept")
    assert main(["cache", str(tmp_path), "--remove", free]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["removed"] == [free]
    assert [entry["key"] for entry in said["entries"]] == [kept]
