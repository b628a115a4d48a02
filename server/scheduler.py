"""Assignment on demand: requests that put jobs into the queue share the scheduler's passes."""

from __future__ import annotations

import asyncio
import time

import structlog
from anyio import to_thread

from server.jobs.assign import assign_jobs
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.settings import Settings

_REST_S = 0.05
"""Seconds from the start of one pass to that of the next: an idle service answers at once, a busy one in turns."""

_log = structlog.get_logger()


class Scheduler:
    """Gives queued jobs their devices soon after they were put there; the reconciler would do so a little later.

    One pass runs at a time. Whoever asks while it runs waits for the next one, which all of them share: it begins
    after their commits, so it sees their jobs.
    """

    def __init__(self, database: Database, doorbell: Doorbell, settings: Settings) -> None:
        self._database, self._doorbell, self._settings = database, doorbell, settings
        self._next: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._began_at = 0.0

    async def assign(self) -> None:
        """Return when a pass that began after this call is over."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        await asyncio.shield(self._next)

    async def _run(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
            await asyncio.sleep(self._began_at + _REST_S - time.monotonic())
        self._running, self._next = self._next, None
        self._began_at = time.monotonic()
        try:
            await to_thread.run_sync(assign_jobs, self._database, self._doorbell, self._settings)
        except Exception:  # noqa: BLE001  the jobs are stored, and their owners were told so already
            _log.exception("queued jobs were not assigned; the reconciler will")
        finally:
            self._running = None
