"""A database with jobs and workers in it, on either set of stores, and times short enough for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from distill_core.spec import resolve
from server.jobs.assign import assign_jobs
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.ids import new_id
from server.jobs.lease import Claim, take_up
from server.jobs.submit import submit_job
from server.jobs.tables import Attempt, Device, Event, Job
from server.jobs.workers import Announcement, Slot, register
from server.settings import Settings

QUICK = {
    "STILLHOUSE_LEASE_TTL_S": "3",
    "STILLHOUSE_HEARTBEAT_S": "0.5",
    "STILLHOUSE_RECONCILE_S": "0.3",
    "STILLHOUSE_REPORT_S": "5",
    "STILLHOUSE_RING_S": "1",
    "STILLHOUSE_POLL_S": "0.1",
    "STILLHOUSE_GRACE_S": "5",
    "STILLHOUSE_ISOLATION_LIMIT_S": "20",
}


def make_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings that a process with these variables would have."""
    return Settings.model_validate(
        {
            name.removeprefix("STILLHOUSE_").lower(): json.loads(value) if value.startswith("[") else value
            for name, value in environment.items()
        }
    )


def experiment(**behaviour: Any) -> dict[str, Any]:
    """Return a small valid spec; its description tells the stand-in engine how to behave."""
    return {
        "version": 1,
        "name": "a small one",
        "description": json.dumps(behaviour),
        "models": {"student": {"model": "light_nn"}},
        "data": {"train": {"dataset": "digits", "num_samples": 128}},
        "stages": [
            {
                "name": "train",
                "student": "student",
                "train": "train",
                "epochs": 1,
                "batch_size": 64,
                "objective": {"ce": {"method": "ce"}},
                "optimizer": {"optimizer": "sgd", "lr": 0.1},
            }
        ],
    }


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a test of jobs stands."""

    environment: dict[str, str]
    settings: Settings
    database: Database
    doorbell: Doorbell

    def submit(
        self, document: dict[str, Any] | None = None, *, num_devices: int = 1, num_nodes: int = 1, **how: Any
    ) -> str:
        """Submit a job and return its id."""
        document = document or experiment()
        with self.database.write() as session:
            job = submit_job(session, document=document, resolved=resolve(document), **how)
            job.num_devices, job.num_nodes = num_devices, num_nodes
        return job.id

    def announce(self, num_slots: int = 1, worker_id: str | None = None) -> str:
        """Register a worker that is only a row, and return its id."""
        announcement = Announcement(
            worker_id=worker_id or new_id("wrk"),
            pool=self.settings.pool,
            host="nowhere",
            pid=1,
            incarnation=new_id("wrk"),
            version="0",
            facts={},
            slots=tuple(Slot(index, "cpu", "nothing") for index in range(num_slots)),
        )
        with self.database.write() as session:
            register(session, announcement)
        return announcement.worker_id

    def assign(self) -> int:
        """Run one pass of the scheduler, for which workers that are only rows live long enough."""
        return assign_jobs(self.database, self.doorbell, self.patient_settings)

    @property
    def patient_settings(self) -> Settings:
        """The settings, with leases that outlast a slow test."""
        return self.settings.model_copy(update={"lease_ttl_s": 40.0})

    def claim(self, worker_id: str, job_id: str) -> Claim:
        """Take up a job as a worker that is only a row."""
        with self.database.write() as session:
            claim = take_up(session, worker_id, job_id, self.settings.lease_ttl_s)
        assert claim is not None
        return claim

    def start_job(self, document: dict[str, Any] | None = None) -> Claim:
        """Bring a new job so far that a worker holds it."""
        self.announce()
        job_id = self.submit(document)
        assert self.assign() == 1
        owner = self.job(job_id).lease_owner
        assert owner is not None
        return self.claim(owner, job_id)

    def job(self, job_id: str) -> Job:
        """Return a job as it stands now."""
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job, first to last."""
        with self.database.read() as session:
            return list(session.scalars(select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)))

    def events(self, job_id: str) -> list[Event]:
        """Return what happened to a job, in order."""
        with self.database.read() as session:
            return list(session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.seq)))

    def holders(self) -> list[str | None]:
        """Return who holds each slot of every worker."""
        with self.database.read() as session:
            return list(session.scalars(select(Device.job_id).order_by(Device.worker_id, Device.index)))
