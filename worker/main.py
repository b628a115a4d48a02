"""Starts the worker: announces it, runs Celery's prefork pool on a queue of its own, stops it without losing work."""

from __future__ import annotations

import multiprocessing
import signal
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog
from celery import Celery, signals
from celery.exceptions import SecurityWarning

from server.jobs.doorbell import TASK, build_celery, queue_of
from server.jobs.patience import DatabaseUnreachableError, patiently
from server.jobs.workers import register
from server.logs import configure_logging
from server.settings import Settings, UnworkableSettingsError, check_settings
from worker.answer import answer_doorbell
from worker.engine import EngineCommand
from worker.host import Host, describe_host
from worker.identity import WorkerRunningError, hold_identity
from worker.janitor import sweep_folders
from worker.keeper import Keeper, open_database
from worker.processes import kill_marked

_log = structlog.get_logger()


def run(settings: Settings, command: EngineCommand | None = None) -> int:
    """Serve as this home's worker until SIGTERM or SIGINT; running engines save a checkpoint first.

    Returns:
        The exit code of the process.
    """
    configure_logging(settings.log_format)
    try:
        check_settings(settings)
        with hold_identity(settings) as identity:
            for number in (signal.SIGTERM, signal.SIGINT):  # until Celery has handlers of its own
                signal.signal(number, _leave)
            return _serve(settings, describe_host(settings, identity), command)
    except (WorkerRunningError, UnworkableSettingsError, DatabaseUnreachableError) as error:
        _log.error("the worker does not start", reason=str(error))
        return 1


@patiently
def _announce(settings: Settings, host: Host) -> None:
    """End what a former life left on this host, then register: its jobs are queued again at once."""
    orphans = kill_marked(host.identity.installation, lambda _mark: True)
    with open_database(settings) as database:
        with database.write() as session:
            lost = register(session, host.announcement)
        sweep_folders(database, settings.home_folder / "attempts")
    slots = len(host.announcement.slots)
    _log.info("the worker starts", worker=host.identity.worker_id, slots=slots, orphans=len(orphans), lost=lost)


def _serve(settings: Settings, host: Host, command: EngineCommand | None) -> int:
    # One byte without a lock: a lock would stay locked for ever if a child were killed while it looked.
    stopping = multiprocessing.RawValue("b", 0)
    keeper = Keeper(settings, host)

    def on_ready(**_: Any) -> None:
        keeper.start()

    def on_stopping(**_: Any) -> None:
        stopping.value = 1
        keeper.leave()

    # Celery warns root of pickled messages; ours are JSON alone.
    warnings.simplefilter("ignore", SecurityWarning)
    signals.worker_ready.connect(on_ready)
    signals.worker_shutting_down.connect(on_stopping)
    app = build_app(settings, host, lambda: bool(stopping.value), command)
    worker = app.Worker(
        hostname=f"{host.identity.worker_id}@{host.announcement.host}",
        pool="prefork",
        concurrency=len(host.announcement.slots),
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    try:
        _announce(settings, host)
        worker.start()
    except SystemExit:
        return 0
    finally:
        keeper.stop()
    return 0 if stopping.value else worker.exitcode or 0  # Celery calls Ctrl-C a failure


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def build_app(
    settings: Settings, host: Host, is_stopping: Callable[[], bool], command: EngineCommand | None = None
) -> Celery:
    """Return the Celery application of a worker, with its one task and its one queue."""
    app = build_celery(settings)
    app.conf.task_queues = [queue_of(host.identity.worker_id)]

    @app.task(name=TASK)  # type: ignore[untyped-decorator]  # celery is half typed
    def supervise(job_id: str) -> None:
        answer_doorbell(settings, host, job_id, is_stopping, command)

    return app
