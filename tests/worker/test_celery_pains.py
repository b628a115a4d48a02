"""What a broker does to long tasks elsewhere, and must not do here: doubles, and short jobs stuck behind a long one."""

from __future__ import annotations

from server.jobs.states import TERMINAL, State
from tests.server.jobs.ground import Ground, experiment
from tests.worker.crew import Crew, wait_for


def test_a_bell_that_rings_again_and_again_starts_a_job_once(ground: Ground, crew: Crew) -> None:
    crew.hire(STILLHOUSE_WORKER_SLOTS="2")
    job_id = ground.submit(experiment(steps=30))
    crew.wait_for_state(job_id, State.RUNNING)
    owner = ground.job(job_id).lease_owner
    assert owner is not None
    for _ in range(20):
        ground.doorbell.ring(owner, job_id)
    crew.wait_for_state(job_id, State.SUCCEEDED, timeout_s=60)
    ground.doorbell.ring(owner, job_id)
    later = ground.submit(experiment(steps=1))
    crew.wait_for_state(later, State.SUCCEEDED, timeout_s=60)
    assert len(ground.attempts(job_id)) == 1
    assert [event.type for event in ground.events(job_id)].count("starting") == 1


def test_short_jobs_pass_a_long_one_while_a_slot_is_free(ground: Ground, crew: Crew) -> None:
    crew.hire(STILLHOUSE_WORKER_SLOTS="2")
    long = ground.submit(experiment(steps=10_000))
    crew.wait_for_state(long, State.RUNNING)
    short = [ground.submit(experiment(steps=1)) for _ in range(3)]
    wait_for(lambda: all(ground.job(job_id).state in TERMINAL for job_id in short), timeout_s=60, what="the short jobs")
    assert {ground.job(job_id).state for job_id in short} == {State.SUCCEEDED}
    assert ground.job(long).state == State.RUNNING
