from __future__ import annotations

import gc
import json
import multiprocessing
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.cache import Column, acquire, attach, collect, digest, list_entries, open_cache
from distill_core.errors import CacheError
from tests.distill_core.cache.caches import (
    COLUMNS,
    GENEROUS,
    ROWS,
    VARIANTS,
    complete,
    fill,
    open_small,
    outputs,
    started,
    tell,
)

ALL = torch.arange(ROWS)


def test_the_first_run_builds_a_second_finds_it_busy_and_a_later_one_reads(tmp_path: Path) -> None:
    first = open_small(tmp_path, "first")
    second = open_small(tmp_path, "second")
    assert (first.mode, second.mode, second.builder) == ("write", "busy", "first")
    assert not second.has(0)
    with pytest.raises(CacheError, match="another process is building it"):
        second.read(0, ALL)
    fill(first)
    first.seal()
    third = open_small(tmp_path, "third")
    assert (third.mode, third.builder, third.is_complete, third.has(1)) == ("read", "first", True, True)
    assert torch.equal(third.read(1, ALL)["logits"], outputs(1, ALL)["logits"])


@pytest.mark.parametrize(
    ("identity", "columns"),
    [({"seed": 1}, COLUMNS), ({}, COLUMNS[:1]), ({}, [Column("logits", (5,), "fp16"), COLUMNS[1]])],
    ids=["identity", "columns", "format"],
)
def test_whatever_differs_has_an_entry_of_its_own(
    tmp_path: Path, identity: dict[str, Any], columns: list[Column]
) -> None:
    assert open_small(tmp_path).key != open_small(tmp_path, columns=columns, **identity).key


def test_the_order_of_an_identitys_fields_says_nothing() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": (1, 2), "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})


