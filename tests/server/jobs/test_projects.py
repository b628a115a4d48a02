from __future__ import annotations

import pytest
from sqlalchemy import update

from server.jobs.attempts import Ending
from server.jobs.database import change_rows
from server.jobs.errors import QuotaExceededError
from server.jobs.finish import Outcome, finish
from server.jobs.projects import create_project, limit_project, read_usage
from server.jobs.reconcile import reconcile_once
from server.jobs.states import State
from server.jobs.tables import Job
from tests.server.jobs.ground import Ground, experiment


def _limit(ground: Ground, project: str, max_devices: int | None = None, max_queued: int | None = None) -> None:
    with ground.database.write() as session:
        create_project(session, project, max_devices=None, max_queued=None)
        assert limit_project(session, project, max_devices=max_devices, max_queued=max_queued)


def _states(ground: Ground, *job_ids: str) -> list[str]:
    return [ground.job(job_id).state for job_id in job_ids]


def test_a_project_gets_no_more_devices_than_it_may_hold_and_its_jobs_say_why_they_wait(ground: Ground) -> None:
    _limit(ground, "small", max_devices=2)
    worker_id = ground.announce(num_slots=4)
    jobs = [ground.submit(project="small") for _ in range(3)]
    other = ground.submit(project="other")
    assert ground.assign() == 3
    assert _states(ground, *jobs, other) == ["starting", "starting", "queued", "starting"]
    waiting = ground.job(jobs[2])
    assert waiting.status_reason == "quota"
    assert "holds 2 of the 2 devices" in (waiting.status_message or "")
    claim = ground.claim(worker_id, jobs[0])
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.SUCCEEDED, Ending()))
    assert ground.assign() == 1
    assert (ground.job(jobs[2]).state, ground.job(jobs[2]).status_reason) == ("starting", None)


def test_a_job_over_quota_holds_up_nobody_behind_it(ground: Ground) -> None:
    _limit(ground, "small", max_devices=1)
    ground.announce(num_slots=2)
    first, second = ground.submit(project="small", priority=9), ground.submit(project="small", priority=9)
    behind = ground.submit(project="other", num_devices=1)
    assert ground.assign() == 2
    assert _states(ground, first, second, behind) == ["starting", "queued", "starting"]


def test_a_job_stops_saying_quota_when_only_devices_are_missing(ground: Ground) -> None:
    _limit(ground, "small", max_devices=1)
    ground.announce(num_slots=2)
    jobs = [ground.submit(project="small") for _ in range(2)]
    ground.assign()
    assert ground.job(jobs[1]).status_reason == "quota"
    ground.submit(project="other")
    ground.assign()
    _limit(ground, "small")
    reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=False)
    assert (ground.job(jobs[1]).state, ground.job(jobs[1]).status_reason) == ("queued", None)


def test_a_submission_beyond_the_waiting_jobs_of_a_project_is_refused_with_the_limit(ground: Ground) -> None:
    _limit(ground, "small", max_queued=2)
    for _ in range(2):
        ground.submit(project="small")
    with pytest.raises(QuotaExceededError, match="max_queued = 2") as caught:
        ground.submit(project="small")
    assert (caught.value.limit, caught.value.value) == ("max_queued", 2)
    ground.submit(project="other")
    ground.announce()
    assert ground.assign() == 1
    ground.submit(project="small")


def test_a_job_that_asks_for_more_devices_than_its_project_may_ever_hold_is_refused(ground: Ground) -> None:
    _limit(ground, "small", max_devices=3)
    document = experiment() | {"runtime": {"nodes": 2, "devices": 2}}
    with pytest.raises(QuotaExceededError, match="max_devices = 3"):
        ground.submit(document, project="small")


def test_usage_counts_devices_held_and_jobs_waiting(ground: Ground) -> None:
    ground.announce(num_slots=3)
    ground.submit(project="a", num_devices=2)
    ground.submit(project="a", num_devices=2)
    ground.assign()
    with ground.database.read() as session:
        usage = read_usage(session, ["a", "b"])
    assert (usage["a"].num_devices, usage["a"].num_queued) == (2, 1)
    assert (usage["b"].num_devices, usage["b"].num_queued) == (0, 0)


def test_a_flood_of_one_project_does_not_keep_another_waiting(ground: Ground) -> None:
    flood = [ground.submit(project="many") for _ in range(4)]
    single = ground.submit(project="few")
    ground.announce(num_slots=2)
    assert ground.assign() == 2
    assert _states(ground, flood[0], single) == ["starting", "starting"]


def test_a_job_that_has_waited_longer_than_it_should_fails_and_says_so(ground: Ground) -> None:
    bounded, patient = ground.submit(max_pending_s=0.001), ground.submit(max_pending_s=3600.0)
    reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=False)
    job = ground.job(bounded)
    assert (job.state, job.status_reason) == ("failed", "max_pending")
    assert "0.001 s" in (job.status_message or "")
    assert ground.job(patient).state == State.QUEUED


def test_a_job_in_the_queue_again_has_its_time_to_wait_again(ground: Ground) -> None:
    job_id = ground.submit(max_pending_s=3600.0)
    with ground.database.write() as session:
        row = session.get_one(Job, job_id)
        long_ago = row.created_at.replace(year=row.created_at.year - 1)
        change_rows(session, update(Job).values(created_at=long_ago, queued_at=row.created_at))
    reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=False)
    assert ground.job(job_id).state == State.QUEUED
