"""From a checked spec to a job in the queue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy.orm import Session

from distill_core.spec import ResolvedSpec
from server.jobs.cache_key import find_cache_key
from server.jobs.control import find_control_key, find_peer_key
from server.jobs.database import do_last, now
from server.jobs.events import append_event
from server.jobs.ids import new_id
from server.jobs.inputs import find_makers, named_uploads
from server.jobs.needs import describe_wait
from server.jobs.projects import check_quota, ensure_project
from server.jobs.sizes import measure_spec
from server.jobs.states import Reason, State
from server.jobs.tables import Job, JobLabel, JobNeed, JobSpec, JobUpload


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
    created_by: str | None = None,
    project: str = "default",
    parent_id: str | None = None,
    needs: Sequence[str] = (),
    max_pending_s: float | None = None,
    export_of: str | None = None,
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
        created_by: key that submits.
        project: the room that the job belongs to; made where it is missing.
        parent_id: the job that this one is a clone of.
        needs: the jobs whose students it waits for.
        max_pending_s: seconds in the queue after which the job fails.
        export_of: the job whose student is exported, where that is all that is to be done.

    Raises:
        QuotaExceededError: the project has no room for the job.
    """
    check_quota(session, ensure_project(session, project), resolved.runtime.nodes * resolved.runtime.devices)
    plain = resolved.as_document()
    job = Job(
        id=new_id("job"),
        project=project,
        name=name or resolved.name,
        created_by=created_by,
        state=State.QUEUED,
        priority=priority,
        max_restarts=max_restarts,
        max_pending_s=max_pending_s,
        parent_id=parent_id,
        export_of=export_of,
        **dict.fromkeys(("queued_at", "created_at", "updated_at"), now(session)),
        **_describe_work(session, resolved, plain, is_export=export_of is not None),
    )
    session.add(job)
    session.flush()
    session.add(JobSpec(job_id=job.id, document=document, resolved=plain))
    _add_labels(session, job, labels or {})
    _add_inputs(session, job, needs, named_uploads(plain))
    return _tell(session, job, actor)


def _describe_work(
    session: Session, resolved: ResolvedSpec, plain: dict[str, Any], *, is_export: bool
) -> dict[str, Any]:
    """Return the columns of a job that follow from its spec; an export takes no step and is no control."""
    size = None if is_export else measure_spec(resolved)
    return {
        "spec_sha256": digest_spec(plain),
        "summary": summarise(resolved),
        "cache_key": None if is_export else find_cache_key(resolved, find_makers(session, plain)),
        "control_key": None if is_export else find_control_key(resolved),
        "peer_key": None if is_export else find_peer_key(resolved),
        "num_nodes": resolved.runtime.nodes,
        "num_devices": resolved.runtime.devices,
        "total_steps": size.steps if size else None,
    }


def _add_labels(session: Session, job: Job, labels: Mapping[str, str]) -> None:
    session.add_all(JobLabel(project=job.project, key=key, value=value, job_id=job.id) for key, value in labels.items())


def _add_inputs(session: Session, job: Job, needs: Sequence[str], uploads: AbstractSet[str]) -> None:
    """Write down which uploads a job reads and which jobs' students it waits for, and let it say so."""
    session.add_all(JobUpload(job_id=job.id, upload_id=upload_id) for upload_id in sorted(uploads))
    if not needs:
        return
    session.add_all(JobNeed(job_id=job.id, needed_id=needed_id) for needed_id in needs)
    job.status_reason, job.status_message = Reason.DEPENDENCY, describe_wait(needs)


def _tell(session: Session, job: Job, actor: str) -> Job:
    """Let the first event say that the job is there, and return it."""
    facts = {"state": job.state, "name": job.name, "priority": job.priority, "parent_id": job.parent_id}
    do_last(session, lambda: append_event(session, job.id, "submitted", facts, actor, job.created_at))
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
