from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from distill_core.cache import Column, collect, list_entries, open_cache
from distill_core.errors import CacheError
from tests.distill_core.cache.caches import COLUMNS, ROWS, VARIANTS, complete, open_small

NEEDED = ROWS * VARIANTS * (5 * 4 + 12 * 2 + 2)
"""Columns, filled map and its copy."""


def use_at(root: Path, key: str, second: int) -> None:
    os.utime(root / key / "used", (second, second))


def test_the_longest_unused_go_first_until_the_rest_fits(tmp_path: Path) -> None:
    keys = [complete(tmp_path, number=number) for number in range(4)]
    for second, number in enumerate([2, 0, 3, 1]):
        use_at(tmp_path, keys[number], second + 1)
    size = max(entry.size_bytes for entry in list_entries(tmp_path))
    assert collect(tmp_path, 2 * size) == [keys[2], keys[0]]
    assert [entry.key for entry in list_entries(tmp_path)] == [keys[1], keys[3]]
    assert collect(tmp_path, 2 * size) == []


def test_what_is_read_or_built_stays(tmp_path: Path) -> None:
    complete(tmp_path, number=0)
    reader = open_small(tmp_path, "reader", number=0)
    builder = open_small(tmp_path, "builder", number=1)
    assert collect(tmp_path, 0) == []
    reader.close()
    builder.close()
    assert sorted(collect(tmp_path, 0)) == sorted([reader.key, builder.key])
    assert list_entries(tmp_path) == []


def test_a_removal_that_was_cut_short_is_ended_by_the_next(tmp_path: Path) -> None:
    key = complete(tmp_path)
    (tmp_path / key).rename(tmp_path / f".trash-{key}")
    assert collect(tmp_path, 10**9) == []
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_entries_tell_people_what_they_are(tmp_path: Path) -> None:
    key = complete(tmp_path, note="of the digits")
    use_at(tmp_path, key, 1_000)
    part = open_small(tmp_path, "busy.run-1")
    newest, oldest = list_entries(tmp_path)
    assert (newest.key, newest.complete, newest.references) == (part.key, False, ("busy.run-1",))
    assert (oldest.key, oldest.complete, oldest.references) == (key, True, ())
    assert oldest.last_used == datetime.fromtimestamp(1_000, UTC)
    assert oldest.identity == {"teacher": "a" * 64, "note": "of the digits"}
    assert oldest.size_bytes == sum(path.stat().st_size for path in (tmp_path / key).iterdir() if path.is_file())


def test_an_entry_whose_identity_is_damaged_is_listed_without(tmp_path: Path) -> None:
    key = complete(tmp_path)
    (tmp_path / key / "identity.json").write_text("{")
    assert [entry.identity for entry in list_entries(tmp_path)] == [None]


def test_what_is_larger_than_the_cap_is_refused_with_bytes_and_advice(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=f"need {NEEDED:,} bytes.*is {NEEDED - 1:,}: raise the cap.*cache: off"):
        open_small(tmp_path, max_bytes=NEEDED - 1)
    assert list_entries(tmp_path) == []


def test_unused_entries_make_way_for_a_new_one(tmp_path: Path) -> None:
    old = complete(tmp_path, number=0)
    new = open_small(tmp_path, max_bytes=NEEDED + 100, number=1)
    assert [entry.key for entry in list_entries(tmp_path)] == [new.key]
    assert old != new.key


def test_entries_in_use_make_no_way(tmp_path: Path) -> None:
    used = open_small(tmp_path, number=0)
    with pytest.raises(CacheError, match=f"need {NEEDED:,} bytes; the entries in use take .* wait for the other runs"):
        open_small(tmp_path, max_bytes=NEEDED + 100, number=1)
    assert [entry.key for entry in list_entries(tmp_path)] == [used.key]


def test_what_the_disk_cannot_hold_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"the disk of .* has .* free, of which 1,073,741,824 stay free: make room"):
        open_cache(tmp_path, {}, 10**15, 1, [Column("logits", (1000,))], 2**70, "run")
    assert list_entries(tmp_path) == []


def test_the_size_that_is_refused_is_the_size_that_is_taken(tmp_path: Path) -> None:
    cache = open_small(tmp_path, max_bytes=NEEDED)
    cache.flush()
    assert cache.layout.columns == COLUMNS
    data = [path for path in (tmp_path / cache.key).iterdir() if path.suffix == ".bin" or "filled" in path.name]
    assert sum(path.stat().st_size for path in data) == pytest.approx(NEEDED)
