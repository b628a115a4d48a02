"""Jobs that take the student of another job as a model, and wait until it is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from distill_core.errors import Problem
from distill_core.spec import ResolvedSpec
from distill_core.spec.inputs import NamedJob, find_jobs
from distill_core.spec.model import ArtifactWeights, JobWeights
from server.jobs.database import Database
from server.jobs.events import lock_events
from server.jobs.inputs import find_students
from server.jobs.moves import move_job
from server.jobs.states import TERMINAL, Reason, State
from server.jobs.tables import Job, JobNeed

_LOST = TERMINAL - {State.SUCCEEDED}
"""States of a needed job from which no student will come."""


@dataclass(slots=True)
class Needs:
    """What a spec takes of other jobs.

    Attributes:
        students: id of a job that has succeeded -> its student's artifact.
        pending: ids of the jobs whose students are still to come.
        problems: of jobs that cannot be waited for.
    """

    students: dict[str, str] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_needs(session: Session, spec: Mapping[str, Any], project: str | None) -> Needs:
    """Return what the plain data of a spec takes of other jobs.

    Args:
        session: a session that reads.
        spec: the spec, free of problems.
        project: the one project whose jobs may be named; None for all.
    """
    needs = Needs()
    named = list(find_jobs(spec))
    if not named:
        return needs
    jobs = {job.id: job for job in session.scalars(select(Job).where(*_visible({each.id for each in named}, project)))}
    students = find_students(session, jobs)
    for each in named:
        job = jobs.get(each.id)
        if job is None:
            message = "there is no such job"
            needs.problems.append(Problem(each.pointer, "job_unknown", message, each.id, "the id of a job"))
        elif job.state in _LOST or (job.state == State.SUCCEEDED and job.id not in students):
            needs.problems.append(_explain_loss(each, job))
        elif job.state == State.SUCCEEDED:
            needs.students[job.id] = students[job.id].id
        elif job.id not in needs.pending:
            needs.pending.append(job.id)
    return needs


def name_students(resolved: ResolvedSpec, students: Mapping[str, str]) -> ResolvedSpec:
    """Return the spec with the artifacts of jobs that have succeeded in these jobs' place."""
    models = dict(resolved.models)
    for name, model in models.items():
        if isinstance(model.weights, JobWeights) and model.weights.job in students:
            weights = ArtifactWeights(artifact=students[model.weights.job])
            models[name] = model.model_copy(update={"weights": weights})
    return resolved.model_copy(update={"models": models})


def is_unblocked() -> ColumnElement[bool]:
    """Return the condition that all the jobs that a job needs have succeeded."""
    return not_(_unmet().where(JobNeed.job_id == Job.id).exists())


def fail_dependents(database: Database, actor: str) -> tuple[str, ...]:
    """Fail the jobs whose needed job has failed or was cancelled, and those that need these in their turn.

    The reconciler does it, not the transaction that ends the needed job: so it does not matter by which way either
    of them came to its state, and a dependent that is retried while nothing has changed is told again.
    """
    failed: list[str] = []
    while found := [job_id for job_id in _find_dependents(database) if _fail_dependent(database, job_id, actor)]:
        failed += found
    return tuple(failed)


def tell_dependents(database: Database) -> None:
    """Let queued jobs say that they wait for other jobs as long as they do, and no longer."""
    has_reason = func.coalesce(Job.status_reason, "") == Reason.DEPENDENCY
    stale = (
        Job.state == State.QUEUED,
        or_(and_(has_reason, is_unblocked()), and_(not_(has_reason), not_(is_unblocked()))),
    )
    with database.read() as session:
        found = list(session.scalars(select(Job.id).where(*stale)))
    for job_id in found:
        with database.write() as session:
            job = session.scalars(select(Job).where(Job.id == job_id, *stale).with_for_update(of=Job)).one_or_none()
            if job is not None:
                needed = session.scalars(_unmet().where(JobNeed.job_id == job_id).order_by(JobNeed.needed_id)).all()
                job.status_reason = Reason.DEPENDENCY if needed else None
                job.status_message = describe_wait(needed) if needed else None


def describe_wait(needed: Sequence[str]) -> str:
    """Return in words that a job waits for others."""
    return f"waits for the student of {', '.join(needed)}"


def _unmet() -> Select[str]:
    """Select the ids of the needed jobs that have not succeeded."""
    needed = aliased(Job)
    return select(JobNeed.needed_id).join(needed, needed.id == JobNeed.needed_id).where(needed.state != State.SUCCEEDED)


def _visible(ids: set[str], project: str | None) -> Iterator[ColumnElement[bool]]:
    yield Job.id.in_(ids)
    yield Job.deleted_at.is_(None)
    if project is not None:
        yield Job.project == project


def _explain_loss(named: NamedJob, job: Job) -> Problem:
    message = f"{job.id} is {job.state} and has no student"
    return Problem(named.pointer, "job_without_student", message, job.id, "a job that has succeeded or may still do so")


def _lost_needs() -> Select[str, str, str]:
    """Select the queued jobs that wait in vain, with the job that they need and its state."""
    needed = aliased(Job)
    return (
        select(Job.id, needed.id, needed.state)
        .join(JobNeed, JobNeed.job_id == Job.id)
        .join(needed, needed.id == JobNeed.needed_id)
        .where(Job.state == State.QUEUED, needed.state.in_(_LOST))
        .order_by(Job.id, needed.id)
    )


def _find_dependents(database: Database) -> list[str]:
    with database.read() as session:
        return list(dict.fromkeys(session.scalars(_lost_needs())))


def _fail_dependent(database: Database, job_id: str, actor: str) -> bool:
    with database.write() as session:
        lock_events(session)
        row = session.execute(_lost_needs().where(Job.id == job_id)).first()
        if row is None:
            return False
        _, needed_id, state = row
        message = f"it needs the student of {needed_id}, which is {state}"
        reason = Reason.DEPENDENCY_FAILED
        return move_job(
            session, job_id, State.FAILED, reason=reason, message=message, actor=actor, sources={State.QUEUED}
        )
