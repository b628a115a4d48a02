"""People change what describes a job, or take a job that is over off the lists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, now
from server.jobs.errors import MoveRefusedError
from server.jobs.events import append_event
from server.jobs.states import TERMINAL, State, verbs_of
from server.jobs.tables import Job, JobLabel


def fingerprint(job: Job, labels: Mapping[str, str]) -> str:
    """Return what changes with the fields that people may edit, and with nothing else."""
    fields = [job.name, dict(labels), job.priority, job.notes]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def edit_job(
    session: Session, job: Job, columns: Mapping[str, Any], labels: Mapping[str, str] | None, actor: str
) -> None:
    """Change what describes a job; the caller has locked it.

    Args:
        session: a session that writes.
        job: the job.
        columns: name, priority and notes, as far as they change.
        labels: all its labels from now on; None leaves them.
        actor: who edits.
    """
    changed = {name: value for name, value in columns.items() if getattr(job, name) != value}
    if labels is not None:
        _replace_labels(session, job, labels)
    facts = changed | ({} if labels is None else {"labels": dict(labels)})
    if not facts:
        return
    values = changed | {"updated_at": now(session)}
    change_rows(session, update(Job).where(Job.id == job.id).values(values))
    session.refresh(job)
    append_event(session, job.id, "edited", facts, actor)


def delete_job(session: Session, job: Job, actor: str) -> None:
    """Take a job that is over off the lists; the caller has locked it. Its rows stay until they are collected.

    Raises:
        MoveRefusedError: the job is not over.
    """
    state = State(job.state)
    if state not in TERMINAL:
        raise MoveRefusedError(job.id, "delete", state, verbs_of(state))
    moment = now(session)
    change_rows(session, update(Job).where(Job.id == job.id).values(deleted_at=moment, updated_at=moment))
    append_event(session, job.id, "deleted", {}, actor)


def _replace_labels(session: Session, job: Job, labels: Mapping[str, str]) -> None:
    change_rows(session, delete(JobLabel).where(JobLabel.job_id == job.id))
    session.add_all(JobLabel(project=job.project, key=key, value=value, job_id=job.id) for key, value in labels.items())
    session.flush()
