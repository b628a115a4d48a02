from __future__ import annotations

import os
from pathlib import Path

import pytest

from distill_core.dataset.file_index import FileFacts, index_files
from distill_core.errors import DataError

LOOKED_AT: list[str] = []


def read_size(path: Path) -> tuple[int, int]:
    LOOKED_AT.append(path.name)
    return 3, len(path.read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    LOOKED_AT.clear()
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(name.encode() * 5)
    return folder


def index(folder: Path, scratch: Path | None = None) -> list[FileFacts]:
    return index_files(folder, ["a", "b", "c"], read_size, scratch)


def test_without_a_scratch_folder_every_file_is_read_every_time(folder: Path) -> None:
    assert index(folder) == index(folder)
    assert sorted(LOOKED_AT) == list("aabbcc")


def test_what_has_not_changed_is_remembered(folder: Path, tmp_path: Path) -> None:
    first = index(folder, tmp_path / "scratch")
    LOOKED_AT.clear()
    assert index(folder, tmp_path / "scratch") == first
    assert LOOKED_AT == []
    (folder / "b").write_bytes(b"other")
    os.utime(folder / "b", ns=(1, 1))
    changed = index(folder, tmp_path / "scratch")
    assert LOOKED_AT == ["b"]
    assert (changed[0], changed[2]) == (first[0], first[2])
    assert changed[1].sha256 != first[1].sha256


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 3}', b'{"a": [1]}'])
def test_a_damaged_memory_is_as_good_as_none(folder: Path, tmp_path: Path, content: bytes) -> None:
    first = index(folder, tmp_path / "scratch")
    [memory] = (tmp_path / "scratch").iterdir()
    memory.write_bytes(content)
    assert index(folder, tmp_path / "scratch") == first


def test_a_file_that_is_no_image_ends_the_index(folder: Path) -> None:
    def refuse(path: Path) -> tuple[int, int]:
        raise DataError(f"{path} is none")

    with pytest.raises(DataError, match="a is none"):
        index_files(folder, ["a", "b", "c"], refuse, None)
