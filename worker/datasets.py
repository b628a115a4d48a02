"""Uploaded data sets on this host: fetched and unpacked once, whichever jobs read them."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import structlog
from filelock import FileLock

from server.artifacts import ArtifactStore
from server.jobs.archives import unpack

_IDLE_S = 30 * 24 * 3600.0
"""Seconds after which a data set that no job has begun with is removed; it is fetched again when one does."""

_log = structlog.get_logger()


def provide_dataset(store: ArtifactStore, root: Path, sha256: str) -> Path:
    """Return the folder of an unpacked archive, which appears whole or not at all.

    Raises:
        ArtifactMissingError: the store does not hold the archive.
        ArtifactCorruptError: its bytes have another hash.
        ArchiveError: it cannot be unpacked.
        OSError: the disk is full.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = root / sha256
    with _alone(root, sha256):
        if not target.is_dir():
            _unpack_into(store, sha256, target)
        os.utime(target)
    return target


def sweep_datasets(root: Path, idle_s: float = _IDLE_S) -> list[Path]:
    """Remove the data sets that no job has begun with for `idle_s` seconds; return their folders."""
    removed = []
    for folder in root.glob("*") if root.is_dir() else ():
        if re.fullmatch(r"[0-9a-f]{64}", folder.name) and time.time() - folder.stat().st_mtime > idle_s:
            with _alone(root, folder.name):
                gone = root / f".{folder.name}.gone"
                folder.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
            removed.append(folder)
            _log.info("removed a data set that no job reads", sha256=folder.name)
    return removed


def _unpack_into(store: ArtifactStore, sha256: str, target: Path) -> None:
    archive, fresh = target.with_name(f".{sha256}.archive"), target.with_name(f".{sha256}.new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        store.fetch(sha256, archive)
        fresh.mkdir(mode=0o700)
        unpack(archive, fresh)
        fresh.rename(target)
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)


def _alone(root: Path, sha256: str) -> FileLock:
    """Return the lock that keeps other processes of this host from unpacking or removing the data set."""
    return FileLock(root / f".{sha256}.lock")
