from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import select, update

from server.jobs.database import change_rows, now
from server.jobs.leadership import hold, let_go
from server.jobs.reconcile import Findings, Reconciler, reconcile_once
from server.jobs.states import State
from server.jobs.tables import IdempotencyKey, Job, Member, Worker
from server.jobs.verbs import cancel_job
from server.jobs.workers import stop_worker
from tests.server.jobs.ground import Ground


def _reconcile(ground: Ground, *, may_expire: bool = True) -> Findings:
    return reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=may_expire)


def _let_expire(ground: Ground, job_id: str) -> None:
    with ground.database.write() as session:
        past = now(session) - timedelta(seconds=1)
        change_rows(session, update(Job).where(Job.id == job_id).values(lease_expires_at=past))


def _age(ground: Ground, seconds: float) -> None:
    """Make every unanswered doorbell look that much older."""
    with ground.database.write() as session:
        then = now(session) - timedelta(seconds=seconds)
        change_rows(session, update(Member).values(created_at=then, rung_at=then))


def test_an_expired_lease_gives_the_job_a_new_attempt_at_once(ground: Ground) -> None:
    claim = ground.start_job()
    assert _reconcile(ground).lost == ()
    _let_expire(ground, claim.job_id)
    assert _reconcile(ground) == Findings((claim.job_id,), (), (), 1)
    job = ground.job(claim.job_id)
    assert (job.state, job.lease_token, job.num_restarts) == ("starting", 2, 0)
    types = [event.type for event in ground.events(claim.job_id)]
    assert types == ["submitted", "starting", "worker_lost", "starting"]


def test_silence_does_not_count_before_the_database_was_watched_long_enough(ground: Ground) -> None:
    claim = ground.start_job()
    _let_expire(ground, claim.job_id)
    assert _reconcile(ground, may_expire=False).lost == ()
    assert ground.job(claim.job_id).state == State.STARTING


def test_a_job_that_was_being_cancelled_is_cancelled_when_its_worker_is_lost(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        cancel_job(session, claim.job_id, "user")
    _let_expire(ground, claim.job_id)
    _reconcile(ground)
    assert ground.job(claim.job_id).state == State.CANCELLED


def test_a_doorbell_without_an_answer_rings_again_and_in_the_end_dissolves_the_attempt(ground: Ground) -> None:
    ground.announce()
    job_id = ground.submit()
    ground.assign()
    assert _reconcile(ground).rung == ()
    _age(ground, ground.settings.ring_s + 0.5)
    assert _reconcile(ground).rung == (job_id,)
    assert _reconcile(ground).rung == ()
    _age(ground, ground.settings.report_s + 0.5)
    assert _reconcile(ground).not_started == (job_id,)
    assert [attempt.reason for attempt in ground.attempts(job_id)] == ["not_started", None]


def test_a_job_whose_worker_has_stopped_before_answering_is_taken_back_at_once(ground: Ground) -> None:
    worker_id = ground.announce()
    waiting = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        stop_worker(session, worker_id, session.get_one(Worker, worker_id).incarnation)
    assert _reconcile(ground, may_expire=False).not_started == (waiting,)
    assert ground.job(waiting).state == State.QUEUED
    assert ground.holders() == [None]


def test_a_start_that_is_cancelled_and_never_answered_ends_cancelled(ground: Ground) -> None:
    ground.announce()
    job_id = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        cancel_job(session, job_id, "user")
    _age(ground, ground.settings.report_s + 0.5)
    _reconcile(ground)
    assert ground.job(job_id).state == State.CANCELLED


def test_requests_are_forgotten_after_a_day(ground: Ground) -> None:
    job_id = ground.submit()
    with ground.database.write() as session:
        for hours in (1, 25):
            age = now(session) - timedelta(hours=hours)
            session.add(IdempotencyKey(scope="", key=str(hours), body_sha256="", job_id=job_id, created_at=age))
    _reconcile(ground)
    with ground.database.read() as session:
        assert list(session.scalars(select(IdempotencyKey.key))) == ["1"]


def test_one_process_reconciles_at_a_time_and_a_crashed_one_is_followed(ground: Ground) -> None:
    with ground.database.write() as session:
        assert hold(session, "reconciler", "a", 60)
        assert hold(session, "reconciler", "a", 60)
        assert not hold(session, "reconciler", "b", 60)
        let_go(session, "reconciler", "a")
        assert hold(session, "reconciler", "b", 0.01)
    time.sleep(0.05)
    with ground.database.write() as session:
        assert hold(session, "reconciler", "a", 60)


def test_the_thread_waits_one_lease_time_before_it_expires_a_lease_and_stops_when_told(ground: Ground) -> None:
    claim = ground.start_job()
    _let_expire(ground, claim.job_id)
    reconciler = Reconciler(ground.database, ground.doorbell, ground.settings)
    started = time.monotonic()
    reconciler.start()
    try:
        while ground.job(claim.job_id).state != State.QUEUED:
            assert time.monotonic() - started < 20
            time.sleep(0.05)
    finally:
        reconciler.stop()
    assert time.monotonic() - started >= ground.settings.lease_ttl_s
    assert not reconciler.is_alive()
    with ground.database.write() as session:
        assert hold(session, "reconciler", "another", 1)
