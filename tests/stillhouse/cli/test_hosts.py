"""The commands about workers, against a real server."""

from __future__ import annotations

import json

import pytest

from stillhouse import Client
from tests.stillhouse.cli.calling import Run
from tests.stillhouse.serving import HandWorker, ServerProcess, tiny_spec


@pytest.fixture
def worker_id(client: Client, hand: HandWorker) -> str:
    """The id of a worker that holds a job."""
    return hand.take(client.submit(tiny_spec()).id).worker_id


def test_workers_are_listed_with_what_they_hold(run: Run, worker_id: str) -> None:
    lines = run("workers").stdout.splitlines()
    [row] = [line for line in lines if worker_id in line]
    assert "1 of 8 held" in row
    listed = json.loads(run("workers", "--json").stdout)
    assert worker_id in [worker["id"] for worker in listed]


def test_a_worker_is_drained_and_undrained(run: Run, client: Client, worker_id: str) -> None:
    done = run("drain", worker_id, "--now")
    assert (done.returncode, done.stdout.split()[0]) == (0, worker_id)
    assert client.worker(worker_id).is_draining
    assert json.loads(run("undrain", worker_id, "--json").stdout)["is_draining"] is False


def test_a_worker_that_does_not_exist_is_a_sentence_and_an_exit_code(run: Run) -> None:
    failed = run("drain", "wrk_none")
    assert failed.returncode != 0
    assert "there is no worker 'wrk_none'" in failed.stderr


def test_the_address_that_is_written_goes_before_the_environments(
    run: Run, server: ServerProcess, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLHOUSE_URL", "http://127.0.0.1:1")
    assert run("workers").returncode == 3
    assert worker_id in run("workers", "--url", server.url).stdout
