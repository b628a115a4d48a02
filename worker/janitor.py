"""The janitor of one host: kills engines that no lease holds, removes what dead attempts left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from sqlalchemy import select

from server.jobs.database import Database
from server.jobs.lease import is_held
from server.jobs.states import LEASED
from server.jobs.tables import Job
from worker.processes import Mark, kill_marked

_KEPT_S = 3600.0
"""Seconds for which the folder of a dead attempt is kept."""

_log = structlog.get_logger()


def sweep_orphans(database: Database, installation: str) -> list[Mark]:
    """Kill this installation's engines whose lease is not the live one of their job.

    What the database says decides: while it does not answer, nothing is killed.
    """
    with database.read() as session:
        killed = kill_marked(installation, lambda mark: not is_held(session, mark.job_id, mark.token))
    for mark in killed:
        _log.warning("killed a process that no lease holds", job=mark.job_id, attempt=mark.attempt)
    return killed


def sweep_folders(database: Database, attempts: Path, kept_s: float = _KEPT_S) -> list[Path]:
    """Remove the folders of attempts that are over and have not been written to for `kept_s` seconds."""
    old = [folder for folder in _attempt_folders(attempts) if time.time() - folder.stat().st_mtime > kept_s]
    with database.read() as session:
        live = {
            (job_id, number)
            for job_id, number in session.execute(select(Job.id, Job.attempt).where(Job.state.in_(LEASED)))
        }
    dead = [folder for folder in old if (folder.parent.name, int(folder.name)) not in live]
    for folder in dead:
        shutil.rmtree(folder, ignore_errors=True)
    for folder in attempts.glob("job_*"):
        if not any(folder.iterdir()):
            folder.rmdir()
    return dead


def _attempt_folders(attempts: Path) -> Iterator[Path]:
    return (folder for folder in attempts.glob("job_*/*") if folder.name.isdigit())
