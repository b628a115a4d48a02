"""A job on two devices through the service: one process on each, one of them killed, and what the next job gains."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from stillhouse.client import Client
from tests.e2e.running import digits_spec, has_reached, running_up, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def distillation() -> dict[str, Any]:
    """Return a spec of two processes whose student listens to an untrained teacher on a fixed view."""
    spec = digits_spec(batch_size=32, epochs=40)
    spec["models"]["teacher"] = {"model": "resnet8"}
    spec["stages"][0] |= {"teachers": ["teacher"], "objective": {"kd": {"method": "kd"}}}
    spec["data"]["train"]["views"] = {"main": {"transforms": [{"transform": "normalize"}]}}
    spec["runtime"] |= {"devices": 2, "checkpoint_interval_s": 0.5}
    return spec


def ranks_of(pids: list[int]) -> list[int]:
    """Return the ranks' processes, in the order of ranks."""
    environments = {pid: psutil.Process(pid).environ() for pid in pids}
    return sorted((pid for pid in pids if "RANK" in environments[pid]), key=lambda pid: environments[pid]["RANK"])


def test_a_job_on_two_devices_outlives_one_of_its_processes_and_the_next_reads_its_cache(tmp_path: Path) -> None:
    environment = {"STILLHOUSE_HOME": str(tmp_path / "home"), "STILLHOUSE_WORKER_SLOTS": "2"}
    with running_up(environment) as up, Client(up.url, key=up.key) as client:
        job = wait_for(client, client.submit(distillation()), has_reached(20))
        ranks = ranks_of(up.marked())
        assert len(ranks) == 2
        os.kill(ranks[1], signal.SIGKILL)
        first = client.wait(job.id, timeout_s=200, poll_s=0.3)
        assert first.has_succeeded, first.status_message
        assert first.attempt == 2
        told = [event for event in client.events(job.id) if event.type == "cache"]
        assert told[0].data["mode"] == "write"
        second = client.wait(client.submit(distillation()).id, timeout_s=120, poll_s=0.3)
        assert second.has_succeeded, second.status_message
        modes = [event.data["mode"] for event in client.events(second.id) if event.type == "cache"]
        assert modes == ["read"]
        assert up.marked() == []
