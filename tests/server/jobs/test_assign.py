from __future__ import annotations

import multiprocessing
from datetime import timedelta

from sqlalchemy import select, update

from server.jobs.assign import assign_jobs
from server.jobs.attempts import Ending
from server.jobs.database import Database, change_rows, now
from server.jobs.doorbell import Doorbell
from server.jobs.finish import Outcome, finish
from server.jobs.lease import take_up
from server.jobs.states import State
from server.jobs.tables import Device, Job, Member, Worker
from tests.server.jobs.ground import Ground, make_settings


def test_a_job_gets_its_devices_an_attempt_a_member_a_token_and_an_expiry(ground: Ground) -> None:
    worker_id = ground.announce(num_slots=2)
    job_id = ground.submit(num_devices=2)
    assert ground.assign() == 1
    job = ground.job(job_id)
    assert (job.state, job.lease_owner, job.lease_token, job.attempt) == ("starting", worker_id, 1, 1)
    assert job.lease_expires_at is not None
    assert ground.holders() == [job_id, job_id]
    (attempt,) = ground.attempts(job_id)
    assert (attempt.number, attempt.token) == (1, 1)
    assert attempt.devices == [{"node": 0, "worker_id": worker_id, "indices": [0, 1]}]
    with ground.database.read() as session:
        member = session.scalars(select(Member)).one()
        assert (member.worker_id, member.node, member.reported_at) == (worker_id, 0, None)
        assert member.rung_at is not None


def test_jobs_are_assigned_by_priority_and_then_by_age(ground: Ground) -> None:
    old, new, urgent = ground.submit(), ground.submit(), ground.submit(priority=5)
    ground.announce(num_slots=2)
    assert ground.assign() == 2
    assert [ground.job(job_id).state for job_id in (old, new, urgent)] == ["starting", "queued", "starting"]


def test_a_job_gets_all_its_nodes_or_nothing(ground: Ground) -> None:
    ground.announce(num_slots=2)
    job_id = ground.submit(num_nodes=2, num_devices=2)
    assert ground.assign() == 0
    assert ground.holders() == [None, None]
    ground.announce(num_slots=2)
    assert ground.assign() == 1
    assert ground.holders() == [job_id] * 4
    with ground.database.read() as session:
        assert sorted(session.scalars(select(Member.node))) == [0, 1]


def test_the_first_job_that_does_not_fit_holds_what_it_needs_and_others_fill_the_rest(ground: Ground) -> None:
    ground.announce(num_slots=2, worker_id="wrk_a")
    ground.announce(num_slots=1, worker_id="wrk_b")
    ground.submit()
    assert ground.assign() == 1
    small_first = ground.holders()
    assert small_first == [None, None, *small_first[2:]]
    ground.submit(num_devices=1)
    assert ground.assign() == 1  # one of the two slots of wrk_a is taken
    wide, narrow = ground.submit(num_devices=2), ground.submit()
    assert ground.assign() == 0  # the free slot is held for the wide one
    assert [ground.job(job_id).state for job_id in (wide, narrow)] == ["queued", "queued"]


def test_a_job_that_no_live_worker_could_ever_run_holds_nothing(ground: Ground) -> None:
    ground.announce(num_slots=1)
    ground.submit(num_devices=8)
    small = ground.submit()
    assert ground.assign() == 1
    assert ground.job(small).state == State.STARTING


def test_draining_stopped_and_silent_workers_get_nothing(ground: Ground) -> None:
    draining, stopped, silent = (ground.announce() for _ in range(3))
    with ground.database.write() as session:
        moment = now(session)
        for worker_id, values in (
            (draining, {"is_draining": True}),
            (stopped, {"stopped_at": moment}),
            (silent, {"heartbeat_at": moment - timedelta(seconds=60)}),
        ):
            change_rows(session, update(Worker).where(Worker.id == worker_id).values(values))
    ground.submit()
    assert ground.assign() == 0


def test_a_job_that_must_wait_is_not_assigned_before_its_time(ground: Ground) -> None:
    ground.announce()
    job_id = ground.submit()
    with ground.database.write() as session:
        later = now(session) + timedelta(seconds=60)
        change_rows(session, update(Job).where(Job.id == job_id).values(not_before=later))
    assert ground.assign() == 0


def _drain(environment: dict[str, str], seen: multiprocessing.Queue[tuple[str, int]]) -> None:
    """Assign, take up and finish jobs until the queue is empty, beside others that do the same."""
    settings = make_settings(environment)
    database, doorbell = Database(settings), Doorbell(settings)
    while True:
        assign_jobs(database, doorbell, settings)
        with database.read() as session:
            held = session.execute(select(Job.id, Job.lease_owner).where(Job.state == State.STARTING)).all()
            left = session.scalar(select(Job.id).where(Job.state.in_([State.QUEUED, State.STARTING])).limit(1))
        for job_id, worker_id in held:
            assert worker_id is not None
            with database.write() as session:
                claim = take_up(session, worker_id, job_id, 30)
                if claim is not None:
                    holders = select(Device.index).where(Device.job_id == job_id, Device.token == claim.token)
                    assert len(list(session.scalars(holders))) == 1
                    seen.put((job_id, claim.token))
            if claim is not None:
                with database.write() as session:
                    finish(session, claim, Outcome(State.SUCCEEDED, Ending()))
        if left is None:
            database.dispose()
            return


def test_several_processes_assign_and_claim_without_a_double_and_nothing_leaks(ground: Ground) -> None:
    for _ in range(2):
        ground.announce(num_slots=2)
    jobs = [ground.submit() for _ in range(24)]
    context = multiprocessing.get_context("fork")
    seen = context.Queue()
    environment = ground.environment | {"STILLHOUSE_LEASE_TTL_S": "60"}
    processes = [context.Process(target=_drain, args=(environment, seen)) for _ in range(3)]
    with ground.database.write() as session:  # the workers' rows beat for nobody: let them look alive
        change_rows(session, update(Worker).values(heartbeat_at=now(session) + timedelta(seconds=60)))
    ground.database.dispose()  # SQLite must not be open in a process that forks
    for process in processes:
        process.start()
    claims = [seen.get(timeout=60) for _ in jobs]
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert sorted(claims) == sorted((job_id, 1) for job_id in jobs)
    assert ground.holders() == [None] * 4
    assert all(ground.job(job_id).state == State.SUCCEEDED for job_id in jobs)
