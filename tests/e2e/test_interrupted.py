"""Ctrl-C in the middle of a job: nothing is lost, nothing is left, and the result is the same."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from stillhouse.client import Client
from tests.e2e.running import digits_spec, has_reached, run_engine, running_up, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own and the default stores."""
    return {"STILLHOUSE_HOME": str(tmp_path / "home")}


def test_ctrl_c_puts_the_job_back_and_the_next_up_finishes_it_to_the_same_bytes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    spec = digits_spec(epochs=60)
    with running_up(environment) as up, Client(up.url, key=up.key) as client:
        job = client.submit(spec)
        wait_for(client, job, has_reached(100))
        said = up.interrupt()
        assert "checkpoint" in said
    with running_up(environment) as up, Client(up.url, key=up.key) as client:
        events = {event.type: event for event in client.events(job.id)}
        assert events["preempted"].data["state"] == "queued"
        job = client.wait(job.id, timeout_s=120, poll_s=0.3)
        assert (job.state, job.attempt) == ("succeeded", 2)
        assert client.attempts(job.id)[1].start_step >= 100
        resumed = client.download_student(job.id, tmp_path)
    assert resumed.read_bytes() == run_engine(tmp_path / "straight", spec).read_bytes()


def test_server_and_worker_end_with_an_up_that_was_killed(environment: dict[str, str]) -> None:
    with running_up(environment) as up:
        below = psutil.Process(up.process.pid).children(recursive=True)
        up.process.kill()
        up.process.wait()
        _, alive = psutil.wait_procs(below, timeout=30)
        assert alive == []
