"""The heartbeat of one lease, in a thread of its supervisor."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.jobs.database import Database
from server.jobs.errors import LeaseLostError
from server.jobs.lease import Claim, heartbeat
from server.settings import Settings

_log = structlog.get_logger()


class Heart(threading.Thread):
    """Holds the lease while the supervisor works; beats on through outages of the database."""

    def __init__(self, settings: Settings, claim: Claim) -> None:
        super().__init__(name="heart", daemon=True)
        self._settings = settings
        self._claim = claim
        self._stop_asked = threading.Event()
        self._lost = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether the job belongs to another attempt now."""
        return self._lost.is_set()

    def run(self) -> None:
        """Beat after beat until `stop`, or until the lease is lost."""
        database = Database(self._settings)
        while not self._stop_asked.wait(self._settings.heartbeat_s):
            try:
                with database.write() as session:
                    heartbeat(session, self._claim, self._settings.lease_ttl_s)
            except LeaseLostError:
                self._lost.set()
                break
            except SQLAlchemyError as error:
                _log.warning("a heartbeat failed", job=self._claim.job_id, error=str(error))
        database.dispose()

    def stop(self) -> None:
        """End the thread."""
        self._stop_asked.set()
        self.join()
