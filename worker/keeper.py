"""The worker's own heartbeat and its janitor, in a thread of the process that forks the pool.

SQLite must not be open while a process forks, or the child inherits locks that it does not hold. So the thread opens
the database for a moment only, and a fork waits for that moment to pass.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from server.jobs.database import Database
from server.jobs.workers import beat, stop_worker
from server.settings import Settings
from worker.caches import report_cache, start_removal
from worker.datasets import sweep_datasets
from worker.host import Host
from worker.janitor import sweep_folders, sweep_orphans

_FOLDERS_S = 600.0
_CACHE_S = 60.0
"""Seconds between two reports of the stored teacher outputs."""

_log = structlog.get_logger()
_no_fork = threading.Lock()
os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_no_fork.release)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Yield the database to a process that forks; it forks only when it is closed again."""
    with _no_fork:
        database = Database(settings)
        try:
            yield database
        finally:
            database.dispose()


class Keeper(threading.Thread):
    """Beats for the worker, cleans its host, and at the end says that it takes no more jobs."""

    def __init__(self, settings: Settings, host: Host) -> None:
        super().__init__(name="keeper", daemon=True)
        self._settings = settings
        self._identity = host.identity
        self._is_leaving = False
        self._is_over = False
        self._woken = threading.Event()
        self._folders_at = time.monotonic()
        self._cache_at = time.monotonic() - _CACHE_S
        self._removal: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Beat after beat until `stop`."""
        while not self._is_over:
            self._woken.wait(self._settings.heartbeat_s)
            self._woken.clear()
            self._try_pass()

    def leave(self) -> None:
        """Tell the service soon that this worker takes no more jobs, and beat on while engines save."""
        self._is_leaving = True
        self._woken.set()

    def stop(self) -> None:
        """End the thread; its last word is the goodbye."""
        self._is_leaving = self._is_over = True
        self._woken.set()
        if self.is_alive():
            self.join()
        else:
            self._try_pass()

    def _report_cache(self, database: Database) -> list[str]:
        """Tell what stored outputs lie here, now and then; return what is to be removed."""
        if time.monotonic() - self._cache_at < _CACHE_S or self._is_leaving:
            return []
        self._cache_at = time.monotonic()
        return report_cache(database, self._settings.cache_folder)

    def _remove(self, keys: list[str]) -> None:
        """Remove stored outputs beside everything else; one that is in use is tried again with the next report."""
        is_busy = self._removal is not None and self._removal.poll() is None
        if keys and not is_busy:
            self._removal = start_removal(self._settings.cache_folder, keys)

    def _try_pass(self) -> None:
        try:
            self._pass()
        except Exception:  # noqa: BLE001  the thread outlives every outage of the database
            _log.exception("a heartbeat of the worker failed")

    def _pass(self) -> None:
        with open_database(self._settings) as database:
            with database.write() as session:
                is_current = beat(session, self._identity.worker_id, self._identity.incarnation)
                if self._is_leaving:
                    stop_worker(session, self._identity.worker_id, self._identity.incarnation)
            sweep_orphans(database, self._identity.installation)
            if time.monotonic() - self._folders_at > _FOLDERS_S:
                sweep_folders(database, self._settings.home_folder / "attempts")
                sweep_datasets(self._settings.home_folder / "datasets")
                self._folders_at = time.monotonic()
            doomed = self._report_cache(database)
        self._remove(doomed)
        if not is_current and not self._is_leaving:
            _log.error("another start of this worker has taken its place: stopping", worker=self._identity.worker_id)
            os.kill(os.getpid(), signal.SIGTERM)
