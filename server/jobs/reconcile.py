"""The reconciler: finds what nobody will report, from the database alone.

A thread of each server process; one is active at a time. It expires no lease until it has seen the database without
a gap for one lease time: after an outage every lease looks expired, though the workers live.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, Select, and_, delete, not_, or_, select
from sqlalchemy.orm import Session

from server.jobs.assign import assign_jobs
from server.jobs.database import Database, change_rows, now
from server.jobs.doorbell import Doorbell
from server.jobs.events import lock_events
from server.jobs.halving import halve_sweeps
from server.jobs.leadership import hold, let_go
from server.jobs.loss import lose_attempt
from server.jobs.members import lose_silent_nodes
from server.jobs.moves import move_job
from server.jobs.needs import fail_dependents, tell_dependents
from server.jobs.states import LEASED, Reason, State
from server.jobs.tables import IdempotencyKey, Job, Member, Worker
from server.jobs.turns import queued_at
from server.jobs.workers import is_live
from server.settings import Settings

_RIGHT = "reconciler"
_IDEMPOTENCY_S = 24 * 3600
_ACTOR = "reconciler"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Findings:
    """What one pass did: ids of the jobs."""

    lost: tuple[str, ...]
    not_started: tuple[str, ...]
    rung: tuple[str, ...]
    num_assigned: int


def reconcile_once(database: Database, doorbell: Doorbell, settings: Settings, *, may_expire: bool) -> Findings:
    """Look once at everything that may have been lost.

    Args:
        database: where the jobs are.
        doorbell: how workers are told.
        settings: the service's times.
        may_expire: whether silence counts: False until the database has been seen without a gap for one lease time.
    """
    lost = _lose_expired(database) if may_expire else ()
    lost += lose_silent_nodes(database, settings.lease_ttl_s, _ACTOR) if may_expire else ()
    not_started = _dissolve_unreported(database, settings, may_expire=may_expire)
    rung = _ring_again(database, doorbell, settings)
    _forget_requests(database)
    fail_dependents(database, _ACTOR)
    tell_dependents(database)
    _fail_overdue(database)
    stopped = halve_sweeps(database, _ACTOR)
    findings = Findings(lost, not_started, rung, assign_jobs(database, doorbell, settings, recheck=True))
    if lost or not_started:
        _log.warning("jobs lost their worker", lost=lost, not_started=not_started)
    if stopped:
        _log.info("trials of sweeps lag behind and were stopped", stopped=stopped)
    if findings.num_assigned:
        _log.info("jobs got their devices", number=findings.num_assigned)
    return findings


class Reconciler(threading.Thread):
    """Reconciles again and again while this process is the one that does."""

    def __init__(
        self,
        database: Database,
        doorbell: Doorbell,
        settings: Settings,
        chores: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name="reconciler", daemon=True)
        self._database = database
        self._doorbell = doorbell
        self._settings = settings
        self._chores = chores
        self._owner = f"reconciler-{uuid4().hex}"
        self._stop_asked = threading.Event()
        self._seen_since: float | None = None
        self._seen_at = 0.0

    def run(self) -> None:
        """Pass after pass until `stop`."""
        while not self._stop_asked.is_set():
            try:
                self._pass()
            except Exception:  # noqa: BLE001  the thread outlives every failed pass
                self._seen_since = None
                _log.exception("a pass of the reconciler failed")
            self._stop_asked.wait(self._settings.reconcile_s)

    def stop(self) -> None:
        """End the thread and give the right to reconcile back."""
        self._stop_asked.set()
        self.join()
        try:
            with self._database.write() as session:
                let_go(session, _RIGHT, self._owner)
        except Exception:  # noqa: BLE001  the end of a process; the right expires by itself
            _log.exception("the reconciler's right was not given back; it expires")

    def _pass(self) -> None:
        with self._database.write() as session:
            is_mine = hold(
                session, _RIGHT, self._owner, max(self._settings.lease_ttl_s, 3 * self._settings.reconcile_s)
            )
        self._note_sight()
        if is_mine:
            reconcile_once(self._database, self._doorbell, self._settings, may_expire=self._may_expire())
            self._chores()

    def _note_sight(self) -> None:
        """Note that the database answers; a long time since the last answer counts as a gap."""
        moment = time.monotonic()
        longest = max(self._settings.lease_ttl_s / 2, 3 * self._settings.reconcile_s)
        if self._seen_since is None or moment - self._seen_at > longest:
            self._seen_since = moment
        self._seen_at = moment

    def _may_expire(self) -> bool:
        return self._seen_since is not None and self._seen_at - self._seen_since >= self._settings.lease_ttl_s


def _lose_expired(database: Database) -> tuple[str, ...]:
    """Take the jobs whose lease has run out from their workers."""
    with database.read() as session:
        suspects = session.scalars(select(Job.id).where(*_expired(now(session)))).all()
    return tuple(job_id for job_id in suspects if _lose_if_expired(database, job_id))


def _lose_if_expired(database: Database, job_id: str) -> bool:
    with database.write() as session:
        lock_events(session)
        still = select(Job.lease_owner).where(Job.id == job_id, *_expired(now(session))).with_for_update()
        owner = session.scalar(still)
        message = f"worker {owner} was silent for longer than its lease"
        return owner is not None and bool(
            lose_attempt(session, job_id, reason=Reason.WORKER_LOST, message=message, actor=_ACTOR)
        )


def _expired(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Job.state.in_(LEASED), Job.lease_expires_at <= moment)


def _dissolve_unreported(database: Database, settings: Settings, *, may_expire: bool) -> tuple[str, ...]:
    """Take the jobs back whose worker did not answer the doorbell in time, or is gone."""
    with database.read() as session:
        suspects = session.scalars(_unreported(now(session), settings, may_expire=may_expire)).unique().all()
    return tuple(job_id for job_id in suspects if _dissolve(database, job_id, settings, may_expire=may_expire))


def _dissolve(database: Database, job_id: str, settings: Settings, *, may_expire: bool) -> bool:
    with database.write() as session:
        lock_events(session)
        session.scalar(select(Job.id).where(Job.id == job_id).with_for_update())
        still = _unreported(now(session), settings, may_expire=may_expire).where(Job.id == job_id)
        if session.scalar(still) is None:
            return False
        message = "the worker that was to run it did not answer"
        return bool(lose_attempt(session, job_id, reason=Reason.NOT_STARTED, message=message, actor=_ACTOR))


def _unreported(moment: datetime, settings: Settings, *, may_expire: bool) -> Select[str]:
    """Select the jobs with a member that will not answer any more."""
    gone = not_(is_live(moment, settings.lease_ttl_s)) if may_expire else Worker.stopped_at.is_not(None)
    late = Member.created_at <= moment - timedelta(seconds=settings.report_s)
    hopeless = or_(gone, late) if may_expire else gone
    return (
        select(Job.id)
        .join(Member, and_(Member.job_id == Job.id, Member.token == Job.lease_token))
        .join(Worker, Worker.id == Member.worker_id)
        .where(Job.state.in_(LEASED), Member.reported_at.is_(None), hopeless)
    )


def _ring_again(database: Database, doorbell: Doorbell, settings: Settings) -> tuple[str, ...]:
    """Ring the doorbells again that nobody has answered."""
    with database.write() as session:
        bells = _take_unanswered(session, settings)
    for worker_id, job_id in bells:
        doorbell.ring(worker_id, job_id)
    return tuple(job_id for _, job_id in bells)


def _take_unanswered(session: Session, settings: Settings) -> list[tuple[str, str]]:
    moment = now(session)
    unanswered = (
        select(Member)
        .join(Job, and_(Job.id == Member.job_id, Job.lease_token == Member.token))
        .where(
            Job.state.in_(LEASED),
            Member.reported_at.is_(None),
            Member.rung_at <= moment - timedelta(seconds=settings.ring_s),
        )
        .with_for_update(of=Member)
    )
    members = session.scalars(unanswered).all()
    for member in members:
        member.rung_at = moment
    return [(member.worker_id, member.job_id) for member in members]


def _fail_overdue(database: Database) -> None:
    """Fail the jobs that have waited in the queue for longer than they should."""
    with database.read() as session:
        bounded = select(Job).where(Job.state == State.QUEUED, Job.max_pending_s.is_not(None))
        overdue = [job for job in session.scalars(bounded) if _is_overdue(job, now(session))]
    for job in overdue:
        with database.write() as session:
            move_job(
                session,
                job.id,
                State.FAILED,
                reason=Reason.MAX_PENDING,
                message=f"it waited for longer than {job.max_pending_s:g} s",
                actor=_ACTOR,
                sources={State.QUEUED},
            )


def _is_overdue(job: Job, moment: datetime) -> bool:
    return moment - queued_at(job) > timedelta(seconds=job.max_pending_s or 0.0)


def _forget_requests(database: Database) -> None:
    """Drop idempotency keys that are older than a day."""
    with database.write() as session:
        limit = now(session) - timedelta(seconds=_IDEMPOTENCY_S)
        change_rows(session, delete(IdempotencyKey).where(IdempotencyKey.created_at < limit))
