"""From a checked spec to a job in the queue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from distill_core.spec import ResolvedSpec
from server.jobs.database import insert_into, now
from server.jobs.events import append_event
from server.jobs.ids import new_id
from server.jobs.sizes import measure_spec
from server.jobs.states import State
from server.jobs.tables import Job, JobLabel, JobSpec, Project


def submit_job(
    session: Session,
    *,
    document: dict[str, Any],
    resolved: ResolvedSpec,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    priority: int = 0,
    max_restarts: int = 3,
    actor: str = "user",
    project: str = "default",
    parent_id: str | None = None,
    created_by: str | None = None,
) -> Job:
    """Add a job with its spec and its first event; the caller commits, then assigns.

    Args:
        session: a session that writes.
        document: the spec as it was sent.
        resolved: the same with everything written out; this is what runs.
        name: title of the job; the experiment's own if left out.
        labels: the job's labels.
        priority: jobs of a higher priority are assigned first.
        max_restarts: engine crashes that are answered by a new attempt.
        actor: who submits.
        project: the room that the job belongs to; made where it is missing.
        parent_id: the job that this one is a clone of.
        created_by: id of the key that submits it.
    """
    moment = now(session)
    session.execute(insert_into(session, Project).values(id=project, created_at=moment).on_conflict_do_nothing())
    plain = resolved.as_document()
    size = measure_spec(resolved)
    job = Job(
        id=new_id("job"),
        project=project,
        name=name or resolved.name,
        spec_sha256=digest_spec(plain),
        summary=summarise(resolved),
        state=State.QUEUED,
        priority=priority,
        max_restarts=max_restarts,
        num_nodes=resolved.runtime.nodes,
        num_devices=resolved.runtime.devices,
        total_steps=size.steps if size else None,
        parent_id=parent_id,
        created_by=created_by,
        queued_at=moment,
        created_at=moment,
        updated_at=moment,
    )
    session.add(job)
    session.flush()
    session.add(JobSpec(job_id=job.id, document=document, resolved=plain))
    session.add_all(
        JobLabel(project=project, key=key, value=value, job_id=job.id) for key, value in (labels or {}).items()
    )
    facts = {"state": job.state, "name": job.name, "priority": priority, "parent_id": parent_id}
    append_event(session, job.id, "submitted", facts, actor)
    return job


def digest_spec(document: dict[str, Any]) -> str:
    """Return the sha256 of the canonical JSON of a document."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def summarise(resolved: ResolvedSpec) -> dict[str, Any]:
    """Return what lists show of a spec."""
    last = resolved.stages[-1]
    teachers = {name for stage in resolved.stages for name in stage.teachers}
    return {
        "student": resolved.models[last.student].model,
        "teachers": sorted({resolved.models[name].model for name in teachers}),
        "datasets": sorted({stream.dataset for stream in resolved.data.values()}),
        "methods": sorted({term.method for stage in resolved.stages for term in stage.objective.values()}),
    }
