"""Jobs on two hosts: two real workers on this machine, over a stand-in for the engine and over the engine itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.numpy import load, load_file
from sqlalchemy import select

from server.artifacts import ArtifactStore
from server.jobs.states import State
from server.jobs.tables import Artifact, LogChunk, Member
from server.jobs.verbs import cancel_job
from tests.server.jobs.ground import Ground, experiment
from tests.worker.crew import Crew, wait_for

pytestmark = [
    pytest.mark.parametrize(
        "ready_stores", ["postgres+redis"], indirect=True
    ),  # SQLite and the filesystem broker serve one
    pytest.mark.timeout(400),
]

HOMES = ("first", "second")


def _hire_both(crew: Crew, *options: str) -> dict[str, subprocess.Popen[bytes]]:
    """Return two workers by the id that they have."""
    workers = {}
    for home in HOMES:
        process = crew.hire(home, *options)
        path = crew.folder / home / "worker.id"
        wait_for(path.exists, timeout_s=60, what=f"the worker of {home} ({crew.logs()})")
        workers[path.read_text().strip()] = process
    return workers


def _worker_of(ground: Ground, job_id: str, node: int) -> str:
    """Return who runs a node of the newest attempt."""
    query = select(Member.worker_id).where(Member.job_id == job_id, Member.node == node)
    with ground.database.read() as session:
        return session.scalars(query.order_by(Member.token.desc())).first() or ""


def _submit(ground: Ground, **behaviour: Any) -> str:
    return ground.submit(experiment(**behaviour), num_nodes=2)


def test_both_nodes_run_node_0_speaks_and_both_are_free_afterwards(ground: Ground, crew: Crew) -> None:
    _hire_both(crew)
    job_id = _submit(ground, steps=15, step_s=0.3, on_node={"1": {"step_s": 0.02}})  # node 1 is done long before
    crew.wait_for_state(job_id, State.SUCCEEDED, timeout_s=150)
    assert ground.holders() == [None, None]
    assert crew.engines(job_id) == []
    with ground.database.read() as session:
        lead, member = session.scalars(select(Member).order_by(Member.node)).all()
        log = b"".join(session.scalars(select(LogChunk.data).where(LogChunk.rank == 1).order_by(LogChunk.offset)))
    assert lead.address is not None
    assert lead.address.startswith("127.0.0.1:")
    assert (lead.exit_code, member.exit_code) == (0, 0)
    assert log.decode().splitlines()[-1] == "step 15 of 15"
    assert ground.job(job_id).metric_cursor >= 16
    assert len(ground.attempts(job_id)) == 1


def test_the_failure_of_a_further_node_is_that_of_the_job(ground: Ground, crew: Crew) -> None:
    _hire_both(crew)
    failure = {"reason": "host_oom", "message": "no memory on the second host"}
    job_id = _submit(ground, steps=10_000, on_node={"1": {"steps": 5, "fail": failure}})
    crew.wait_for_state(job_id, State.FAILED, timeout_s=150)
    job = ground.job(job_id)
    assert (job.status_reason, job.status_message) == ("host_oom", "no memory on the second host")
    assert crew.engines(job_id) == []


def test_a_further_node_ends_with_node_0(ground: Ground, crew: Crew) -> None:
    _hire_both(crew)
    job_id = _submit(ground, steps=5, fail={"reason": "nan_loss"}, on_node={"1": {"steps": 10_000}})
    crew.wait_for_state(job_id, State.FAILED, timeout_s=150)
    assert ground.job(job_id).status_reason == "nan_loss"
    assert crew.engines(job_id) == []


def test_cancelling_ends_the_engines_of_both_nodes(ground: Ground, crew: Crew) -> None:
    _hire_both(crew)
    job_id = _submit(ground, steps=10_000)
    crew.wait_for_step(job_id, 3)
    with ground.database.write() as session:
        cancel_job(session, job_id, "user")
    crew.wait_for_state(job_id, State.CANCELLED, timeout_s=150)
    assert crew.engines(job_id) == []
    assert ground.holders() == [None, None]


@pytest.mark.parametrize("node", [0, 1])
def test_a_worker_that_is_killed_costs_the_attempt_alone_and_nothing_is_left(
    ground: Ground, crew: Crew, node: int
) -> None:
    workers = _hire_both(crew)
    job_id = _submit(ground, steps=60, children=1, hang_at=40, until_attempt=1)  # it cannot end before the loss
    crew.wait_for_step(job_id, 12)
    wait_for(
        lambda: len({mark.installation for _, mark in crew.engines(job_id)}) == 2, timeout_s=60, what="both engines"
    )
    pids = [pid for pid, _ in crew.engines(job_id)]
    victim = _worker_of(ground, job_id, node)
    workers[victim].kill()
    wait_for(lambda: len(ground.attempts(job_id)[0].reason or "") > 0, timeout_s=60, what=f"the loss ({crew.logs()})")
    home = next(home for home in HOMES if (crew.folder / home / "worker.id").read_text().strip() == victim)
    crew.hire(home)
    crew.wait_for_state(job_id, State.SUCCEEDED, timeout_s=150)
    first, *_ = attempts = ground.attempts(job_id)
    assert (first.reason, first.is_counted) == ("worker_lost", False)
    assert attempts[-1].start_step >= 10
    assert ground.job(job_id).num_restarts == 0
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), what="the end of the dead attempt")
    assert ground.holders() == [None, None]


def _training(**runtime: Any) -> dict[str, Any]:
    """Return a spec of the real engine that two ranks run as one would: nothing in it is drawn by a rank."""
    return {
        "version": 1,
        "name": "two hosts",
        "models": {"student": {"model": "resnet8"}},
        "data": {
            "train": {
                "dataset": "digits",
                "num_samples": 128,
                "views": {"main": {"transforms": [{"transform": "normalize"}]}},
            },
            "test": {"dataset": "digits", "split": "test", "num_samples": 64},
        },
        "stages": [
            {
                "name": "train",
                "student": "student",
                "train": "train",
                "epochs": 3,
                "batch_size": 32,
                "objective": {"ce": {"method": "ce"}},
                "optimizer": {"optimizer": "sgd", "lr": 0.05},
            }
        ],
        "runtime": {
            "device": "cpu",
            "threads": 1,
            "seed": 5,
            "precision": "fp64",
            "checkpoint_interval_s": 0.5,
            **runtime,
        },
        "evaluation": {"stream": "test", "latency": False},
    }


def _run_alone(folder: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the weights that the engine comes to here, without a service."""
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-P", "-m", "distill_core", "run", "spec.json", "--folder", "."]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return load_file(folder / "artifacts/student.safetensors")


