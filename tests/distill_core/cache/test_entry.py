from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.cache import Column, OutputCache
from distill_core.errors import CacheError
from tests.distill_core.cache.caches import COLUMNS, ROWS, VARIANTS, complete, fill, open_small, outputs

ALL = torch.arange(ROWS)


@pytest.fixture
def cache(tmp_path: Path) -> OutputCache:
    return open_small(tmp_path)


def test_what_is_written_is_read_by_any_index_while_building_and_after(cache: OutputCache, tmp_path: Path) -> None:
    fill(cache)
    rows = torch.tensor([7, 0, 19, 7])
    expected = cache.encode_decode(outputs(1, rows))
    while_building = cache.read(1, rows)
    cache.seal()
    sealed = cache.read(1, rows)
    cache.close()
    reopened = open_small(tmp_path).read(1, rows)
    for found in (while_building, sealed, reopened):
        assert list(found) == ["logits", "stage2.pre"]
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert {tensor.dtype for tensor in found.values()} == {torch.float32}


def test_fp32_gives_back_the_very_numbers(cache: OutputCache) -> None:
    values = outputs(0, ALL)
    assert torch.equal(cache.encode_decode(values)["logits"], values["logits"])


def test_reading_what_is_not_there_is_refused(cache: OutputCache) -> None:
    cache.write(0, ALL[:5], outputs(0, ALL[:5]))
    assert cache.read(0, ALL[:5])["logits"].shape == (5, 5)
    for variant, rows in ((0, ALL[:6]), (1, ALL[:5])):
        with pytest.raises(CacheError, match="before being written"):
            cache.read(variant, rows)


def test_it_tells_what_is_missing_of_each_variant(cache: OutputCache) -> None:
    rows = torch.tensor([3, 1, 17])
    cache.write(1, rows, outputs(1, rows))
    assert cache.missing(1).tolist() == [row for row in range(ROWS) if row not in {1, 3, 17}]
    assert (cache.has(0), cache.has(1)) == (False, False)
    cache.write(1, cache.missing(1), outputs(1, cache.missing(1)))
    assert (cache.has(0), cache.has(1)) == (False, True)
    assert cache.missing(1).numel() == 0


@settings(deadline=None)  # the first call of an operator is slow
@given(writes=st.lists(st.tuples(st.integers(0, VARIANTS - 1), st.sets(st.integers(0, ROWS - 1)), st.floats(-9, 9))))
def test_of_all_writes_to_a_row_the_first_counts(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, set[int], float]]
) -> None:
    cache = open_small(tmp_path_factory.mktemp("store"), columns=[Column("logits", (2,))])
    expected: dict[tuple[int, int], Tensor] = {}
    for variant, chosen, number in writes:
        rows = torch.tensor(sorted(chosen), dtype=torch.int64)
        values = rows[:, None] + torch.tensor([number, -number])
        cache.write(variant, rows, {"logits": values})
        for row, value in zip(sorted(chosen), values, strict=True):
            expected.setdefault((variant, row), value)
    for (variant, row), value in expected.items():
        assert torch.equal(cache.read(variant, torch.tensor([row]))["logits"][0], value)
    missing = [(variant, row) for variant in range(VARIANTS) for row in cache.missing(variant).tolist()]
    assert set(missing).isdisjoint(expected)
    assert len(missing) + len(expected) == ROWS * VARIANTS


def test_writing_into_a_complete_entry_changes_nothing(cache: OutputCache) -> None:
    fill(cache)
    cache.seal()
    cache.seal()
    cache.write(0, ALL, {name: tensor + 1 for name, tensor in outputs(0, ALL).items()})
    assert torch.equal(cache.read(0, ALL)["logits"], outputs(0, ALL)["logits"])
    assert cache.missing(0).numel() == 0


def test_a_flush_that_the_disk_refuses_is_a_named_error_and_keeps_the_last(cache: OutputCache, tmp_path: Path) -> None:
    cache.write(0, ALL[:3], outputs(0, ALL[:3]))
    cache.flush()
    kept = (tmp_path / cache.key / "filled.flushed").read_bytes()
    fill(cache)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROWS, before[1]))
    try:
        with pytest.raises(CacheError, match=r"File too large.*make room"):
            cache.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / cache.key / "filled.flushed").read_bytes() == kept
    cache.seal()


def test_an_entry_with_holes_is_not_sealed(cache: OutputCache) -> None:
    cache.write(0, ALL[2:], outputs(0, ALL[2:]))
    with pytest.raises(CacheError, match=r"lacks \[2, 20\] rows"):
        cache.seal()
    assert cache.mode == "write"


def test_a_sealed_entry_is_a_handful_of_files_of_the_rows_own_size(cache: OutputCache, tmp_path: Path) -> None:
    fill(cache)
    cache.flush()
    cache.seal()
    cache.close()
    files = {path.name: path.stat().st_size for path in (tmp_path / cache.key).iterdir() if path.is_file()}
    assert set(files) == {"column0.bin", "column1.bin", "complete.json", "identity.json", "lock", "used"}
    assert (files["column0.bin"], files["column1.bin"]) == (ROWS * VARIANTS * 5 * 4, ROWS * VARIANTS * 12 * 2)


def test_what_fp16_cannot_hold_is_refused_with_the_formats_that_can(cache: OutputCache) -> None:
    values = outputs(0, ALL)
    values["stage2.pre"][3, 0, 0, 0] = 1e6
    with pytest.raises(CacheError, match=r"'stage2.pre' reaches 1e\+06.*bf16 or fp32"):
        cache.write(0, ALL, values)
    assert len(cache.missing(0)) == ROWS


@pytest.mark.parametrize("names", [["logits"], ["logits", "stage2.pre", "stage3"]])
def test_every_column_is_written_at_once(cache: OutputCache, names: list[str]) -> None:
    values = {name: torch.zeros(2, 5) for name in names}
    with pytest.raises(CacheError, match=r"has the columns \['logits', 'stage2.pre'\]"):
        cache.write(0, ALL[:2], values)


def test_a_closed_entry_is_neither_read_nor_written(cache: OutputCache) -> None:
    cache.close()
    cache.close()
    with pytest.raises(CacheError, match="closed"):
        cache.read(0, ALL)
    with pytest.raises(CacheError, match="closed"):
        cache.write(0, ALL, outputs(0, ALL))


def test_only_a_complete_entry_can_be_verified(cache: OutputCache) -> None:
    with pytest.raises(CacheError, match="not complete"):
        cache.verify()


def test_equal_content_has_one_fingerprint_and_other_content_another(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        complete(tmp_path / folder)
    changed = open_small(tmp_path / "d")
    changed.write(0, ALL[:1], outputs(0, ALL[:1] + 1))
    fill(changed)
    assert changed.fingerprint is None
    changed.seal()
    prints = [open_small(tmp_path / folder).fingerprint for folder in ("a", "b", "c", "d")]
    assert len(set(prints[:3])) == 1
    assert prints[3] not in {None, prints[0]}


def test_top_k_rows_come_back_from_the_files_as_from_memory(tmp_path: Path) -> None:
    columns = [Column("logits", (5,), "bf16", top_k=2), COLUMNS[1]]
    cache = open_small(tmp_path, columns=columns)
    fill(cache)
    cache.seal()
    cache.close()
    rows = torch.tensor([4, 11])
    reopened = open_small(tmp_path, columns=columns)
    assert torch.equal(reopened.read(1, rows)["logits"], reopened.encode_decode(outputs(1, rows))["logits"])
