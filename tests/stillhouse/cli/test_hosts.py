"""The commands about workers, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from stillhouse import Client
from tests.stillhouse.serving import HandWorker, ServerProcess, tiny_spec


def _run(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "stillhouse", *arguments, "--url", server.url]
    environment = os.environ | {"STILLHOUSE_API_KEY": server.key}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def worker_id(client: Client, hand: HandWorker) -> str:
    """The id of a worker that holds a job."""
    return hand.take(client.submit(tiny_spec()).id).worker_id


def test_workers_are_listed_with_what_they_hold(server: ServerProcess, worker_id: str) -> None:
    lines = _run(server, "workers").stdout.splitlines()
    [row] = [line for line in lines if worker_id in line]
    assert "1 of 8 held" in row
    listed = json.loads(_run(server, "workers", "--json").stdout)
    assert worker_id in [worker["id"] for worker in listed]


def test_a_worker_is_drained_and_undrained(server: ServerProcess, client: Client, worker_id: str) -> None:
    done = _run(server, "drain", worker_id, "--now")
    assert (done.returncode, done.stdout.split()[0]) == (0, worker_id)
    assert client.worker(worker_id).is_draining
    assert json.loads(_run(server, "undrain", worker_id, "--json").stdout)["is_draining"] is False


def test_a_worker_that_does_not_exist_is_a_sentence_and_an_exit_code(server: ServerProcess) -> None:
    failed = _run(server, "drain", "wrk_none")
    assert failed.returncode != 0
    assert "there is no worker 'wrk_none'" in failed.stderr
