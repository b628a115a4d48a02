"""One attempt on this host, from the doorbell to the job's next state."""

from __future__ import annotations

import errno
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from server.artifacts import ArtifactStore
from server.jobs.attempts import Ending
from server.jobs.database import OUTAGES, Database
from server.jobs.errors import LeaseLostError
from server.jobs.events import lock_events
from server.jobs.finish import Outcome, finish
from server.jobs.lease import Claim, read_orders
from server.jobs.logs import LogArchive
from server.jobs.states import Reason, State
from server.jobs.workers import stop_worker
from server.settings import Settings
from worker.engine import EngineCommand, EngineProcess, Order
from worker.heart import Heart
from worker.host import Host
from worker.janitor import sweep_orphans
from worker.outcome import Wish
from worker.prepare import InputMissingError, attempt_folder, make_mark, prepare
from worker.processes import end_processes
from worker.watch import Watch

PARTING_S = 10.0
"""Seconds in which an engine has to end whose other ranks are gone: there is nothing left to save."""
_STUBBORN_S = 10.0
"""Seconds after which processes that outlive SIGKILL are complained about."""

_log = structlog.get_logger()
Result = TypeVar("Result")


class Supervisor:
    """Supervises one attempt; leaves without a word when the lease is lost, and never leaves a process behind."""

    def __init__(
        self,
        settings: Settings,
        host: Host,
        claim: Claim,
        *,
        database: Database,
        is_stopping: Callable[[], bool],
        command: EngineCommand,
    ) -> None:
        self._settings = settings
        self._host = host
        self._claim = claim
        self._database = database
        self._store = ArtifactStore(settings)
        self._is_stopping = is_stopping
        self._command = command
        self._mark = make_mark(host, claim)
        self._heart = Heart(settings, claim)
        self._watch: Watch | None = None
        self._was_terminated = False
        self._wish: Wish | None = None
        self._kill_at: float | None = None
        self._away_since: float | None = None

    def run(self) -> None:
        """Run the attempt to its end and move the job."""
        self._heart.start()
        try:
            with self._sigterm_means_stop():
                state = self._settle(self._try_execute())
            _log.info("the attempt is over", state=state)
        except LeaseLostError:
            _log.warning("the lease is lost: leaving")
        except SQLAlchemyError:
            _log.exception("the database stayed away: leaving the job to the reconciler")
        finally:
            self._end_processes()
            self._heart.stop()
            shutil.rmtree(attempt_folder(self._settings, self._claim), ignore_errors=True)

    def _try_execute(self) -> Outcome:
        """Execute; what the supervisor itself cannot do becomes an outcome, too."""
        try:
            return self._execute()
        except InputMissingError as error:
            return Outcome(State.FAILED, Ending(Reason.ARTIFACT_MISSING), str(error))
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                return self._give_up(error)
            return Outcome(State.FAILED, Ending(Reason.DISK_FULL), f"the worker's disk is full: {error}")
        except (LeaseLostError, *OUTAGES):
            raise
        except Exception as error:  # noqa: BLE001  the edge of the process: logged, and turned into a state
            return self._give_up(error)

    def _give_up(self, error: Exception) -> Outcome:
        _log.exception("the supervisor failed", exc_info=error)
        ending = Ending(Reason.ENGINE_KILLED, is_counted=True)
        return Outcome(State.QUEUED, ending, f"the engine was ended, as its supervisor failed: {error!r}")

    def _execute(self) -> Outcome:
        sweep_orphans(self._database, self._host.identity.installation)
        self._obey()
        if self._wish is not None:
            return _unstarted(self._wish)
        order = self._prepare()
        if order is None:
            return _unstarted(self._wish)
        process = EngineProcess.start(self._command, order, self._settings)
        _log.info("the engine runs", pid=process.pid)
        self._watch = self._open_watch(order, process.pid)
        while (exit_code := process.wait(self._settings.poll_s)) is None:
            self._look(self._watch)
            self._press(process)
        self._end_processes()
        self._retry(self._watch.record)
        return self._conclude(exit_code, self._watch)

    def _prepare(self) -> Order | None:
        """Lay out the attempt's folder; None when somebody wants meanwhile that no engine starts."""
        return prepare(self._database, self._store, self._settings, self._host, self._claim)

    def _open_watch(self, order: Order, pid: int) -> Watch:
        return Watch(self._settings, self._claim, self._database, self._store, order, pid=pid)

    def _conclude(self, exit_code: int, watch: Watch) -> Outcome:
        return watch.decide(exit_code, self._wish)

    def _look(self, watch: Watch | None) -> None:
        """Take in what the engine said and what people want; while the database is away the engine goes on."""
        if self._heart.is_lost:
            raise LeaseLostError(self._claim.job_id, self._claim.token)
        try:
            self._obey()
            if watch is not None:
                watch.record()
            self._away_since = None
        except OUTAGES as error:
            self._endure(error)
        if self._is_stopping() or self._was_terminated:
            self._wish = self._wish or Wish.SHUTDOWN

    def _endure(self, error: Exception) -> None:
        """Note an outage of the database; only one that lasts too long stops the engine."""
        if self._away_since is None:
            _log.warning("the database does not answer: the engine goes on", error=str(error))
            self._away_since = time.monotonic()
        if time.monotonic() - self._away_since > self._settings.isolation_limit_s:
            self._wish = self._wish or Wish.ISOLATION

    def _obey(self) -> None:
        with self._database.read() as session:
            orders = read_orders(session, self._claim)
        if orders.cancel:
            self._wish = Wish.CANCEL
        elif orders.pause:
            self._wish = self._wish or Wish.PAUSE
        elif orders.part:
            self._wish = self._wish or Wish.PART
        elif orders.clear:
            self._wish = self._wish or Wish.DRAIN

    def _press(self, process: EngineProcess) -> None:
        """Ask the engine to stop once somebody wants it; kill it when its grace is over."""
        if self._wish is None:
            return
        if self._kill_at is None:
            _log.info("asking the engine to stop", wish=self._wish)
            process.ask_to_stop()
            grace_s = min(PARTING_S, self._settings.grace_s) if self._wish is Wish.PART else self._settings.grace_s
            self._kill_at = time.monotonic() + grace_s
        elif time.monotonic() > self._kill_at:
            _log.warning("the engine did not stop within its grace: killing it")
            self._end_processes()

    def _settle(self, outcome: Outcome) -> State:
        """Move the job once nothing of the attempt lives and everything of it is stored."""
        self._end_processes()
        log = self._archive_log()
        return self._retry(lambda: self._finish(outcome, log))

    def _archive_log(self) -> LogArchive | None:
        try:
            return self._watch.archive_log() if self._watch else None
        except Exception:  # noqa: BLE001  a store that is full or away must not hide how the job ended
            _log.exception("the log was not archived: its rows stay")
            return None

    def _finish(self, outcome: Outcome, log: LogArchive | None) -> State:
        artifacts = self._watch.results.artifacts if self._watch else []
        with self._database.write() as session:
            lock_events(session)
            if self._wish is Wish.SHUTDOWN:  # so that the job is not given to this worker again
                stop_worker(session, self._host.identity.worker_id, self._host.identity.incarnation)
            return finish(session, self._claim, outcome, artifacts=artifacts, log=log)

    def _end_processes(self) -> None:
        while not end_processes(self._mark, _STUBBORN_S):
            _log.error("processes of the attempt outlive SIGKILL")

    def _retry(self, action: Callable[[], Result]) -> Result:
        """Do something with the database, again and again while it does not answer."""
        attempts = Retrying(
            retry=retry_if_exception_type(OUTAGES),
            stop=stop_after_delay(self._settings.isolation_limit_s),
            wait=wait_exponential(multiplier=0.2, max=10),
            reraise=True,
        )
        return attempts(action)

    @contextmanager
    def _sigterm_means_stop(self) -> Iterator[None]:
        """While the engine runs, SIGTERM to this process asks the engine to save first."""

        def note(_number: int, _frame: FrameType | None) -> None:
            self._was_terminated = True

        before = signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _unstarted(wish: Wish | None) -> Outcome:
    """Return the outcome of an attempt that was called off before its engine started."""
    if wish is Wish.CANCEL:
        return Outcome(State.CANCELLED, Ending(Reason.USER_CANCELLED))
    if wish is Wish.PAUSE:
        return Outcome(State.PAUSED, Ending(Reason.USER_PAUSED))
    if wish is Wish.DRAIN:
        return Outcome(State.QUEUED, Ending(Reason.DRAINED), "its worker was drained")
    return Outcome(State.QUEUED, Ending(Reason.PREEMPTED), "its worker was stopped")
