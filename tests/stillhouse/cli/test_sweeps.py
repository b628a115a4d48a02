"""Sweeps on the command line, and what may be written behind `--axis`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from stillhouse.cli.axes import read_axes, read_halving
from stillhouse.client import Axis, Client, Halving
from tests.stillhouse.cli.calling import Run
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker

LR = "/stages/0/optimizer/lr"
SEED = "/runtime/seed"


@pytest.mark.parametrize(
    ("said", "axis"),
    [
        ("0,1,2", Axis(values=(0, 1, 2))),
        ("1e-3, kd, null, true", Axis(values=(0.001, "kd", None, True))),
        ("{a: sgd, b: [1, 2]},{}", Axis(values=({"a": "sgd", "b": [1, 2]}, {}))),
        ("0.001..0.3", Axis(low=0.001, high=0.3)),
        ("1e-4..1e-1:log", Axis(low=0.0001, high=0.1, scale="log")),
        ("1..8:5:int", Axis(low=1, high=8, is_integer=True, points=5)),
        ("-1..1:3", Axis(low=-1, high=1, points=3)),
    ],
)
def test_an_axis_is_read(said: str, axis: Axis) -> None:
    assert read_axes([f"{SEED}={said}"]) == {SEED: axis}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/runtime/seed", "written POINTER=VALUES"),
        ("/runtime/seed=", "written POINTER=VALUES"),
        ("stages.0.optimizer.lr=1,2", "did you mean /stages/0/optimizer/lr?"),
        (f"{LR}=0.3..0.1", "0.3 is not less than 0.1"),
        (f"{LR}=0..1:log", "begins at 0"),
        (f"{LR}=0.1..1:cubic", "'cubic' says nothing about a range"),
        (f"{LR}=a..b", "no range of numbers"),
        (f"{LR}=[1", "cannot be read as values"),
    ],
)
def test_a_wrong_axis_is_told_with_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(typer.BadParameter) as refusal:
        read_axes([text])
    assert told in refusal.value.message
    assert "/runtime/seed=0,1,2" in refusal.value.message


def test_an_axis_is_said_once() -> None:
    with pytest.raises(typer.BadParameter, match="an axis already"):
        read_axes([f"{SEED}=0", f"{SEED}=1"])


def test_a_halving_is_read() -> None:
    assert read_halving("3x2") == Halving(factor=3, rungs=2)
    assert read_halving(None) is None
    with pytest.raises(typer.BadParameter, match="FACTORxRUNGS"):
        read_halving("3")


def submit(run: Run, spec: Path, *arguments: object) -> str:
    done = run("sweep", "submit", spec, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_sweep_is_submitted_shown_and_listed(run: Run, spec: Path, client: Client) -> None:
    axes = ("--axis", f"{LR}=0.01..0.1:log:2", "--axis", f"{SEED}=0,1")
    options = ("--metric", "val/accuracy", "--halving", "3x1", "--label", "a=b", "--set", "stages.0.epochs=1")
    sweep = client.sweep(submit(run, spec, *axes, *options, "--name", "rates"))
    assert (sweep.name, sweep.num_trials, sweep.metric, sweep.halving) == ("rates", 4, "val/accuracy", Halving(rungs=1))
    jobs = list(client.jobs(sweep=sweep.id, labels={"a": "b"}))
    assert len(jobs) == 4
    first, header, *rows = run("sweep", "show", sweep.id).stdout.splitlines()
    assert first == "rates: 4 queued"
    assert header.split()[:5] == ["trial", "lr", "seed", "state", "progress"]
    assert [row.split()[:4] for row in rows[:2]] == [["1", "0.01", "0", "queued"], ["2", "0.01", "1", "queued"]]
    assert sweep.id in run("sweep", "ls").stdout
    assert json.loads(run("sweep", "ls", "--json", "-n", 1).stdout)[0]["id"] == sweep.id
    assert {job["id"] for job in json.loads(run("ls", "--sweep", sweep.id, "--json").stdout)} == {
        job.id for job in jobs
    }
    assert sweep.id in run("get", jobs[0].id).stdout


def test_a_sweep_is_drawn_by_chance_and_tried_out(run: Run, spec: Path, client: Client) -> None:
    options = ("--axis", f"{LR}=0.01..0.1", "--random", 3, "--seed", 7)
    before = [sweep.id for sweep in client.sweeps()]
    plan = json.loads(run("sweep", "submit", spec, *options, "--dry-run", "--json").stdout)
    assert (plan["num_trials"], plan["steps"]) == (3, 42)
    told = run("sweep", "submit", spec, *options, "--dry-run")
    assert "3 trials, 42 steps in all" in told.stderr
    assert [sweep.id for sweep in client.sweeps()] == before
    sweep = client.sweep(submit(run, spec, *options))
    assert [trial.values for trial in sweep.trials] == [trial["values"] for trial in plan["trials"]]


def test_what_is_wrong_is_told(run: Run, spec: Path) -> None:
    wrong = run("sweep", "submit", spec, "--axis", "runtime.seed=0")
    assert wrong.returncode == 2
    assert "did you mean /runtime/seed?" in " ".join(wrong.stderr.replace("│", " ").split())
    refused = run("sweep", "submit", spec, "--axis", f"{LR}=0.1,-1")
    assert refused.returncode == 2
    assert f"{LR}: " in refused.stderr
    assert run("sweep", "show", "swp_01ARZ3NDEKTSV4RRFFQ69G5FAV").returncode == 1


def test_a_sweep_is_moved_as_a_whole(run: Run, spec: Path, client: Client, hand: HandWorker) -> None:
    sweep_id = submit(run, spec, "--axis", f"{SEED}=0,1")
    claims = hand.take_all([trial.job_id for trial in client.sweep(sweep_id).trials])
    for claim in claims:
        hand.report(claim, RUN_STARTED)
    assert run("sweep", "pause", sweep_id).stdout == "2 pausing\n"
    for claim in claims:
        hand.rest(claim)
    assert run("sweep", "resume", sweep_id).stdout == "2 queued\n"
    assert json.loads(run("sweep", "cancel", sweep_id, "--json").stdout)["states"] == {"cancelled": 2}
    ended = run("sweep", "wait", sweep_id)
    assert ended.returncode == 1
    assert "2 cancelled" in ended.stdout
    assert run("sweep", "retry", sweep_id).stdout == "2 queued\n"
    late = run("sweep", "wait", sweep_id, "--timeout", 0)
    assert (late.returncode, "2 queued" in late.stderr) == (1, True)


def test_waiting_tells_how_each_trial_ended_and_marks_the_best(
    run: Run, spec: Path, client: Client, hand: HandWorker
) -> None:
    sweep_id = submit(run, spec, "--axis", f"{SEED}=0,1", "--metric", "val/accuracy")
    claims = hand.take_all([trial.job_id for trial in client.sweep(sweep_id).trials])
    for claim, value in zip(claims, (0.25, 0.75), strict=True):
        line = f'{{"type": "metrics", {TIME}, "step": 4, "values": {{"val/accuracy": {value}}}}}\n'
        hand.report(claim, RUN_STARTED, line.encode())
        hand.succeed(claim, {})
    waited = run("sweep", "wait", sweep_id)
    assert waited.returncode == 0, waited.stderr
    assert "trial 2  seed 1  succeeded  val/accuracy 0.75" in waited.stderr
    rows: list[Any] = [line.split() for line in waited.stdout.splitlines()[2:]]
    assert (rows[0][0], rows[1][:4]) == ("1", ["*", "2", "1", "succeeded"])
    assert json.loads(run("sweep", "wait", sweep_id, "--json").stdout)["best"]["number"] == 2
