"""Files that are whole or not there, paths that stay below their root, and digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from distill_core.errors import StillhouseError

__all__ = ["SavedFile", "hash_file", "resolve_below", "save_file"]


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file that was written whole."""

    path: Path
    sha256: str
    size: int


def save_file(path: Path, write: Callable[[BinaryIO], object]) -> SavedFile:
    """Write a file so that a crash leaves the old one or the new one, never a part: temp, fsync, hash, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        saved = SavedFile(path, hash_file(temporary), temporary.stat().st_size)
        temporary.rename(path)
    except Exception as error:
        error.add_note(f"while writing {path}")
        raise
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return saved


def hash_file(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve_below(root: Path, relative: str, error: type[StillhouseError]) -> Path:
    """Return the real path of `relative` below `root`.

    Raises:
        error: the path is absolute, climbs with '..', or leaves the root through a symbolic link.
    """
    root = root.resolve()
    wanted = Path(relative)
    if wanted.is_absolute() or ".." in wanted.parts or not (root / wanted).resolve().is_relative_to(root):
        raise error(f"{relative!r} is outside of {root}; only relative paths below it are allowed, without '..'")
    return (root / wanted).resolve()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
