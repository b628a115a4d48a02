"""The end of an attempt in one transaction: its results, its log, its row, and the job's move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.jobs.attempts import Ending, end_attempt
from server.jobs.database import now
from server.jobs.events import append_event, lock_events
from server.jobs.exports import make_room, name_export, read_wanted
from server.jobs.ids import new_id
from server.jobs.lease import Claim, write_guarded
from server.jobs.logs import LOG_NAME, LogArchive, drop_chunks
from server.jobs.moves import move_job
from server.jobs.record import add_blob
from server.jobs.states import Reason, State
from server.jobs.storable import storable
from server.jobs.tables import Artifact, Job

_BACK_OFF_S = 2.0
_LONGEST_BACK_OFF_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt, as its supervisor saw it.

    Attributes:
        target: where the job goes: succeeded, failed, cancelled, paused, or queued for another attempt.
        ending: how the attempt ended.
        message: why, for people.
        problems: of a spec that the engine refused.
    """

    target: State
    ending: Ending
    message: str | None = None
    problems: Sequence[dict[str, Any]] = field(default=())


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """A result whose bytes are in the store."""

    kind: str
    name: str
    sha256: str
    size: int


def finish(
    session: Session,
    claim: Claim,
    outcome: Outcome,
    *,
    artifacts: Sequence[StoredArtifact] = (),
    log: LogArchive | None = None,
) -> State:
    """End the claim's attempt and move its job; no process of the attempt lives any more.

    What people asked for meanwhile counts: a job that is being cancelled is cancelled unless it has succeeded, and
    one that is being paused is not given another attempt. The artifacts are kept only with success.

    Returns:
        The state that the job went to.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    lock_events(session)
    write_guarded(session, claim)
    job = session.scalars(select(Job).where(Job.id == claim.job_id).execution_options(populate_existing=True)).one()
    outcome = _settle(job, outcome)
    if outcome.target is State.SUCCEEDED:
        for artifact in artifacts:
            _add_result(session, claim, artifact)
    if log is not None:
        stored = StoredArtifact("log", LOG_NAME, log.sha256, log.size)
        _add_artifact(session, claim, stored, claim.job_id, claim.attempt)
        drop_chunks(session, claim, log.log_bytes)
    end_attempt(session, claim.job_id, claim.token, outcome.ending)
    move_job(
        session,
        claim.job_id,
        outcome.target,
        reason=outcome.ending.reason,
        message=outcome.message,
        token=claim.token,
        actor=claim.worker_id,
        data={"exit_code": outcome.ending.exit_code, "signal": outcome.ending.signal},
        **_columns(session, job, outcome),
    )
    return outcome.target


def _settle(job: Job, outcome: Outcome) -> Outcome:
    """Return where the job really goes, given what people asked for and how often it may restart."""
    if outcome.target is State.SUCCEEDED:
        return outcome
    if job.state == State.CANCELLING:
        ending = replace(outcome.ending, reason=Reason(job.status_reason or Reason.USER_CANCELLED), is_counted=False)
        return Outcome(State.CANCELLED, ending, job.status_message)
    if job.state == State.PAUSING and outcome.target is State.QUEUED:
        return Outcome(State.PAUSED, replace(outcome.ending, reason=Reason.USER_PAUSED, is_counted=False))
    if outcome.target is State.QUEUED and outcome.ending.is_counted and job.num_restarts >= job.max_restarts:
        message = f"{outcome.message}; no restart is left of {job.max_restarts}"
        return Outcome(State.FAILED, replace(outcome.ending, reason=Reason.RESTARTS_EXHAUSTED), message)
    return outcome


def _columns(session: Session, job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return the job's columns that an outcome sets."""
    if outcome.target is State.SUCCEEDED:
        return {"progress": 1.0}
    columns: dict[str, Any] = {"problems": storable(outcome.problems)}
    if outcome.ending.is_counted:
        columns |= {"num_restarts": job.num_restarts + 1}
    if outcome.ending.is_counted and outcome.target is State.QUEUED:
        wait_s = min(_BACK_OFF_S * 2**job.num_restarts, _LONGEST_BACK_OFF_S)
        columns |= {"not_before": now(session) + timedelta(seconds=wait_s)}
    return columns


def _add_result(session: Session, claim: Claim, artifact: StoredArtifact) -> None:
    """Add what an attempt made to its job; what an export made belongs to the job whose student it is."""
    source = session.get(Job, claim.export_of) if claim.export_of else None
    if source is None:
        _add_artifact(session, claim, artifact, claim.job_id, claim.attempt)
        return
    name = name_export(read_wanted(claim.resolved))
    make_room(session, source, name)
    _add_artifact(session, claim, replace(artifact, name=name), source.id, source.attempt)


def _add_artifact(session: Session, claim: Claim, artifact: StoredArtifact, job_id: str, attempt: int) -> None:
    add_blob(session, artifact.sha256, artifact.size)
    row = Artifact(
        id=new_id("art"),
        job_id=job_id,
        attempt=attempt,
        kind=artifact.kind,
        name=artifact.name,
        sha256=artifact.sha256,
        token=claim.token,
        created_at=now(session),
    )
    session.add(row)
    session.flush()
    facts = {"id": row.id, "kind": row.kind, "name": row.name, "size": artifact.size, "sha256": row.sha256}
    append_event(session, job_id, "artifact", {"attempt": attempt} | facts, claim.worker_id)
