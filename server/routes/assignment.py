"""What follows a request that puts a job into the queue, once its reply is sent."""

from __future__ import annotations

import structlog

from server.jobs.assign import assign_jobs
from server.service import Service

_log = structlog.get_logger()


def assign_now(service: Service) -> None:
    """Give queued jobs a device at once where one is free; the reconciler would do so a little later."""
    try:
        assign_jobs(service.database, service.doorbell, service.settings)
    except Exception:  # noqa: BLE001  the job is stored, and its owner was told so already
        _log.exception("queued jobs were not assigned; the reconciler will")
