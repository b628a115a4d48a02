from __future__ import annotations

from sqlalchemy import select

from server.jobs.states import State
from server.jobs.tables import Device, Worker
from server.jobs.workers import beat, stop_worker
from tests.server.jobs.ground import Ground


def test_a_worker_that_starts_anew_loses_what_its_former_life_held(ground: Ground) -> None:
    claim = ground.start_job()
    unanswered = ground.submit()
    ground.announce(num_slots=1, worker_id="wrk_other")
    ground.assign()
    ground.announce(num_slots=2, worker_id=claim.worker_id)
    assert ground.job(claim.job_id).status_reason == "worker_lost"
    assert ground.job(unanswered).state == State.STARTING
    ground.announce(num_slots=1, worker_id="wrk_other")
    assert ground.job(unanswered).status_reason == "not_started"
    with ground.database.read() as session:
        slots = session.execute(select(Device.worker_id, Device.index, Device.job_id)).all()
    assert sorted(slots) == [(claim.worker_id, 0, None), (claim.worker_id, 1, None), ("wrk_other", 0, None)]


def test_only_the_current_start_of_a_worker_beats_and_stops(ground: Ground) -> None:
    worker_id = ground.announce()
    with ground.database.write() as session:
        old = session.get_one(Worker, worker_id).incarnation
    ground.announce(worker_id=worker_id)
    with ground.database.write() as session:
        assert not beat(session, worker_id, old)
        stop_worker(session, worker_id, old)
        current = session.get_one(Worker, worker_id)
        assert current.stopped_at is None
        assert beat(session, worker_id, current.incarnation)
