"""What a supervisor sees of its engine: the events file and the log, on their way into the database."""

from __future__ import annotations

import structlog

from server.artifacts import ArtifactStore
from server.jobs.database import Database
from server.jobs.finish import Outcome
from server.jobs.lease import Claim, write_attempt, write_guarded
from server.jobs.lines import FailedLine, Line, StoppedLine, SucceededLine
from server.jobs.logs import LogArchive, append_log
from server.jobs.record import Batch, ingest, record_figures
from server.jobs.retention import forget_old_checkpoints
from server.settings import Settings
from worker.engine import Order
from worker.gauge import Gauge
from worker.outcome import Wish, decide
from worker.results import Results
from worker.tail import EventsTail, LogTail

_LOG_END_BYTES = 2000

_log = structlog.get_logger()


class Watch:
    """Records what an engine says, exactly once, and remembers its last word."""

    def __init__(
        self, settings: Settings, claim: Claim, database: Database, store: ArtifactStore, order: Order, *, pid: int
    ) -> None:
        self.order = order
        self.results = Results(store, order.folder)
        self._settings = settings
        self._claim = claim
        self._database = database
        self._store = store
        self._events = EventsTail(order.events)
        self._log = LogTail(order.log, settings.max_log_bytes)
        self._gauge = Gauge(pid, order.visible)
        self._last: Line | None = None
        self._unnoted_pid: int | None = pid

    def record(self) -> None:
        """Record everything that the engine has said since the last time.

        Raises:
            LeaseLostError: the job belongs to another attempt now.
        """
        if self._unnoted_pid is not None:
            self._note_process(self._unnoted_pid)
        while (batch := self._events.read()) is not None:
            self._record_batch(batch)
        while data := self._log.read():
            self._record_log(data)
        if figures := self._gauge.read():
            with self._database.write() as session:
                record_figures(session, self._claim, figures)

    def decide(self, exit_code: int, wish: Wish | None) -> Outcome:
        """Return what the end of the engine means for the job."""
        return decide(exit_code, self._last, wish, self.results.flaws, self._log_end())

    def archive_log(self) -> LogArchive:
        """Store the whole log."""
        return self.results.archive_log(self.order.log, self._settings.max_log_bytes)

    def _note_process(self, pid: int) -> None:
        with self._database.write() as session:
            write_guarded(session, self._claim)
            write_attempt(session, self._claim, pid=pid)
        self._unnoted_pid = None

    def _record_batch(self, batch: Batch) -> None:
        """Store what the lines announce, then their rows and the offset behind them together."""
        stored = self.results.store(list(batch.lines))
        with self._database.write() as session:
            whole = Batch(batch.lines, batch.start, batch.end, stored)
            offset = ingest(session, self._claim, whole)
        last_words = [line for line in batch.lines if isinstance(line, SucceededLine | StoppedLine | FailedLine)]
        self._last = last_words[-1] if last_words else self._last
        self._events.offset = offset
        if stored:
            self._drop_old_checkpoints()

    def _drop_old_checkpoints(self) -> None:
        with self._database.write() as session:
            digests = forget_old_checkpoints(session, self._claim)
        for digest in digests:
            try:
                self._store.delete(digest)
            except Exception:  # noqa: BLE001  a file too many harms nobody; the run goes on
                _log.exception("an old checkpoint stays in the store", sha256=digest)

    def _record_log(self, data: bytes) -> None:
        with self._database.write() as session:
            self._log.offset = append_log(
                session, self._claim, self._log.offset, data, max_bytes=self._settings.max_log_bytes
            )

    def _log_end(self) -> str:
        """Return the last lines of the log, for people."""
        with self.order.log.open("rb") as source:
            source.seek(max(0, self.order.log.stat().st_size - _LOG_END_BYTES))
            return source.read().decode("utf-8", "replace").strip()
