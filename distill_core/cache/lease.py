"""Who uses an entry: locks that the kernel lets go of when their process dies, however it dies.

ROOT/lock               held for moments: opening, collecting and listing exclude one another
ROOT/<key>/lock         the build lease, held by the one process that fills the entry
ROOT/<key>/refs/<...>   a reference each, held by a process that uses the entry
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from distill_core.cache.mapped import named_errors
from distill_core.errors import CacheError

__all__ = ["Reference", "boot_id", "is_leased", "list_references", "lock_root", "take_lease"]

_TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_ROOT_TIMEOUT_S = 120.0


def take_lease(folder: Path) -> FileLock:
    """Take the build lease of an entry.

    Raises:
        CacheError: a living process has it.
    """
    lease = _try_lock(folder / "lock")
    if lease is None:
        raise CacheError(f"another process builds the cache {folder}")
    return lease


def is_leased(folder: Path) -> bool:
    """Return whether a living process fills the entry; with the root locked."""
    path = folder / "lock"
    return path.exists() and not _is_free(path)


@contextmanager
def lock_root(root: Path) -> Iterator[None]:
    """Exclude all others that open, collect or list below a root.

    Raises:
        CacheError: instead of what the system refuses inside.
    """
    with named_errors(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(root / "lock", timeout=_ROOT_TIMEOUT_S, fallback_to_soft=False):
            yield


class Reference:
    """A living process's use of an entry, which keeps it from being collected."""

    def __init__(self, folder: Path, token: str) -> None:
        """Refer to an entry.

        Raises:
            CacheError: the token cannot be a file name.
        """
        if not _TOKEN.fullmatch(token):
            raise CacheError(f"the token {token!r} has to match {_TOKEN.pattern}")
        (folder / "refs").mkdir(exist_ok=True)
        self._path = folder / "refs" / f"{token}~{secrets.token_hex(4)}"
        self._path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}), "utf-8")
        self._lock = _try_lock(self._path)

    def release(self) -> None:
        """Give the reference up; once is enough."""
        if self._lock is not None:
            self._path.unlink(missing_ok=True)
            self._lock.release()
            self._lock = None


def list_references(folder: Path) -> tuple[str, ...]:
    """Return the tokens that living processes refer to an entry with, and forget the dead; with the root locked."""
    tokens = []
    for path in sorted((folder / "refs").glob("*~*")):
        if _is_free(path):
            path.unlink(missing_ok=True)
        else:
            tokens.append(path.name.rsplit("~", 1)[0])
    return tuple(tokens)


def boot_id() -> str:
    """Return what tells this boot of this machine from every other, or "" where the system does not say."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text("ascii").strip() if path.exists() else ""


def _is_free(path: Path) -> bool:
    lock = _try_lock(path)
    if lock is None:
        return False
    lock.release()
    return True


def _try_lock(path: Path) -> FileLock | None:
    """Take a lock and return it, or None when a living process has it."""
    # Without fallback: a soft lock would outlive its process on a file system that knows no locks.
    lock = FileLock(path, timeout=0, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock
