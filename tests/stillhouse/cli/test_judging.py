"""`compare --baseline`, `gain`, `leaderboard`, `audit`, `export`: what is told of finished jobs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stillhouse import Client
from tests.stillhouse.cli.calling import Run
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec

Finish = Callable[..., str]


@pytest.fixture
def finish(client: Client, hand: HandWorker, blob: Path) -> Finish:
    """Submits a job and lets it succeed with an accuracy; with a teacher or without."""

    def call(accuracy: float, *, seed: int, has_teacher: bool = False, name: str = "tiny", epochs: int = 2) -> str:
        spec: dict[str, Any] = tiny_spec(seed=seed)
        spec["stages"][0]["epochs"] = epochs
        if has_teacher:
            spec["models"]["teacher"] = {"model": "resnet20"}
            spec["stages"][0] |= {"teachers": ["teacher"]}
            spec["stages"][0]["objective"]["kd"] = {"method": "kd"}
        job = client.submit(spec, name=name)
        claim = hand.take(job.id)
        values = json.dumps({"test/accuracy": accuracy})
        hand.report(
            claim, RUN_STARTED, b'{"type": "metrics", %s, "step": 4, "values": %s}\n' % (TIME.encode(), values.encode())
        )
        hand.succeed(claim, {"student": blob})
        return job.id

    return call


def test_compare_shows_differences_from_the_baseline(run: Run, finish: Finish) -> None:
    jobs = [finish(accuracy, seed=seed) for seed, accuracy in enumerate((0.5, 0.75), 20)]
    first, second = (run("compare", *jobs, *option) for option in ((), ("--baseline", jobs[1])))
    rows = [{line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[1:]} for shown in (first, second)]
    assert rows[0]["test/accuracy"] == ["0.5", "0.75", "(+0.25)"]
    assert rows[1]["test/accuracy"] == ["0.5", "(-0.25)", "0.75"]
    assert rows[1]["/runtime/seed"] == ["20", "21"]
    columns = [shown.stdout.splitlines()[3].index("yes") for shown in (first, second)]
    assert columns[0] < columns[1]
    document = json.loads(run("compare", *jobs, "--baseline", jobs[1], "--json").stdout)
    assert (document["baseline"], document["deltas"]["test/accuracy"]) == (jobs[1], [-0.25, None])
    wrong = run("compare", *jobs, "--baseline", "job_other")
    assert wrong.returncode == 2
    assert "none of the jobs" in wrong.stderr
    assert jobs[0] in wrong.stderr


def test_gain_tells_interval_verdict_and_why(run: Run, finish: Finish) -> None:
    controls = [finish(accuracy, seed=seed, epochs=3) for seed, accuracy in enumerate((0.5, 0.51))]
    taught = [finish(accuracy, seed=seed, epochs=3, has_teacher=True) for seed, accuracy in enumerate((0.8, 0.81))]
    shown = run("gain", taught[0])
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[0]: line.split(None, 1)[1] for line in shown.stdout.splitlines()}
    assert (rows["metric"], rows["value"], rows["peers"]) == ("test/accuracy", "0.8", taught[1])
    assert rows["controls"].startswith("0.505, mean of ")
    assert all(control in rows["controls"] for control in controls)
    assert rows["gain"].startswith("+0.3 [+0.2")
    assert rows["verdict"] == "better than without a teacher"
    assert "Welch" in shown.stderr
    assert json.loads(run("gain", taught[0], "--json").stdout)["verdict"] == "gain"
    none = run("gain", taught[0], "--metric", "test/nll")
    assert "value     not measured" in none.stdout
    assert "gain      -" in none.stdout
    assert none.stderr.strip()
    assert run("gain", "job_none").returncode == 1


def test_the_leaderboard_lists_the_best_first(run: Run, finish: Finish) -> None:
    worse = finish(0.97, seed=30)
    better = finish(0.98, seed=31, name="[bold]best[/bold] \u202eesrever")
    shown = run("leaderboard", "--dataset", "digits", "-n", 2)
    header, *rows = shown.stdout.splitlines()
    assert header.split() == ["rank", "id", "name", "test/accuracy", "gain", "size", "latency"]
    assert [row.split()[:2] for row in rows] == [["1", better], ["2", worse]]
    assert "[bold]best[/bold]" in shown.stdout
    assert "\u202e" not in shown.stdout
    ranked = json.loads(run("leaderboard", "-n", 2, "--json").stdout)
    assert [(leader["rank"], leader["value"], leader["job"]["id"]) for leader in ranked] == [
        (1, 0.98, better),
        (2, 0.97, worse),
    ]
    assert "no succeeded job has measured test/never" in run("leaderboard", "--metric", "test/never").stderr
    assert run("leaderboard", "-n", 0).returncode == 2


def test_the_audit_is_listed(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec())
    [entry] = json.loads(run("audit", "-n", 1, "--json").stdout)
    assert entry["target"] == job.id
    header, row = run("audit", "-n", 1, "--actor", entry["actor"]).stdout.splitlines()
    assert header.split() == ["time", "actor", "action", "target", "from"]
    assert {entry["actor"], entry["action"], job.id} <= set(row.split())
    assert "key_nobody has written nothing" in run("audit", "--actor", "key_nobody").stderr


def test_an_export_is_asked_for_waited_for_and_listed(
    run: Run, client: Client, hand: HandWorker, done: str, blob: Path
) -> None:
    assert "no exports" in run("exports", done).stderr
    asked = run("export", done, "--format", "onnx", "--opset", 20)
    assert asked.returncode == 0, asked.stderr
    export_id = asked.stdout.strip()
    assert "queued" in asked.stderr
    command = [sys.executable, "-P", "-m", "stillhouse", "export", done, "--opset", "20", "--wait", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        claim = hand.take(export_id)
        hand.report(claim, RUN_STARTED)
        hand.succeed(claim, {"onnx": blob})
        made = json.loads(waiting.communicate(timeout=120)[0])
    assert (waiting.returncode, made["id"], made["state"]) == (0, export_id, "succeeded")
    again = run("export", done, "--opset", 20, "--wait")
    assert (again.returncode, again.stdout.strip()) == (0, made["artifact_id"])
    assert f"stillhouse download {done} --kind onnx" in again.stderr
    row = run("exports", done).stdout.splitlines()[1].split()
    assert row[:6] == [export_id, "onnx", "-", "20", "succeeded", made["artifact_id"]]


def test_an_export_that_was_not_made_ends_badly_and_says_what_to_do(run: Run, client: Client, done: str) -> None:
    asked = run("export", done, "--format", "torch_export").stdout.strip()
    client.cancel(asked)
    ended = run("export", done, "--format", "torch_export", "--wait")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cancelled (user_cancelled)" in ended.stderr
    assert f"stillhouse retry {asked}" in ended.stderr
    wrong = run("export", done, "--format", "tflite")
    assert wrong.returncode == 2
    assert "torch_export" in wrong.stderr
    assert run("export", client.submit(tiny_spec()).id).returncode == 1
