from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from server.jobs.attempts import Ending
from server.jobs.database import change_rows, now
from server.jobs.finish import Outcome, finish
from server.jobs.forecast import Entry, count_before, play, read_pool, read_queue
from server.jobs.history import Range
from server.jobs.states import State
from server.jobs.tables import Attempt, Job, Worker
from server.jobs.verbs import cancel_job, pause_job
from tests.server.jobs.ground import Ground, experiment

STEPS = 2
"""Of a job of the ground."""


def other_model() -> dict[str, Any]:
    return experiment() | {"models": {"student": {"model": "resnet8"}}}


def run(ground: Ground, seconds: float, document: dict[str, Any] | None = None, start_step: int = 0) -> None:
    """Let a job succeed whose last attempt took so long; its worker is gone afterwards."""
    claim = ground.start_job(document)
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.SUCCEEDED, Ending(exit_code=0)))
        begin = now(session)
        values = {"started_at": begin, "finished_at": begin + timedelta(seconds=seconds), "start_step": start_step}
        change_rows(session, update(Attempt).where(Attempt.id == claim.attempt_id).values(values))
        change_rows(session, update(Worker).where(Worker.id == claim.worker_id).values(stopped_at=begin))


def look(ground: Ground) -> list[Entry]:
    with ground.database.read() as session:
        leased, queued = read_queue(session, ground.settings.pool, 100)
        return play(read_pool(session, ground.settings.pool, ground.patient_settings), leased, queued)


def test_places_follow_priority_then_age(ground: Ground) -> None:
    first, second, urgent = ground.submit(), ground.submit(), ground.submit(priority=1)
    assert [(entry.place, entry.job.id) for entry in look(ground)] == [(1, urgent), (2, first), (3, second)]
    with ground.database.read() as session:
        counts = [count_before(session, ground.settings.pool, priority) for priority in (0, 1, 2)]
    assert counts == [3, 1, 0]


def test_nothing_is_foretold_where_nothing_was_measured(ground: Ground) -> None:
    ground.announce()
    ground.submit()
    ground.submit()
    first, second = look(ground)
    assert (first.starts_in, first.ends_in, first.run.basis) == (Range(0.0, 0.0), None, None)
    assert (second.starts_in, second.ends_in) == (None, None)


def test_a_queue_is_played_forward_with_the_step_times_of_like_runs(ground: Ground) -> None:
    for seconds in (10.0, 20.0, 30.0):
        run(ground, seconds)
    run(ground, 1000.0, other_model())
    ground.announce()
    for _ in range(2):
        ground.submit()
    longer = experiment()
    longer["stages"][0]["epochs"] = 3
    ground.submit(longer)
    first, second, third = look(ground)
    assert (first.run.basis, first.run.num_runs) == ("like", 3)
    assert (first.starts_in, first.ends_in) == (Range(0.0, 0.0), Range(20.0, 30.0))
    assert (second.starts_in, second.ends_in) == (Range(20.0, 30.0), Range(40.0, 60.0))
    assert (third.starts_in, third.ends_in) == (Range(40.0, 60.0), Range(100.0, 150.0))


def test_without_like_runs_all_of_the_pool_speak(ground: Ground) -> None:
    run(ground, 10.0, other_model())
    ground.announce()
    ground.submit()
    [entry] = look(ground)
    assert (entry.run.basis, entry.run.num_runs, entry.ends_in) == ("pool", 1, Range(10.0, 10.0))


def test_a_resumed_run_is_measured_by_the_steps_of_its_last_attempt(ground: Ground) -> None:
    run(ground, 10.0, start_step=STEPS // 2)
    ground.announce()
    ground.submit()
    [entry] = look(ground)
    assert entry.ends_in == Range(20.0, 20.0)


def test_a_run_without_steps_of_its_own_measures_nothing(ground: Ground) -> None:
    run(ground, 10.0, start_step=STEPS)
    ground.announce()
    ground.submit()
    [entry] = look(ground)
    assert entry.ends_in is None


def test_a_job_with_devices_ends_when_its_engine_says_and_the_next_one_starts_then(ground: Ground) -> None:
    run(ground, 10.0)
    claim = ground.start_job()
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == claim.job_id).values(eta_s=7.5))
    ground.submit()
    holder, waiting = look(ground)
    assert (holder.place, holder.starts_in, holder.ends_in) == (None, None, Range(7.5, 7.5))
    assert holder.run.basis == "engine"
    assert (waiting.starts_in, waiting.ends_in) == (Range(7.5, 7.5), Range(17.5, 17.5))


