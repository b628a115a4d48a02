"""Who a worker is: two ids that outlive restarts, and a lock so that one home has one worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from ulid import ULID

from server.jobs.ids import new_id
from server.settings import Settings

_PATIENCE_S = 10.0


class WorkerRunningError(RuntimeError):
    """Another worker already serves this home."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of a worker.

    Attributes:
        worker_id: of the row in the database.
        installation: mark of every process that this home's worker starts.
        incarnation: of this start.
    """

    worker_id: str
    installation: str
    incarnation: str


@contextmanager
def hold_identity(settings: Settings) -> Iterator[Identity]:
    """Yield the identity of this home's worker, and keep any other from taking it.

    Forked children share the lock, so once it is free no supervisor of a former life lives.

    Raises:
        WorkerRunningError: another worker holds it.
    """
    home = settings.home_folder
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(home / "worker.lock", mode=0o600)
    try:
        with lock.acquire(timeout=_PATIENCE_S):
            yield Identity(
                worker_id=_keep(home / "worker.id", new_id("wrk")),
                installation=_keep(home / "installation.id", str(ULID())),
                incarnation=str(ULID()),
            )
    except Timeout as error:
        message = f"a worker already runs on {home}; give another one its own folder by STILLHOUSE_HOME"
        raise WorkerRunningError(message) from error


def _keep(path: Path, fresh: str) -> str:
    """Return the id in a file, writing `fresh` where there is none."""
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.write_text(fresh, "utf-8")
        draft.chmod(0o600)
        draft.rename(path)
    return path.read_text("utf-8").strip()
