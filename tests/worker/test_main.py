from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from server.jobs.states import State
from server.jobs.tables import Artifact, Worker
from tests.server.jobs.ground import Ground, experiment, make_settings
from tests.worker.crew import Crew, wait_for
from worker.identity import WorkerRunningError, hold_identity
from worker.main import run


def test_the_worker_imports_neither_torch_nor_fastapi() -> None:
    program = (
        "import importlib, pkgutil, sys, worker\n"
        "[importlib.import_module(f'worker.{m.name}') for m in pkgutil.iter_modules(worker.__path__)]\n"
        "print(sorted({'torch', 'fastapi', 'starlette', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_worker_refuses_settings_that_cannot_work(tmp_path: Path) -> None:
    assert run(make_settings({"STILLHOUSE_HOME": str(tmp_path), "STILLHOUSE_BROKER_URL": "redis://elsewhere/0"})) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_home_has_one_worker_whose_ids_outlive_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.identity._PATIENCE_S", 0.1)
    settings = make_settings({"STILLHOUSE_HOME": str(tmp_path)})
    with (
        hold_identity(settings) as first,
        pytest.raises(WorkerRunningError, match="already runs"),
        hold_identity(settings),
    ):
        pass
    with hold_identity(settings) as second:
        assert (second.worker_id, second.installation) == (first.worker_id, first.installation)
        assert second.incarnation != first.incarnation


@pytest.mark.parametrize("ready_stores", ["sqlite+filesystem"], indirect=True)
def test_an_idle_worker_announces_itself_and_says_goodbye(ground: Ground, crew: Crew) -> None:
    worker = crew.hire(None, STILLHOUSE_WORKER_SLOTS="3")

    def announced() -> Worker | None:
        with ground.database.read() as session:
            return session.scalar(select(Worker))

    wait_for(announced, what="the worker")
    assert len(ground.holders()) == 3
    worker.send_signal(signal.SIGINT)
    assert worker.wait(15) == 0
    row = announced()
    assert row is not None
    assert row.stopped_at is not None


@pytest.mark.parametrize("ready_stores", ["sqlite+filesystem"], indirect=True)
def test_the_real_engine_trains_a_student(ground: Ground, crew: Crew) -> None:
    crew.hire(None, "--engine")
    job_id = ground.submit(experiment())
    crew.wait_for_state(job_id, State.SUCCEEDED, State.FAILED, timeout_s=120)
    job = ground.job(job_id)
    assert (job.state, job.status_message) == ("succeeded", None), crew.logs()
    with ground.database.read() as session:
        kinds = set(session.scalars(select(Artifact.kind).where(Artifact.job_id == job_id)))
    assert kinds == {"student", "manifest", "metrics", "spec", "curves", "card", "log"}