def test_a_job_whose_engine_has_said_nothing_is_judged_by_the_steps_that_are_left(ground: Ground) -> None:
    run(ground, 10.0)
    claim = ground.start_job()
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == claim.job_id).values(step=1))
    [holder] = look(ground)
    assert (holder.run.basis, holder.ends_in) == ("like", Range(5.0, 5.0))


@pytest.mark.parametrize("ask", [pause_job, cancel_job])
def test_a_job_that_is_asked_to_stop_does_so_within_its_grace(ground: Ground, ask: Any) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        ask(session, claim.job_id, "user")
    [holder] = look(ground)
    assert holder.ends_in == Range(0.0, ground.settings.grace_s)


def test_two_slots_serve_two_jobs_at_once(ground: Ground) -> None:
    run(ground, 10.0)
    ground.announce(2)
    for _ in range(3):
        ground.submit()
    assert [entry.starts_in for entry in look(ground)] == [Range(0.0, 0.0), Range(0.0, 0.0), Range(10.0, 10.0)]


def test_a_job_waits_until_all_its_devices_are_free(ground: Ground) -> None:
    run(ground, 10.0)
    ground.announce(2)
    ground.submit()
    wide = ground.submit(num_devices=2)
    entry = look(ground)[1]
    assert (entry.job.id, entry.starts_in) == (wide, Range(10.0, 10.0))


def test_what_a_job_waits_for_is_said(ground: Ground) -> None:
    ground.submit()
    assert "no live worker" in str(look(ground)[0].waits_for)
    ground.announce()
    ground.submit(num_devices=4)
    late = ground.submit()
    with ground.database.write() as session:
        soon = now(session) + timedelta(seconds=60)
        change_rows(session, update(Job).where(Job.id == late).values(not_before=soon))
    words = [str(entry.waits_for) for entry in look(ground)]
    assert words[0] == "devices that are free"
    assert words[1] == "it needs 4 devices at once; the live workers have 1"
    assert words[2].startswith("its next attempt waits ")


def test_a_job_too_large_for_the_pool_holds_nobody_up(ground: Ground) -> None:
    run(ground, 10.0)
    ground.announce()
    ground.submit(num_devices=4)
    ground.submit()
    large, small = look(ground)
    assert large.starts_in is None
    assert small.starts_in == Range(0.0, 0.0)


def test_other_pools_count_for_nothing(ground: Ground) -> None:
    run(ground, 10.0)
    job_id = ground.submit()
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == job_id).values(pool="elsewhere"))
    assert look(ground) == []


def test_places_follow_the_turns_that_the_scheduler_takes(ground: Ground) -> None:
    flood = [ground.submit(project="flood") for _ in range(3)]
    other = ground.submit(project="other")
    with ground.database.read() as session:
        _, queued = read_queue(session, ground.settings.pool, 100)
    assert [job.id for job in queued] == [flood[0], other, *flood[1:]]
    ground.announce()
    assert ground.assign() == 1
    assert ground.job(flood[0]).state == "starting"


def test_a_job_that_waits_for_another_one_says_so_in_the_queue(ground: Ground) -> None:
    teacher = ground.submit()
    ground.submit(needs=[teacher])
    with ground.database.read() as session:
        leased, queued = read_queue(session, ground.settings.pool, 100)
        entries = play(read_pool(session, ground.settings.pool, ground.settings), leased, queued)
    assert entries[-1].waits_for == f"waits for the student of {teacher}"
