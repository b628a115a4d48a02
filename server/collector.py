"""What the server tidies up now and then: old rows, bytes that nothing names, uploads that nobody goes on with."""

from __future__ import annotations

import time

import structlog

from server.artifacts import ArtifactStore
from server.jobs.collect import mark_unused, sweep_unknown, sweep_unused
from server.jobs.database import Database
from server.jobs.purge import delete_finished, forget_records, purge_deleted
from server.jobs.uploads import expire_uploads, find_open
from server.settings import Settings
from server.spool import Spool

_JOBS = 20
_BLOBS = 200
_SHARDS = 256

_log = structlog.get_logger()


class Collector:
    """Tidies up when it is time; each round is bounded, so that the reconciler's own work does not wait for it."""

    def __init__(self, database: Database, store: ArtifactStore, spool: Spool, settings: Settings) -> None:
        self._database, self._store, self._spool, self._settings = database, store, spool, settings
        self._next_at = 0.0
        self._shard = 0

    def collect_if_due(self) -> None:
        """Tidy up unless that was done a short while ago; called by whoever holds the reconciler's right."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._settings.collect_s
        self.collect()

    def collect(self) -> None:
        """Tidy up once."""
        grace_s = self._settings.collect_grace_s
        with self._database.write() as session:
            if self._settings.retention_days is not None:
                delete_finished(session, self._settings.retention_days)
            forget_records(session)
        num_jobs = purge_deleted(self._database, self._settings.deleted_days, _JOBS)
        with self._database.write() as session:
            mark_unused(session)
        num_blobs = sweep_unused(self._database, self._store, grace_s, _BLOBS)
        num_unknown = sweep_unknown(self._database, self._store, grace_s, self._shard)
        self._shard = (self._shard + 1) % _SHARDS
        self._tidy_spool()
        if num_jobs or num_blobs or num_unknown:
            _log.info("old things were removed", jobs=num_jobs, blobs=num_blobs, unknown=num_unknown)

    def _tidy_spool(self) -> None:
        with self._database.write() as session:
            expire_uploads(session)
            kept = find_open(session)
        self._spool.sweep(kept)
