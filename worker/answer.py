"""Answers the doorbell: takes up what is assigned to this worker, and supervises it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from structlog.contextvars import bound_contextvars

from server.jobs.assign import assign_jobs
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.lease import Claim, take_up
from server.settings import Settings
from worker.engine import EngineCommand
from worker.host import Host
from worker.lead import LeadSupervisor
from worker.member import MemberSupervisor
from worker.supervise import Supervisor


def answer_doorbell(
    settings: Settings,
    host: Host,
    job_id: str,
    is_stopping: Callable[[], bool],
    command: EngineCommand | None = None,
) -> None:
    """Run the attempt of a job that is assigned to this worker, if there is one; afterwards look for the next job.

    Args:
        settings: the service's settings.
        host: this worker.
        job_id: the job that the doorbell named.
        is_stopping: says whether the worker has been asked to stop.
        command: the engine; another program in tests.
    """
    database = Database(settings)
    try:
        if is_stopping():
            return
        with database.write() as session:
            claim = take_up(session, host.identity.worker_id, job_id, settings.lease_ttl_s)
        if claim is None:
            return
        with bound_contextvars(job=job_id, attempt=claim.attempt):
            engine = command or EngineCommand()
            kind = _choose(claim)
            kind(settings, host, claim, database=database, is_stopping=is_stopping, command=engine).run()
        with closing(Doorbell(settings)) as doorbell:
            assign_jobs(database, doorbell, settings)
    finally:
        database.dispose()


def _choose(claim: Claim) -> type[Supervisor]:
    """Return what supervises an attempt here: on one host, as node 0 of several, or as a further node."""
    if claim.num_nodes == 1:
        return Supervisor
    return LeadSupervisor if claim.is_lead else MemberSupervisor
