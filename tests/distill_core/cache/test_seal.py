"""A cache that was cut or altered is never used without a word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from distill_core.cache import Column, attach, open_cache
from distill_core.errors import CacheError
from tests.distill_core.cache.caches import complete, open_small

MEBIBYTE = 2**20


def alter(path: Path, offset: int) -> None:
    """Flip a byte."""
    with path.open("r+b") as file:
        file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x40]))


@pytest.mark.parametrize("size", [0, 799, 801])
def test_a_file_of_another_size_is_named_with_what_to_do(tmp_path: Path, size: int) -> None:
    key = complete(tmp_path)
    path = tmp_path / key / "column0.bin"
    os.truncate(path, size)
    message = f"column0.bin has {size} bytes instead of 800; delete the folder"
    with pytest.raises(CacheError, match=message):
        open_small(tmp_path)
    with pytest.raises(CacheError, match=message):
        attach(tmp_path, key)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    key = complete(tmp_path)
    (tmp_path / key / "column1.bin").unlink()
    with pytest.raises(CacheError, match=r"column1.bin is missing; delete the folder"):
        open_small(tmp_path)


def test_a_cut_part_is_not_gone_on_with(tmp_path: Path) -> None:
    cache = open_small(tmp_path)
    cache.close()
    os.truncate(tmp_path / cache.key / "column1.bin", 4)
    with pytest.raises(CacheError, match=r"column1.bin has 4 bytes"):
        open_small(tmp_path)


@pytest.mark.parametrize("offset", [0, 400, -1])
def test_a_small_file_that_was_altered_is_found_on_opening(tmp_path: Path, offset: int) -> None:
    key = complete(tmp_path)
    alter(tmp_path / key / "column0.bin", offset)
    with pytest.raises(CacheError, match=r"column0.bin was altered"):
        open_small(tmp_path)


def test_any_altered_byte_of_a_large_file_is_found_by_verifying(tmp_path: Path) -> None:
    def reopen() -> None:
        cache = open_cache(tmp_path, {}, 1024, 1, [column], 10**8, "run")
        cache.verify()
        cache.close()

    column = Column("map", (1024,))
    cache = open_cache(tmp_path, {}, 1024, 1, [column], 10**8, "run")
    cache.write(0, torch.arange(1024), {"map": torch.randn(1024, 1024)})
    cache.seal()
    cache.verify()
    cache.close()
    reopen()
    alter(tmp_path / cache.key / "column0.bin", 4 * MEBIBYTE // 63 - 2048)
    with pytest.raises(CacheError, match=r"column0.bin was altered"):
        reopen()


def test_a_file_that_vanishes_is_found_by_verifying(tmp_path: Path) -> None:
    key = complete(tmp_path)
    cache = open_small(tmp_path)
    (tmp_path / key / "column0.bin").unlink()
    with pytest.raises(CacheError, match=r"No such file"):
        cache.verify()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"builder": "x"}'])
def test_a_damaged_seal_is_named(tmp_path: Path, text: str) -> None:
    key = complete(tmp_path)
    (tmp_path / key / "complete.json").write_text(text)
    with pytest.raises(CacheError, match=r"complete.json is damaged"):
        open_small(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"token": "run"}', "[]"])
def test_a_damaged_builder_is_named(tmp_path: Path, text: str) -> None:
    cache = open_small(tmp_path)
    cache.close()
    (tmp_path / cache.key / "builder.json").write_text(text)
    with pytest.raises(CacheError, match=r"builder.json is damaged"):
        open_small(tmp_path)


def test_a_foreign_entry_under_the_right_name_is_refused(tmp_path: Path) -> None:
    wanted = complete(tmp_path, number=0)
    foreign = complete(tmp_path, number=1)
    (tmp_path / wanted).rename(tmp_path / "aside")
    (tmp_path / foreign).rename(tmp_path / wanted)
    with pytest.raises(CacheError, match=r"identity.json was altered"):
        open_small(tmp_path, number=0)


def test_an_entry_without_an_identity_is_refused(tmp_path: Path) -> None:
    key = complete(tmp_path)
    (tmp_path / key / "identity.json").unlink()
    with pytest.raises(CacheError, match=r"identity.json cannot be read"):
        open_small(tmp_path)


def test_a_link_in_a_files_place_is_not_followed(tmp_path: Path) -> None:
    cache = open_small(tmp_path / "store")
    cache.close()
    path = tmp_path / "store" / cache.key / "column0.bin"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="symbolic links"):
        open_small(tmp_path / "store")
