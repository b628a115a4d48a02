from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from distill_core.cache import Column, open_cache
from server.jobs.caches import request_removal
from server.jobs.tables import CacheEntry
from tests.server.jobs.ground import Ground
from worker.caches import name_root, report_cache, scan, start_removal


def _fill(root: Path, *, is_ready: bool = True, **identity: Any) -> str:
    """Make an entry as the engine does and return its key."""
    cache = open_cache(root, identity, 4, 1, [Column("logits", (3,))], 10**9, "run_a")
    if is_ready:
        rows = cache.missing(0)
        cache.write(0, rows, {"logits": rows[:, None].expand(-1, 3).float()})
        cache.seal()
        cache.note_cost(4, 2.0)
        cache.note_reads(8, is_hit=False)
        cache.note_reads(4, is_hit=True)
    cache.close()
    return cache.key


def _entries(ground: Ground) -> list[CacheEntry]:
    with ground.database.read() as session:
        return list(session.scalars(select(CacheEntry).order_by(CacheEntry.is_ready.desc())))


def test_a_worker_tells_what_lies_in_its_cache_folder(ground: Ground, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    ready = _fill(root, model="resnet8", device="cpu", weights="0" * 64)
    begun = _fill(root, is_ready=False, model="resnet14")
    assert report_cache(ground.database, root) == []
    first, second = _entries(ground)
    assert (first.key, first.is_ready, first.num_hits, first.saved_s) == (ready, True, 1, 6.0)
    assert (second.key, second.is_ready, second.num_hits) == (begun, False, 0)
    assert first.root == second.root == name_root(root)
    assert (first.facts["model"], first.facts["num_rows"], first.facts["columns"][0]["name"]) == (
        "resnet8",
        4,
        "logits",
    )
    assert "weights" not in first.facts
    assert first.size > 4 * 3 * 4


def test_a_folder_keeps_its_name(tmp_path: Path) -> None:
    assert name_root(tmp_path) == name_root(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["root.id"]


def test_a_folder_that_is_not_there_is_no_report(ground: Ground, tmp_path: Path) -> None:
    assert report_cache(ground.database, tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_damaged_entries_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    key = _fill(tmp_path, model="resnet8")
    (tmp_path / ("0" * 64)).mkdir()
    (tmp_path / ("1" * 64)).mkdir()
    (tmp_path / ("1" * 64) / "identity.json").write_text("[1]")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / key / "usage.jsonl").write_text('{"is_hit": true, "saved_s": 1.0}\n[]\n{"is_hit": tr')
    [entry] = scan(tmp_path)
    assert (entry.key, entry.num_hits, entry.saved_s) == (key, 1, 1.0)


def test_what_somebody_wants_removed_is_removed_by_the_engine_and_forgotten(ground: Ground, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    doomed, kept = _fill(root, model="doomed"), _fill(root, model="kept")
    report_cache(ground.database, root)
    with ground.database.write() as session:
        request_removal(session, doomed)
    assert report_cache(ground.database, root) == [doomed]
    assert start_removal(root, [doomed]).wait(120) == 0
    assert report_cache(ground.database, root) == []
    assert [entry.key for entry in _entries(ground)] == [kept]


def test_an_entry_that_a_run_uses_outlives_the_wish_to_remove_it(ground: Ground, tmp_path: Path) -> None:
    key = _fill(tmp_path, model="used")
    report_cache(ground.database, tmp_path)
    with ground.database.write() as session:
        request_removal(session, key)
    used = open_cache(tmp_path, {"model": "used"}, 4, 1, [Column("logits", (3,))], 10**9, "run_b")
    assert start_removal(tmp_path, [key]).wait(120) == 0
    assert report_cache(ground.database, tmp_path) == [key]
    used.close()


def test_the_engines_command_sees_no_credential(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("STILLHOUSE_DATABASE_URL", "postgresql://secret")
    process = start_removal(tmp_path, ["0" * 64])
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    process.wait(120)
    assert b"secret" not in environment
