"""`ls`, `watch` of all jobs, `compare`, `diff`, curves: several jobs at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stillhouse import Client
from tests.stillhouse.cli.calling import Run
from tests.stillhouse.serving import RUN_STARTED, HandWorker, serve, tiny_spec

NASTY = "[bold]x[/bold] \x1b[2Jend \u202egnol " + "é" * 300


def test_ls_shows_the_columns_that_are_asked_for(run: Run, done: str) -> None:
    shown = run("ls", "--state", "succeeded", "--state", "failed", "-n", 1, "-c", "id,attempt,metric:train/loss,labels")
    header, row = shown.stdout.splitlines()
    assert header.split() == ["id", "attempt", "train/loss", "labels"]
    assert row.split() == [done, "1", "0.5"]
    wrong = run("ls", "--columns", "colour")
    assert wrong.returncode == 2
    assert "metric:KEY" in wrong.stderr


@pytest.mark.parametrize("option", ["--student=resnet8", "--dataset=digits", "--method=ce", "--since=1h"])
def test_ls_keeps_what_fits(run: Run, client: Client, option: str) -> None:
    job = client.submit(tiny_spec())
    ids = [found["id"] for found in json.loads(run("ls", option, "--json", "-n", 500).stdout)]
    assert job.id in ids


@pytest.mark.parametrize("option", ["--student=resnet20", "--until=2020-01-31", "--since=2999-01-01T00:00:00Z"])
def test_ls_leaves_out_what_does_not_fit(run: Run, client: Client, option: str) -> None:
    client.submit(tiny_spec())
    assert "no jobs" in run("ls", option).stderr


def test_a_moment_that_is_none_is_told_with_what_is_allowed(run: Run) -> None:
    done = run("ls", "--since", "yesterday")
    assert done.returncode == 2
    assert "'yesterday' is no moment" in " ".join(done.stderr.split())


def test_a_name_does_nothing_to_the_terminal(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec(), name=NASTY[:200])
    for shown in (run("ls", "-n", 1).stdout, run("get", job.id).stdout, run("queue").stdout):
        assert "[bold]x[/bold]" in "".join(shown.split())
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    client.cancel(job.id)
    watched = run("watch", job.id)
    assert "[bold]x[/bold]" in watched.stderr
    assert "\x1b" not in watched.stderr


def test_diff_shows_both_values_and_says_so_by_its_exit_code(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec())
    twin = client.clone(job.id, {"runtime": {"seed": 7}})
    done = run("diff", job.id, twin.id)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].split() == ["/runtime/seed", "0", "7"]
    assert json.loads(run("diff", job.id, twin.id, "--sent", "--json").stdout) == [
        {"pointer": "/runtime/seed", "values": [None, 7]}
    ]
    same = run("diff", job.id, job.id)
    assert (same.returncode, same.stdout) == (0, "")


def test_compare_shows_jobs_side_by_side(run: Run, client: Client, done: str) -> None:
    other = client.submit(tiny_spec(seed=3), name="another")
    shown = run("compare", done, other.id)
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[1:]}
    assert (rows["id"], rows["/runtime/seed"], rows["train/loss"]) == ([done, other.id], ["0", "3"], ["0.5", "-"])
    assert len(json.loads(run("compare", done, other.id, "--json").stdout)["jobs"]) == 2
    assert run("compare", done).returncode == 2


def test_curves_are_drawn(run: Run, client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    assert "no curves yet" in run("metrics", job.id, "--plot").stderr
    line = '{"type": "metrics", "time": "2026-01-01T00:00:00Z", "step": %d, "values": {"train/loss": %s}}\n'
    hand.report(claim, RUN_STARTED, *((line % (step, 4 - step)).encode() for step in (1, 2, 3)))
    assert run("metrics", job.id, "--plot").stdout == "train/loss  █▅▁  3 -> 1\n"
    assert json.loads(run("metrics", job.id, "--plot", "--json").stdout)[0]["key"] == "train/loss"
    hand.succeed(claim, {})


def test_all_live_jobs_are_watched_until_none_is_left(tmp_path: Path) -> None:
    with serve(tmp_path) as server, Client(server.url, key=server.key) as client:  # one whose jobs are the test's own
        environment = os.environ | {"STILLHOUSE_URL": server.url, "STILLHOUSE_API_KEY": server.key, "NO_COLOR": "1"}
        command = [sys.executable, "-P", "-m", "stillhouse", "watch"]
        idle = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        assert "no job waits or runs" in idle.stderr
        job = client.submit(tiny_spec(), name="the last one")
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            first = watching.stdout.readline()
            client.cancel(job.id)
            rest = watching.communicate(timeout=120)[0]
    assert first == f"{job.id}  queued  the last one\n"
    assert rest == f"{job.id}  cancelled (user_cancelled)  the last one\n"
