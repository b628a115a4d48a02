"""Why a queued job gets no devices though some are free, told beside its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.jobs.cache_key import BUILDING, READY
from server.jobs.states import LEASED, Reason
from server.jobs.tables import Device, Job, Project

WAITS = frozenset({Reason.QUOTA, Reason.CACHE_BUILD})
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
        builders: key of teacher outputs -> the job of this pool that is storing them now.
        stored: keys of teacher outputs that some job has found complete.
    """

    held: Counter[str]
    max_devices: dict[str, int]
    builders: dict[str, str]
    stored: set[str]

    @classmethod
    def read(cls, session: Session, pool: str, queue: Iterable[Job]) -> Limits:
        """Return the limits as they stand now; slots are derived from leases, so nothing can leak here."""
        limited = select(Project.id, Project.max_devices).where(Project.max_devices.is_not(None))
        keys = {job.cache_key for job in queue if job.cache_key is not None}
        building = (Job.state.in_(LEASED), Job.pool == pool, Job.cache_state == BUILDING)
        builders = select(Job.cache_key, Job.id).where(Job.cache_key.in_(keys), *building)
        stored = select(Job.cache_key).where(Job.cache_key.in_(keys), Job.cache_state == READY).distinct()
        return cls(
            held=count_devices(session),
            max_devices={project: most for project, most in session.execute(limited) if most is not None},
            builders={key: job_id for key, job_id in session.execute(builders) if key is not None} if keys else {},
            stored=set(session.scalars(stored)) if keys else set(),
        )

    def find_wait(self, job: Job) -> Wait | None:
        """Return why a job may not have the devices that it asks for, None if it may."""
        most, held = self.max_devices.get(job.project), self.held[job.project]
        if most is not None and held + devices_of(job) > most:
            message = f"the project {job.project!r} holds {held} of the {most} devices that it may hold at once"
            return Wait(Reason.QUOTA, message)
        if job.cache_key is not None and (builder := self.builders.get(job.cache_key)) is not None:
            return Wait(Reason.CACHE_BUILD, f"waits until {builder} has stored what their teacher says")
        return None

    def take(self, job: Job) -> None:
        """Note that a job has got its devices: it stores its teacher's outputs unless they are known to be stored."""
        self.held[job.project] += devices_of(job)
        if job.cache_key is not None and job.cache_key not in self.stored:
            job.cache_state = BUILDING
            self.builders[job.cache_key] = job.id


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
