"""Celery as a doorbell: a message says at most which job to look at; the database decides."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from kombu.entity import Exchange, Queue

from server.settings import Settings

TASK = "stillhouse.supervise"
"""Name of the one task there is; its argument is a job id."""

_log = structlog.get_logger()


class Doorbell:
    """Rings workers, each on a queue of its own."""

    def __init__(self, settings: Settings) -> None:
        self._celery = build_celery(settings)

    def ring(self, worker_id: str, job_id: str) -> None:
        """Tell a worker to look at a job; a bell that fails is logged, and the reconciler rings again."""
        try:
            self._celery.send_task(TASK, (job_id,), queue=queue_of(worker_id), retry=False)
        except Exception:  # noqa: BLE001  a request or a pass goes on without its bell
            _log.exception("the doorbell failed", job=job_id, worker=worker_id)

    def close(self) -> None:
        """Close the connections to the broker."""
        self._celery.close()


def build_celery(settings: Settings) -> Celery:
    """Return the Celery application of server and worker."""
    app = Celery("stillhouse", set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_create_missing_queues=False,
        task_default_exchange="",
        worker_prefetch_multiplier=1,
        worker_lost_wait=0.5,  # a killed pool process leaves no result to wait for
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_timeout=3,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        **_broker(settings),
    )
    return app


def queue_of(worker_id: str) -> Queue:
    """Return a worker's own queue, on the default exchange: nothing has to be bound."""
    exchange = Exchange("")
    return Queue(worker_id, exchange=exchange, routing_key=worker_id)


def mail_folder(settings: Settings) -> Path:
    """Return the folder of the filesystem broker's messages."""
    return settings.home_folder / "broker"


def empty_mail(settings: Settings) -> None:
    """Throw away the filesystem broker's messages, as before a start: the reconciler rings again for what is due."""
    shutil.rmtree(mail_folder(settings), ignore_errors=True)


def _broker(settings: Settings) -> dict[str, Any]:
    if not settings.broker_url.startswith("filesystem:"):
        # A message seen twice is harmless, so the timeout only has to be long enough to be no noise. A bell gives up
        # soon, since a request may wait for it.
        options: dict[str, Any] = {"visibility_timeout": 43_200, "socket_connect_timeout": 3, "socket_keepalive": True}
        options |= {"max_retries": 1, "interval_start": 0.1, "interval_step": 0, "interval_max": 0.1}
        return {"broker_url": settings.broker_url, "broker_transport_options": options}
    folder = mail_folder(settings)
    for child in (folder, folder / "letters", folder / "control"):
        child.mkdir(mode=0o700, parents=True, exist_ok=True)
    letters = str(folder / "letters")
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport": "server.jobs.mailbox:Transport",
        "broker_transport_options": {
            "data_folder_in": letters,
            "data_folder_out": letters,
            "control_folder": str(folder / "control"),
            "polling_interval": 0.1,
        },
    }
