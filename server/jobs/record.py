"""What an engine says becomes rows: every line of its events file exactly once.

The rows of a batch of lines and the file offset behind it are committed together, under the lease's token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, type_coerce, update
from sqlalchemy.orm import Session

from server.jobs.cache_key import CACHE_STATES
from server.jobs.database import change_rows, insert_into, now
from server.jobs.events import append_event, lock_events
from server.jobs.ids import new_id
from server.jobs.lease import Claim, write_guarded
from server.jobs.lines import (
    CacheLine,
    CheckpointLine,
    EvaluatedLine,
    Garbage,
    Line,
    MetricsLine,
    ProgressLine,
    RunStarted,
    StageStarted,
    WarningLine,
)
from server.jobs.metrics import forget_superseded, store_metrics
from server.jobs.moves import move_job
from server.jobs.states import State
from server.jobs.storable import storable
from server.jobs.tables import Attempt, Blob, Checkpoint, Job, UTCDateTime

_EVENTFUL = RunStarted | StageStarted | EvaluatedLine | WarningLine | CacheLine | CheckpointLine | Garbage


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive lines of an events file.

    Attributes:
        lines: what they say.
        start: offset of the first in bytes.
        end: offset behind the last.
        stored: sha256 of the checkpoints among them whose bytes are in the store; the others do not count.
    """

    lines: Sequence[Line]
    start: int
    end: int
    stored: frozenset[str] = frozenset()


def ingest(session: Session, claim: Claim, batch: Batch) -> int:
    """Record a batch unless it was recorded before.

    Returns:
        The offset that the file is recorded up to: other than the batch's end when the batch did not start where the
        record ends, and then nothing was written.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    if any(isinstance(line, _EVENTFUL) for line in batch.lines):
        lock_events(session)
    write_guarded(session, claim, **_job_columns(session, batch.lines))
    place = (Attempt.id == claim.attempt_id, Attempt.events_offset == batch.start)
    if not change_rows(session, update(Attempt).where(*place).values(events_offset=batch.end)):
        return session.scalars(select(Attempt.events_offset).where(Attempt.id == claim.attempt_id)).one()
    for line in batch.lines:
        _record_event(session, claim, line, batch.stored)
    _record_metrics(session, claim, [line for line in batch.lines if isinstance(line, MetricsLine)])
    return batch.end


def record_figures(session: Session, claim: Claim, figures: Mapping[str, float]) -> None:
    """Record what was measured of a running engine from outside, at the step where it stands.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    write_guarded(session, claim)
    started = select(Attempt.started_at).where(Attempt.id == claim.attempt_id)
    if session.scalars(started).one() is None:
        return  # where it will stand is not known before the engine has said so
    step = session.scalars(select(Job.step).where(Job.id == claim.job_id)).one() or 0
    _record_metrics(session, claim, [MetricsLine(type="metrics", time=now(session), step=step, values=dict(figures))])


def add_blob(session: Session, sha256: str, size: int) -> None:
    """Note bytes that are in the store, for whoever names them in this transaction: the collector leaves them."""
    insert = insert_into(session, Blob).values(sha256=sha256, size=size, created_at=now(session))
    session.execute(insert.on_conflict_do_update(index_elements=[Blob.sha256], set_={"unused_since": None}))


def _job_columns(session: Session, lines: Sequence[Line]) -> dict[str, Any]:
    """Return the job's columns after `lines`."""
    columns: dict[str, Any] = {"updated_at": now(session)}
    for line in lines:
        if isinstance(line, ProgressLine):
            share = line.step / line.total_steps if line.total_steps else None
            columns |= {"step": line.step, "total_steps": line.total_steps, "progress": share, "eta_s": line.eta_s}
        elif isinstance(line, MetricsLine):
            columns |= {"step": line.step}
        elif isinstance(line, RunStarted):
            columns |= {"step": line.resumed_from_step or 0}
            columns |= {} if line.total_steps is None else {"total_steps": line.total_steps}
        elif isinstance(line, EvaluatedLine):
            columns |= {"figures": storable(line.values)}
    return columns | _cache_columns(lines)


def _cache_columns(lines: Iterable[Line]) -> dict[str, Any]:
    """Return what the lines say of the teacher outputs: that they are being stored, or that others may read them."""
    modes = [line.mode for line in lines if isinstance(line, CacheLine)]
    if not modes:
        return {}
    known = [CACHE_STATES[mode] for mode in modes if mode in CACHE_STATES]
    return {"cache_state": known[-1] if known else None}


def _record_metrics(session: Session, claim: Claim, lines: list[MetricsLine]) -> None:
    if not lines:
        return
    cursor = session.scalars(select(Job.metric_cursor).where(Job.id == claim.job_id)).one()
    change_rows(session, update(Job).where(Job.id == claim.job_id).values(metric_cursor=cursor + len(lines)))
    store_metrics(session, claim, lines, cursor)


def _record_event(session: Session, claim: Claim, line: Line, stored: frozenset[str]) -> None:
    """Write the event, and the row where it has one, of a line that people should see in the job's history."""
    match line:
        case RunStarted():
            _start_run(session, claim, line)
        case StageStarted() | EvaluatedLine() | WarningLine() | CacheLine():
            _tell(session, claim, line.type, line.model_dump(mode="json", exclude={"time", "type"}))
        case Garbage():
            message = f"the engine wrote a line that is no event: {line.text}"
            _tell(session, claim, "warning", {"code": "events_unreadable", "message": message})
        case CheckpointLine() if line.sha256 in stored:
            _add_checkpoint(session, claim, line)


def _start_run(session: Session, claim: Claim, line: RunStarted) -> None:
    """The engine runs: so does the job, unless somebody asked it to end meanwhile."""
    moment = now(session)
    change_rows(session, update(Attempt).where(Attempt.id == claim.attempt_id).values(started_at=moment))
    move_job(
        session,
        claim.job_id,
        State.RUNNING,
        token=claim.token,
        actor=claim.worker_id,
        data=line.model_dump(mode="json", exclude={"time", "type"}),
        started_at=func.coalesce(Job.started_at, type_coerce(moment, UTCDateTime())),
    )
    if claim.attempt > 1:
        forget_superseded(session, claim, line.resumed_from_step or 0)


def _add_checkpoint(session: Session, claim: Claim, line: CheckpointLine) -> None:
    add_blob(session, line.sha256, line.size)
    checkpoint = Checkpoint(
        id=new_id("ckpt"),
        job_id=claim.job_id,
        attempt=claim.attempt,
        stage=line.stage,
        step=line.step,
        sha256=line.sha256,
        token=claim.token,
        created_at=now(session),
    )
    session.add(checkpoint)
    facts = {"id": checkpoint.id, "stage": line.stage, "step": line.step, "size": line.size}
    _tell(session, claim, "checkpoint", facts)


def _tell(session: Session, claim: Claim, type: str, data: dict[str, Any]) -> None:  # noqa: A002  the column's name
    append_event(session, claim.job_id, type, {"attempt": claim.attempt} | data, claim.worker_id)
