"""Sweeps, by the client against a real server."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from stillhouse.client import Axis, Client, ConflictError, Halving, InvalidRequestError, NotFoundError, WaitTimeoutError
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec

LR = "/stages/0/optimizer/lr"
SEED = "/runtime/seed"


def test_a_submitted_sweep_has_a_job_for_each_combination(client: Client) -> None:
    made = client.submit_sweep(
        tiny_spec(),
        axes={LR: Axis(low=0.01, high=0.1, scale="log", points=2), SEED: [0, 1]},
        metric="val/accuracy",
        halving=Halving(rungs=1),
        name="rates",
        labels={"of": "sweep"},
        priority=2,
    )
    found = client.sweep(made.id)
    assert found == made
    assert (found.name, found.search, found.num_trials, found.direction) == ("rates", "grid", 4, "maximize")
    assert found.halving == Halving(factor=3, rungs=1)
    assert found.axes[SEED] == Axis(values=(0, 1))
    assert [trial.values for trial in found.trials] == [
        {LR: rate, SEED: seed} for rate in (0.01, 0.1) for seed in (0, 1)
    ]
    assert found.spec == tiny_spec()
    jobs = list(client.jobs(sweep=made.id))
    assert {job.id for job in jobs} == {trial.job_id for trial in found.trials}
    assert {(job.sweep_id, job.labels["of"], job.priority) for job in jobs} == {(made.id, "sweep", 2)}
    listed = next(client.sweeps())
    assert (listed.id, listed.trials, listed.states) == (made.id, (), {"queued": 4})


def test_a_sweep_can_be_drawn_from_a_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(tiny_spec()))
    axes = {LR: Axis(low=0.01, high=0.1)}
    sweeps = [client.submit_sweep(path, axes=axes, search="random", trials=3, seed=seed) for seed in (5, 5, 6)]
    drawn = [[trial.values[LR] for trial in sweep.trials] for sweep in sweeps]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(0.01 <= rate <= 0.1 for rate in drawn[0])
    assert (sweeps[0].name, sweeps[0].seed) == ("tiny", 5)


def test_two_calls_with_one_key_make_one_sweep(client: Client) -> None:
    axes = {SEED: [0, 1]}
    first = client.submit_sweep(tiny_spec(), axes=axes, idempotency_key="one-sweep")
    assert client.submit_sweep(tiny_spec(), axes=axes, idempotency_key="one-sweep").id == first.id
    assert client.submit_sweep(tiny_spec(), axes=axes).id != first.id


def test_a_plan_tells_the_trials_and_makes_none(client: Client) -> None:
    before = [sweep.id for sweep in client.sweeps()]
    plan = client.plan_sweep(tiny_spec(), axes={SEED: [0, 1, 2]}, metric="val/accuracy", halving=Halving())
    assert (plan.num_trials, plan.steps) == (3, 42)
    assert (plan.trials[2].values, plan.trials[2].steps, plan.trials[2].name) == ({SEED: 2}, 14, "tiny: seed 2")
    assert [sweep.id for sweep in client.sweeps()] == before


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"axes": {LR: Axis(low=1, high=2)}}, "/axes/~1stages~10~1optimizer~1lr/points"),
        ({"axes": {LR: [0.1, -1]}}, LR),
        ({"search": "random"}, "/trials"),
        ({"halving": Halving()}, "/metric"),
    ],
)
def test_what_cannot_be_is_told_by_its_place(client: Client, changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        client.submit_sweep(tiny_spec(), **({"axes": {SEED: [0]}} | changes))
    assert pointer in [problem.pointer for problem in refusal.value.problems]


def test_a_sweep_moves_as_a_whole(client: Client, hand: HandWorker) -> None:
    sweep = client.submit_sweep(tiny_spec(), axes={SEED: [0, 1]})
    claims = hand.take_all([trial.job_id for trial in sweep.trials])
    for claim in claims:
        hand.report(claim, RUN_STARTED)
    assert client.pause_sweep(sweep.id).states == {"pausing": 2}
    for claim in claims:
        hand.rest(claim)
    assert client.sweep(sweep.id).is_over
    assert client.resume_sweep(sweep.id).states == {"queued": 2}
    cancelled = client.cancel_sweep(sweep.id)
    assert (cancelled.states, cancelled.is_over) == ({"cancelled": 2}, True)
    with pytest.raises(ConflictError):
        client.resume_sweep(sweep.id)
    assert client.retry_sweep(sweep.id).states == {"queued": 2}
    with pytest.raises(NotFoundError):
        client.cancel_sweep("swp_01ARZ3NDEKTSV4RRFFQ69G5FAV")


def test_waiting_ends_with_the_last_trial_and_the_best_is_told(client: Client, hand: HandWorker) -> None:
    sweep = client.submit_sweep(tiny_spec(), axes={SEED: [0, 1]}, metric="val/accuracy")
    with pytest.raises(WaitTimeoutError, match="2 queued"):
        client.wait_sweep(sweep.id, timeout_s=0.1, poll_s=0.1)
    claims = hand.take_all([trial.job_id for trial in sweep.trials])
    for claim, value in zip(claims, (0.25, 0.75), strict=True):
        line = f'{{"type": "metrics", {TIME}, "step": 4, "values": {{"val/accuracy": {value}}}}}\n'
        hand.report(claim, RUN_STARTED, line.encode())
    hand.succeed(claims[0], {})
    threading.Timer(0.5, hand.succeed, [claims[1], {}]).start()
    looks: list[bool] = []
    done = client.wait_sweep(sweep.id, poll_s=0.1, report=lambda seen: looks.append(seen.is_over))
    assert (looks[0], looks[-1], done.states) == (False, True, {"succeeded": 2})
    assert done.best is not None
    assert (done.best.number, done.best.value) == (2, 0.75)
