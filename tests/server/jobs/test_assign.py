from __future__ import annotations

import multiprocessing
from datetime import datetime, timedelta

from sqlalchemy import select, update

from server.jobs.assign import assign_jobs
from server.jobs.attempts import Ending
from server.jobs.database import Database, change_rows, now
from server.jobs.doorbell import Doorbell
from server.jobs.finish import Outcome, finish
from server.jobs.lease import take_up
from server.jobs.states import State
from server.jobs.tables import Device, Job, Member, Project, Worker
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


def _run_to_its_end(ground: Ground, job_id: str) -> None:
    owner = ground.job(job_id).lease_owner
    assert owner is not None
    claim = ground.claim(owner, job_id)
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.SUCCEEDED, Ending()))


def test_a_job_on_two_nodes_gets_them_under_a_stream_of_small_jobs(ground: Ground) -> None:
    for _ in range(2):
        ground.announce()
    running = [ground.submit() for _ in range(2)]
    ground.assign()
    wide = ground.submit(num_nodes=2)
    for _ in range(4):  # each time a slot comes free, a small job is there that would take it
        ground.submit()
        if running:
            _run_to_its_end(ground, running.pop())
        ground.assign()
        if ground.job(wide).state == State.STARTING:
            break
    assert ground.holders() == [wide, wide]


def test_a_job_on_two_nodes_of_a_busy_project_gets_them_once_it_has_waited_for_hours(ground: Ground) -> None:
    for _ in range(2):
        ground.announce()
    busy, other = ground.submit(project="busy"), ground.submit(project="other")
    ground.assign()
    wide = ground.submit(project="busy", num_nodes=2)
    _run_to_its_end(ground, other)
    passing = ground.submit(project="other")
    ground.assign()
    assert ground.job(passing).state == State.STARTING  # its project holds less
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == wide).values(queued_at=now(session) - timedelta(hours=2)))
    _run_to_its_end(ground, passing)
    ground.submit(project="other")
    ground.assign()
    _run_to_its_end(ground, busy)
    ground.assign()
    assert ground.holders() == [wide, wide]


def test_two_jobs_on_two_nodes_each_never_hold_half_of_what_both_need(ground: Ground) -> None:
    for _ in range(2):
        ground.announce()
    jobs = [ground.submit(num_nodes=2) for _ in range(2)]
    for job_id in jobs:
        assert ground.assign() == 1
        assert ground.holders() == [job_id, job_id]
        _run_to_its_end(ground, job_id)
    assert ground.holders() == [None, None]


def test_ten_crashes_of_its_worker_leave_every_slot_free(ground: Ground) -> None:
    worker_id = ground.announce(num_slots=3)
    job_id = ground.submit(num_devices=2)
    for number in range(1, 11):
        assert ground.assign() == 1
        ground.claim(worker_id, job_id)
        assert ground.job(job_id).attempt == number
        ground.announce(num_slots=3, worker_id=worker_id)  # it starts anew without having said goodbye
        assert ground.holders() == [None, None, None]
    assert ground.job(job_id).state == State.FAILED


def test_a_job_far_down_the_queue_of_a_flooding_project_does_not_hide_another_project(ground: Ground) -> None:
    with ground.database.write() as session:
        moment = now(session)
        session.add(Project(id="many", created_at=moment))
        session.flush()
        session.add_all(_row(number, moment) for number in range(300))
    single = ground.submit(project="few")
    ground.announce(num_slots=2)
    assert ground.assign() == 2
    assert ground.job(single).state == State.STARTING


def _row(number: int, moment: datetime) -> Job:
    """Return a queued job that is only a row."""
    return Job(
        id=f"job_{number:026d}",
        project="many",
        name="one of many",
        spec_sha256="0" * 64,
        summary={},
        state=State.QUEUED,
        created_at=moment,
        updated_at=moment,
    )


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
