"""kill -9 of every part in the middle of one job: it is finished once, and to the same bytes."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stillhouse.client import Client
from tests.e2e.running import digits_spec, has_reached, run_engine, running_up, wait_for
from worker.processes import Mark

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_job_outlives_its_engine_its_worker_and_the_server(stores: dict[str, str], tmp_path: Path) -> None:
    spec = digits_spec(epochs=100)
    with running_up(stores) as up, Client(up.url, key=up.key) as client:
        job = client.submit(spec, max_restarts=3)

        wait_for(client, job, has_reached(80))
        os.kill(up.find("distill_core", "run").pid, signal.SIGKILL)
        wait_for(client, job, has_reached(160, attempt=2))

        worker = up.find("stillhouse", "worker")
        os.kill(worker.pid, signal.SIGKILL)
        wait_for(client, job, has_reached(240, attempt=3))
        assert {mark.attempt for pid in up.marked() if (mark := Mark.read(pid))} == {3}

        engine = up.find("distill_core", "run")
        os.kill(up.find("stillhouse", "server").pid, signal.SIGKILL)
        job = wait_for(client, job, lambda now: now.is_done or (now.step or 0) >= 300)
        assert job.attempt == 3
        assert engine.is_running() or job.is_done

        job = client.wait(job.id, timeout_s=120, poll_s=0.3)
        assert (job.state, job.attempt) == ("succeeded", 3)
        kinds = Counter(artifact.kind for artifact in client.artifacts(job.id) if artifact.kind != "log")
        assert set(kinds.values()) == {1}
        assert _are_gone(up.marked)
        student = client.download_student(job.id, tmp_path)
        said = up.interrupt()
        assert "the worker was killed by SIGKILL" in said
        assert "the server was killed by SIGKILL" in said
    assert not psutil.pid_exists(engine.pid)
    assert student.read_bytes() == run_engine(tmp_path / "straight", spec).read_bytes()


def _are_gone(find: Callable[[], list[int]]) -> bool:
    deadline = time.monotonic() + 10
    while find():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
