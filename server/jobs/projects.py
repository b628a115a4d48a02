"""Projects: rooms for jobs, and how much of the service each may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, insert_into, lock, now
from server.jobs.errors import QuotaExceededError
from server.jobs.limits import count_devices
from server.jobs.queries import Slice, cut
from server.jobs.states import State
from server.jobs.tables import Job, Project


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project's jobs take now: devices that they hold, places in the queue."""

    num_devices: int
    num_queued: int


def ensure_project(session: Session, project: str) -> Project:
    """Return a project, made without limits where there is none of this name."""
    known = session.get(Project, project)
    if known is not None:
        return known
    insert = insert_into(session, Project).values(id=project, created_at=now(session))
    session.execute(insert.on_conflict_do_nothing())
    return session.get_one(Project, project)


def create_project(session: Session, project: str, *, max_devices: int | None, max_queued: int | None) -> bool:
    """Make a project; False when there is one of this name."""
    lock(session, f"project.{project}")
    if session.get(Project, project) is not None:
        return False
    row = Project(id=project, max_devices=max_devices, max_queued=max_queued, created_at=now(session))
    session.add(row)
    session.flush()
    return True


def limit_project(session: Session, project: str, *, max_devices: int | None, max_queued: int | None) -> bool:
    """Set a project's limits; False when there is none of this name. What runs goes on, whatever the new limit."""
    statement = update(Project).where(Project.id == project)
    return bool(change_rows(session, statement.values(max_devices=max_devices, max_queued=max_queued)))


def list_projects(session: Session, *, only: str | None, after: str | None, limit: int) -> Slice[Project]:
    """Return a page of projects by name; `only` keeps the one of this name."""
    query = select(Project).order_by(Project.id).limit(limit + 1)
    if only is not None:
        query = query.where(Project.id == only)
    if after is not None:
        query = query.where(Project.id > after)
    return cut(session.scalars(query), limit)


def read_usage(session: Session, projects: Sequence[str]) -> dict[str, Usage]:
    """Return what each of the projects takes now."""
    devices = count_devices(session)
    waiting = (Job.project.in_(projects), Job.state == State.QUEUED, Job.deleted_at.is_(None))
    counts = select(Job.project, func.count()).where(*waiting).group_by(Job.project)
    queued = dict(session.execute(counts).all())
    return {project: Usage(devices[project], queued.get(project, 0)) for project in projects}


def check_quota(session: Session, limits: Project, num_devices: int) -> None:
    """Refuse a job that its project has no room for.

    Args:
        session: a session that writes; the caller adds the job in the same transaction.
        limits: the project.
        num_devices: devices that the job asks for at once, on all its nodes.

    Raises:
        QuotaExceededError: the job could never start, or too many jobs of the project wait already.
    """
    project = limits.id
    if limits.max_devices is not None and num_devices > limits.max_devices:
        asked = f"the job asks for {num_devices} devices at once"
        raise QuotaExceededError(project, "max_devices", limits.max_devices, asked)
    if limits.max_queued is None:
        return
    lock(session, f"project.{project}")
    num_queued = read_usage(session, [project])[project].num_queued
    if num_queued >= limits.max_queued:
        raise QuotaExceededError(project, "max_queued", limits.max_queued, f"{num_queued} of its jobs wait already")
