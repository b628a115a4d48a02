"""Whatever is killed, a later attempt finishes the job, once, and nothing of a dead attempt lives."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from server.jobs.states import State
from server.jobs.tables import Artifact
from tests.server.jobs.ground import Ground, experiment
from tests.worker.crew import Crew, end_tree, wait_for

ON_FILES = pytest.mark.parametrize("ready_stores", ["sqlite+filesystem"], indirect=True)
"""For what does not depend on the stores."""


def _results(ground: Ground, job_id: str) -> list[tuple[int, str]]:
    with ground.database.read() as session:
        rows = session.execute(select(Artifact.attempt, Artifact.kind).where(Artifact.job_id == job_id))
        return sorted((attempt, kind) for attempt, kind in rows if kind != "log")


def _pool_children(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the pool's processes of a worker: its children that are no engines."""
    return [child for child in psutil.Process(worker.pid).children() if not child.environ().get("STILLHOUSE_TOKEN")]


def _kill_worker(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()


def _kill_supervisor(worker: subprocess.Popen[bytes]) -> None:
    for child in _pool_children(worker):
        child.kill()


def _freeze(ground: Ground, processes: list[psutil.Process]) -> None:
    """Stop processes, at a moment at which none of them keeps SQLite locked for all others."""
    while True:
        for process in processes:
            process.suspend()
        if _is_writable(ground):
            return
        for process in processes:
            process.resume()


def _is_writable(ground: Ground) -> bool:
    if not ground.database.is_sqlite:
        return True
    with closing(sqlite3.connect(ground.settings.home_folder / "stillhouse.db", timeout=1)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True


@pytest.mark.parametrize("kill", [_kill_worker, _kill_supervisor])
def test_a_job_whose_worker_or_supervisor_is_killed_is_finished_by_a_later_attempt(
    ground: Ground, crew: Crew, kill: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    worker = crew.hire()
    job_id = ground.submit(experiment(steps=40, children=1))
    crew.wait_for_step(job_id, 12)
    pids = [pid for pid, _ in crew.engines(job_id)]
    kill(worker)
    if kill is _kill_worker:
        crew.hire()
    crew.wait_for_state(job_id, State.SUCCEEDED, timeout_s=40)
    first, second = ground.attempts(job_id)
    assert (first.reason, first.is_counted, second.reason) == ("worker_lost", False, None)
    assert second.start_step >= 10
    assert _results(ground, job_id) == [(2, "manifest"), (2, "student")]
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), what="the end of the dead attempt")
    assert "worker_lost" in [event.type for event in ground.events(job_id)]
    assert ground.holders() == [None]


@ON_FILES
def test_the_same_worker_started_again_takes_its_job_back_before_the_lease_runs_out(ground: Ground, crew: Crew) -> None:
    patient = {"STILLHOUSE_LEASE_TTL_S": "60", "STILLHOUSE_HEARTBEAT_S": "10"}
    worker = crew.hire(None, **patient)
    job_id = ground.submit(experiment(steps=40))
    crew.wait_for_step(job_id, 7)
    _kill_worker(worker)
    crew.hire(None, **patient)
    crew.wait_for_state(job_id, State.SUCCEEDED, timeout_s=15)
    assert [attempt.reason for attempt in ground.attempts(job_id)] == ["worker_lost", None]


def test_an_engine_that_is_killed_gets_a_new_attempt_that_is_counted(ground: Ground, crew: Crew) -> None:
    crew.hire()
    job_id = ground.submit(experiment(steps=12, die_at=7, until_attempt=1))
    crew.wait_for_state(job_id, State.SUCCEEDED)
    first, second = ground.attempts(job_id)
    assert (first.reason, first.signal, first.is_counted) == ("engine_killed", signal.SIGKILL, True)
    assert (second.start_step, ground.job(job_id).num_restarts) == (5, 1)
    assert _results(ground, job_id) == [(2, "manifest"), (2, "student")]


@ON_FILES
def test_an_engine_that_dies_again_and_again_exhausts_its_restarts(ground: Ground, crew: Crew) -> None:
    crew.hire()
    job_id = ground.submit(experiment(die_at=1), max_restarts=1)
    crew.wait_for_state(job_id, State.FAILED)
    job = ground.job(job_id)
    assert (job.status_reason, job.attempt) == ("restarts_exhausted", 2)
    assert "no restart is left of 1" in (job.status_message or "")


def test_a_worker_that_wakes_up_too_late_writes_nothing_and_kills_its_engine(
    ground: Ground, crew: Crew, tmp_path: Path
) -> None:
    is_shared = ground.settings.broker_url.startswith("redis")  # files ring the workers of one home only
    sleeper = crew.hire("first" if is_shared else None)
    job_id = ground.submit(experiment(steps=30, hang_at=8, until_attempt=1))
    crew.wait_for_step(job_id, 8)
    frozen = [psutil.Process(sleeper.pid), *_pool_children(sleeper)]
    _freeze(ground, frozen)
    crew.wait_for_state(job_id, State.QUEUED)
    stale, before = crew.engines(job_id), ground.attempts(job_id)[0]
    if is_shared:
        crew.hire("second")
        crew.wait_for_state(job_id, State.SUCCEEDED)
        assert stale == crew.engines(job_id)
    for process in frozen:
        process.resume()
    crew.wait_for_state(job_id, State.SUCCEEDED)
    wait_for(lambda: not crew.engines(job_id), what="the end of the stale engine")
    after = ground.attempts(job_id)[0]
    assert stale
    assert (after.events_offset, after.log_bytes) == (before.events_offset, before.log_bytes)
    assert _results(ground, job_id) == [(2, "manifest"), (2, "student")]


@ON_FILES
def test_a_worker_killed_between_assignment_and_start_loses_nothing(ground: Ground, crew: Crew) -> None:
    lost = ground.announce()
    job_id = ground.submit()
    ground.assign()  # unless the reconciler was quicker
    assert ground.job(job_id).lease_owner == lost
    crew.hire()
    crew.wait_for_state(job_id, State.SUCCEEDED)
    assert [attempt.reason for attempt in ground.attempts(job_id)] == ["not_started", None]


@ON_FILES
def test_a_killed_worker_leaks_no_slot(ground: Ground, crew: Crew) -> None:
    worker = crew.hire(None, STILLHOUSE_WORKER_SLOTS="2")
    jobs = [ground.submit(experiment(steps=400)) for _ in range(2)]
    for job_id in jobs:
        crew.wait_for_step(job_id, 1)
    end_tree(worker)
    crew.hire(None, STILLHOUSE_WORKER_SLOTS="2")
    wait_for(lambda: all(ground.job(job_id).attempt == 2 for job_id in jobs), what="both jobs again")
    assert sorted(filter(None, ground.holders())) == sorted(jobs)


@ON_FILES
def test_an_engine_that_ignores_sigterm_is_killed_when_its_grace_is_over(ground: Ground, crew: Crew) -> None:
    worker = crew.hire(None, STILLHOUSE_GRACE_S="1")
    job_id = ground.submit(experiment(steps=1000, deaf=True))
    crew.wait_for_step(job_id, 2)
    asked = time.monotonic()
    os.kill(worker.pid, signal.SIGTERM)
    crew.wait_for_state(job_id, State.QUEUED)
    assert time.monotonic() - asked < 8
    assert not crew.engines(job_id)