def test_a_run_goes_on_with_its_own_part(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    cache.write(0, ALL[:7], outputs(0, ALL[:7]))
    cache.close()
    again = open_small(tmp_path)
    assert (again.mode, again.builder, again.missing(0).tolist()) == ("write", "run", list(range(7, ROWS)))
    assert torch.equal(again.read(0, ALL[:7])["logits"], outputs(0, ALL[:7])["logits"])


def test_a_run_takes_no_rows_from_the_part_of_another(tmp_path: Path) -> None:
    cache = open_small(tmp_path, "one")
    cache.write(0, ALL[:7], outputs(0, ALL[:7]))
    cache.close()
    other = open_small(tmp_path, "two")
    assert (other.mode, other.builder, len(other.missing(0))) == ("write", "two", ROWS)


def test_a_part_that_somebody_refers_to_is_left_to_its_run(tmp_path: Path) -> None:
    cache = open_small(tmp_path, "paused")
    cache.write(0, ALL[:7], outputs(0, ALL[:7]))
    cache.close()
    reference = acquire(tmp_path, cache.key, "supervisor")
    assert open_small(tmp_path, "other").mode == "busy"
    again = open_small(tmp_path, "paused")
    assert len(again.missing(0)) == ROWS - 7
    again.close()
    reference.release()
    assert open_small(tmp_path, "other").mode == "write"


def test_after_a_reboot_only_flushed_rows_count(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    cache.write(0, ALL[:4], outputs(0, ALL[:4]))
    cache.flush()
    cache.write(0, ALL[4:9], outputs(0, ALL[4:9]))
    cache.close()
    builder = tmp_path / cache.key / "builder.json"
    builder.write_text(json.dumps(json.loads(builder.read_text()) | {"boot": "an earlier one"}))
    with pytest.raises(CacheError, match="nobody on this host builds"):
        attach(tmp_path, cache.key)
    again = open_small(tmp_path)
    assert again.missing(0).tolist() == list(range(4, ROWS))
    again.close()
    assert json.loads(builder.read_text())["boot"] != "an earlier one"


def test_after_a_reboot_without_a_flush_nothing_counts(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    fill(cache)
    cache.close()
    (tmp_path / cache.key / "builder.json").write_text('{"token": "run", "boot": "an earlier one"}')
    assert len(open_small(tmp_path).missing(1)) == ROWS


def test_a_beginning_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    cache.close()
    for name in ("builder.json", "column1.bin"):
        (tmp_path / cache.key / name).unlink()
    again = open_small(tmp_path)
    fill(again)
    again.seal()


def test_a_process_of_its_own_writes_its_share_of_the_rows(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    with started(tmp_path, "attach", cache.key) as rank:
        assert tell(rank) == "write"
        assert rank.wait(60) == 0
    assert cache.missing(1).tolist() == list(range(0, ROWS, 2))
    fill(cache)
    cache.seal()
    assert all(torch.equal(cache.read(v, ALL)["logits"], outputs(v, ALL)["logits"]) for v in range(VARIANTS))


def test_an_attached_rank_fills_and_reads_and_leaves_sealing_to_the_first(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    rank = attach(tmp_path, cache.key)
    fill(rank)
    rank.flush()
    with pytest.raises(CacheError, match="sealed by the process that opened it"):
        rank.seal()
    told = [rank.is_complete]
    cache.seal()
    assert [*told, rank.is_complete] == [False, True]
    assert torch.equal(rank.read(0, ALL)["logits"], outputs(0, ALL)["logits"])
    rank.close()
    assert attach(tmp_path, cache.key).mode == "read"


@pytest.mark.parametrize("key", ["0" * 64, "../../etc", "", "refs"])
def test_a_key_that_names_no_entry_is_refused(tmp_path: Path, key: str) -> None:
    open_small(tmp_path)
    with pytest.raises(CacheError, match="there is no cache entry"):
        attach(tmp_path, key)


def test_a_process_killed_in_mid_write_leaves_only_whole_rows_and_no_lease(tmp_path: Path) -> None:
    with started(tmp_path, "fill", "run") as process:
        told = [int(tell(process)) for _ in range(5)]
        assert open_small(tmp_path, "other").mode == "busy"
    cache = open_small(tmp_path)
    assert cache.mode == "write"
    there = torch.tensor(sorted(set(range(ROWS)) - set(cache.missing(0).tolist())))
    assert set(told) <= set(there.tolist())
    expected = cache.encode_decode(outputs(0, there))
    assert all(torch.equal(tensor, expected[name]) for name, tensor in cache.read(0, there).items())
    fill(cache)
    cache.seal()
    cache.verify()


def test_a_loaders_worker_neither_keeps_nor_drops_the_lease(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    fork = multiprocessing.get_context("fork")
    release = fork.Event()
    worker = fork.Process(target=release.wait)
    worker.start()
    collecting = fork.Process(target=gc.collect)
    collecting.start()
    collecting.join()
    assert open_small(tmp_path, "other").mode == "busy"
    cache.close()
    assert open_small(tmp_path, "other").mode == "write"
    release.set()
    worker.join()


def test_a_reference_ends_with_its_process(tmp_path: Path) -> None:
    key = complete(tmp_path)
    with started(tmp_path, "open", "reader") as process:
        assert tell(process) == "read"
        assert collect(tmp_path, 0) == []
        assert [entry.references for entry in list_entries(tmp_path)] == [("reader",)]
    assert [entry.references for entry in list_entries(tmp_path)] == [()]
    assert collect(tmp_path, 0) == [key]


@pytest.mark.parametrize("token", ["", "../up", ".hidden", "a b", "x" * 200])
def test_a_token_that_is_no_file_name_is_refused_and_leaves_nothing(tmp_path: Path, token: str) -> None:
    with pytest.raises(CacheError, match="the token"):
        open_small(tmp_path, token)
    assert list_entries(tmp_path) == []


def test_nobody_else_may_look_into_the_store(tmp_path: Path) -> None:
    cache = open_small(tmp_path / "deep" / "store")
    assert stat.S_IMODE((tmp_path / "deep" / "store").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "store" / cache.key / "column0.bin").stat().st_mode) == 0o600


def test_a_file_system_that_gives_no_room_is_a_named_error_and_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
    try:
        with pytest.raises(CacheError, match=r"File too large.*make room"):
            open_cache(tmp_path, {}, 10_000, 1, COLUMNS, GENEROUS, "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list_entries(tmp_path) == []


@pytest.mark.parametrize(
    ("rows", "variants", "columns"), [(0, 1, COLUMNS), (1, 0, COLUMNS), (1, 1, []), (1, 1, [*COLUMNS] * 2)]
)
def test_a_cache_of_nothing_or_of_one_column_twice_is_refused(
    tmp_path: Path, rows: int, variants: int, columns: list[Column]
) -> None:
    with pytest.raises(CacheError, match="at least one of each, and columns of different names"):
        open_cache(tmp_path, {}, rows, variants, columns, GENEROUS, "run")
