"""Why a queued job gets no devices though some are free, told beside its state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.jobs.states import Reason
from server.jobs.tables import Device, Job, Project

WAITS = frozenset({Reason.QUOTA})
"""Reasons that the scheduler gives, and takes back when they no longer hold."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a job waits, for programs and for people."""

    reason: Reason
    message: str


@dataclass(slots=True)
class Limits:
    """What one pass of the scheduler has to keep to.

    Attributes:
        held: project -> devices that its jobs hold now, in all pools.
        max_devices: project -> devices that its jobs may hold at once, where that is limited.
    """

    held: Counter[str]
    max_devices: dict[str, int]

    @classmethod
    def read(cls, session: Session) -> Limits:
        """Return the limits as they stand now; slots are derived from leases, so nothing can leak here."""
        limited = select(Project.id, Project.max_devices).where(Project.max_devices.is_not(None))
        most = {project: devices for project, devices in session.execute(limited) if devices is not None}
        return cls(count_devices(session), most)

    def find_wait(self, job: Job) -> Wait | None:
        """Return why a job may not have the devices that it asks for, None if it may."""
        most, held = self.max_devices.get(job.project), self.held[job.project]
        if most is None or held + devices_of(job) <= most:
            return None
        message = f"the project {job.project!r} holds {held} of the {most} devices that it may hold at once"
        return Wait(Reason.QUOTA, message)

    def take(self, job: Job) -> None:
        """Note that a job has got its devices."""
        self.held[job.project] += devices_of(job)


def note_wait(job: Job, wait: Wait | None) -> None:
    """Write down why a queued job waits; other reasons stay where there is nothing to say."""
    if wait is not None and (job.status_reason, job.status_message) != (wait.reason, wait.message):
        job.status_reason, job.status_message = wait.reason, wait.message
    elif wait is None and job.status_reason in WAITS:
        job.status_reason = job.status_message = None


def count_devices(session: Session) -> Counter[str]:
    """Return how many devices the jobs of each project hold now."""
    held = select(Job.project, func.count()).join(Device, Device.job_id == Job.id).group_by(Job.project)
    return Counter(dict(session.execute(held).all()))


def devices_of(job: Job) -> int:
    """Return how many devices a job asks for, on all its nodes."""
    return job.num_nodes * job.num_devices
