from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from distill_core.errors import WeightsError
from distill_core.files import resolve_below, save_file


def test_a_saved_file_is_whole_and_its_digest_right(tmp_path: Path) -> None:
    saved = save_file(tmp_path / "deep" / "file", lambda file: file.write(b"content"))
    assert saved.path.read_bytes() == b"content"
    assert (saved.sha256, saved.size) == (hashlib.sha256(b"content").hexdigest(), 7)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    save_file(tmp_path / "file", lambda file: file.write(b"old"))

    def fail(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        save_file(tmp_path / "file", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "link/secret"])
def test_paths_outside_of_the_root_are_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(WeightsError, match="outside of"):
        resolve_below(root, path, WeightsError)


def test_a_root_may_itself_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert resolve_below(tmp_path / "root", "a/b", WeightsError) == (tmp_path / "real/a/b").resolve()