def _read_student(ground: Ground, job_id: str) -> dict[str, Any]:
    query = select(Artifact.sha256).where(Artifact.job_id == job_id, Artifact.kind == "student")
    with ground.database.read() as session:
        return load(ArtifactStore(ground.settings).read(session.scalars(query).one()))


def _distance(found: dict[str, Any], expected: dict[str, Any]) -> float:
    assert found.keys() == expected.keys()
    return max(float(abs(found[name] - expected[name]).max()) for name in expected)


@pytest.mark.e2e
def test_the_engine_on_two_hosts_comes_to_the_weights_of_one_and_outlives_the_loss_of_a_worker(
    ground: Ground, crew: Crew
) -> None:
    expected = _run_alone(crew.folder / "alone", _training())
    workers = _hire_both(crew, "--engine")
    straight = ground.submit(_training(nodes=2), num_nodes=2)
    crew.wait_for_state(straight, State.SUCCEEDED, timeout_s=150)
    assert _distance(_read_student(ground, straight), expected) < 1e-6
    long = _training(nodes=2)
    long["stages"][0]["epochs"] = 150
    killed = ground.submit(long, num_nodes=2)
    crew.wait_for_step(killed, 40)
    victim = _worker_of(ground, killed, 1)
    workers[victim].kill()
    wait_for(lambda: ground.attempts(killed)[0].reason, timeout_s=60, what=f"the loss ({crew.logs()})")
    home = next(home for home in HOMES if (crew.folder / home / "worker.id").read_text().strip() == victim)
    crew.hire(home, "--engine")
    crew.wait_for_state(killed, State.SUCCEEDED, timeout_s=150)
    assert [attempt.reason for attempt in ground.attempts(killed)] == ["worker_lost", None]
    assert crew.engines(killed) == []
