"""The room that entries take: what is there, who may go, and whether another one fits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_core.cache.layout import Layout, read_document
from distill_core.cache.lease import is_leased, list_references, lock_root
from distill_core.cache.seal import Seal
from distill_core.errors import CacheError

__all__ = ["Entry", "collect", "find_entry", "list_entries", "make_room", "remove", "remove_entry"]

_KEY = re.compile(r"[0-9a-f]{64}")
_TRASH = ".trash-"
_RESERVE_BYTES = 2**30
"""Disk that stays free for checkpoints and logs."""
_ADVICE = "store fp16 or top_k, fewer variants or fewer places, or set cache: off"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the store, for people.

    Attributes:
        key: its name.
        size_bytes: what it takes on disk.
        complete: whether all its rows are there.
        references: tokens of those who use it now.
        last_used: when it was last opened.
        identity: what the caller said it is; None when the file is damaged.
    """

    key: str
    size_bytes: int
    complete: bool
    references: tuple[str, ...]
    last_used: datetime
    identity: dict[str, Any] | None


def collect(root: Path, max_bytes: int) -> list[str]:
    """Remove entries that nobody refers to or fills, longest unused first, until the store is within `max_bytes`.

    Returns:
        The keys that were removed.
    """
    with lock_root(root):
        return _collect(root, max_bytes)


def remove(root: Path, keys: Iterable[str]) -> list[str]:
    """Remove entries by name unless somebody refers to them or fills them.

    Returns:
        The keys that were removed.
    """
    with lock_root(root):
        wanted = [root / key for key in sorted(set(keys)) if _KEY.fullmatch(key) and (root / key).is_dir()]
        free = [folder for folder in wanted if not (is_leased(folder) or list_references(folder))]
        for folder in free:
            remove_entry(folder)
        return [folder.name for folder in free]


def list_entries(root: Path) -> list[Entry]:
    """Return what is in the store, last used first."""
    with lock_root(root):
        return sorted(map(_describe, _folders(root)), key=lambda entry: entry.last_used, reverse=True)


def find_entry(root: Path, key: str) -> Path:
    """Return the folder of an entry.

    Raises:
        CacheError: there is none, or the key is no key.
    """
    if not (_KEY.fullmatch(key) and (root / key).is_dir()):
        raise CacheError(f"there is no cache entry {key!r} below {root}; a key is a sha256 in hexadecimal")
    return root / key


def remove_entry(folder: Path) -> None:
    """Remove an entry; a removal that is cut short leaves no entry with half its files."""
    trash = folder.with_name(f"{_TRASH}{folder.name}")
    shutil.rmtree(trash, ignore_errors=True)
    folder.rename(trash)
    shutil.rmtree(trash)


def make_room(root: Path, layout: Layout, max_bytes: int) -> None:
    """Collect until an entry of this layout fits below the cap and on the disk; with the root locked.

    Raises:
        CacheError: it does not, even so.
    """
    needed = layout.needed_bytes
    if needed > max_bytes:
        raise CacheError(
            f"the cached outputs need {needed:,} bytes, and the cap of the cache folder {root} is {max_bytes:,}: "
            f"raise the cap, {_ADVICE}"
        )
    lacking = needed + _RESERVE_BYTES - shutil.disk_usage(root).free
    _collect(root, min(max_bytes - needed, _count_all(root) - lacking))
    taken, free = _count_all(root), shutil.disk_usage(root).free
    if needed + taken > max_bytes:
        raise CacheError(
            f"the cached outputs need {needed:,} bytes; the entries in use take {taken:,} of the {max_bytes:,} that "
            f"the cache folder {root} may have: raise the cap, wait for the other runs, {_ADVICE}"
        )
    if needed + _RESERVE_BYTES > free:
        raise CacheError(
            f"the cached outputs need {needed:,} bytes, and the disk of {root} has {free:,} free, of which "
            f"{_RESERVE_BYTES:,} stay free: make room, {_ADVICE}"
        )


def _collect(root: Path, max_bytes: int) -> list[str]:
    for trash in root.glob(f"{_TRASH}*"):
        shutil.rmtree(trash)
    sizes = {folder: _count_bytes(folder) for folder in sorted(_folders(root), key=_last_used)}
    total, removed = sum(sizes.values()), []
    for folder, size in sizes.items():
        if total <= max_bytes:
            break
        if is_leased(folder) or list_references(folder):
            continue
        remove_entry(folder)
        total -= size
        removed.append(folder.name)
    return removed


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if _KEY.fullmatch(path.name) and path.is_dir()]


def _count_all(root: Path) -> int:
    return sum(map(_count_bytes, _folders(root)))


def _count_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # references and temporary files come and go
            total += path.stat().st_size if path.is_file() else 0
    return total


def _last_used(folder: Path) -> float:
    used = folder / "used"
    return (used if used.exists() else folder).stat().st_mtime


def _describe(folder: Path) -> Entry:
    identity: dict[str, Any] | None = None
    with suppress(CacheError):
        identity = read_document(folder)["identity"]
    last_used = datetime.fromtimestamp(_last_used(folder), UTC)
    return Entry(folder.name, _count_bytes(folder), Seal.exists(folder), list_references(folder), last_used, identity)
