"""Copies of a SQLite database while it is in use, and their way back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from distill_core.errors import StillhouseError
from server.migrate import list_revisions
from server.settings import Settings


class BackupError(StillhouseError):
    """The database cannot be copied, or the copy not be taken."""

    code = "backup_refused"


def back_up(settings: Settings, target: Path) -> int:
    """Write a whole and consistent copy of the database, also while server and worker write; return its bytes.

    Raises:
        BackupError: there is no such database, or something lies at the target.
    """
    source = _find_file(settings)
    if not source.is_file():
        raise BackupError(f"there is no database at {source}")
    if target.exists():
        raise BackupError(f"{target} exists: a backup overwrites nothing")
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as database:
        _copy(database, target)
    return target.stat().st_size


def restore(settings: Settings, source: Path) -> str:
    """Put a copy in the place of a database that is not there; return its revision.

    Raises:
        BackupError: it is no copy of ours, it is damaged, or there is a database already.
    """
    target = _find_file(settings)
    if target.exists():
        raise BackupError(f"{target} exists: stop the service and move it away first")
    if not source.is_file():
        raise BackupError(f"there is no backup at {source}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in ("-wal", "-shm"):  # of a database that was moved away without them
        target.with_name(target.name + left).unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as backup:
            revision = _check(backup, source)
            _copy(backup, target)
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{source} is no backup that can be read: {error}") from error
    return revision


def _find_file(settings: Settings) -> Path:
    if settings.sqlite_file is None:
        raise BackupError("the database is PostgreSQL: pg_dump --format=custom copies it, pg_restore brings it back")
    return settings.sqlite_file


def _copy(source: sqlite3.Connection, target: Path) -> None:
    """Copy page by page beside the target and put the copy there when it is whole and on the disk."""
    fresh = target.with_name(f".{target.name}.part")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(fresh)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _check(backup: sqlite3.Connection, source: Path) -> str:
    """Return the revision of a copy that is whole and ours."""
    verdict = backup.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise BackupError(f"{source} is damaged: {verdict}")
    revision = str(backup.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    if revision not in (known := list_revisions()):
        raise BackupError(f"{source} is at revision {revision}, this version knows {', '.join(known)}")
    return revision
