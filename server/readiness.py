"""Whether the service can take requests: each thing that it needs, looked at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from celery.exceptions import OperationalError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from server.jobs.database import now
from server.jobs.doorbell import build_celery, mail_folder
from server.jobs.tables import Worker
from server.jobs.workers import is_live
from server.migrate import read_head, read_revision
from server.service import Service
from server.settings import Settings
from server.views import CheckView

MIN_FREE_BYTES = 256 * 2**20


def check_all(service: Service) -> list[CheckView]:
    """Return how everything is that the service needs, and whether a worker lives."""
    needed = {
        "database": _check_database,
        "schema": _check_schema,
        "broker": _check_broker,
        "disk": _check_disk,
    }
    return [_try(service, name, check, is_needed=True) for name, check in needed.items()] + [
        _try(service, "workers", _check_workers, is_needed=False)
    ]


def _try(service: Service, name: str, check: Callable[[Service], tuple[bool, str]], *, is_needed: bool) -> CheckView:
    try:
        ok, message = check(service)
    except (SQLAlchemyError, OperationalError, OSError) as error:
        ok, message = False, f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return CheckView(name=name, ok=ok, is_needed=is_needed, message=message)


def _check_database(service: Service) -> tuple[bool, str]:
    with service.database.read() as session:
        now(session)
    return True, "the database answers"


def _check_schema(service: Service) -> tuple[bool, str]:
    revision, head = read_revision(service.database), read_head()
    return revision == head, f"the schema is at revision {revision}; this version needs {head}"


def _check_broker(service: Service) -> tuple[bool, str]:
    return check_broker(service.settings)


def check_broker(settings: Settings) -> tuple[bool, str]:
    """Return whether the broker takes messages, and what was seen."""
    with build_celery(settings).connection_for_write(connect_timeout=1.0) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=2.0)
    if connection.transport.driver_name != "filesystem":
        return True, "the broker answers"
    folder = mail_folder(settings)
    return os.access(folder, os.W_OK), f"the broker's folder is {folder}"


def _check_disk(service: Service) -> tuple[bool, str]:
    folders = [service.settings.home_folder]
    if "://" not in service.settings.artifact_address:
        folders.append(Path(service.settings.artifact_address).expanduser())
    free = min(shutil.disk_usage(folder).free for folder in folders)
    return free >= MIN_FREE_BYTES, f"{free // 2**20} MiB are free; {MIN_FREE_BYTES // 2**20} MiB are needed"


def _check_workers(service: Service) -> tuple[bool, str]:
    with service.database.read() as session:
        live = is_live(now(session), service.settings.lease_ttl_s)
        count = session.scalar(select(func.count()).select_from(Worker).where(live)) or 0
    return count > 0, f"{count} live worker{'s' if count != 1 else ''}; jobs wait without one"
