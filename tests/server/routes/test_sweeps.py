from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from server.jobs.attempts import Ending
from server.jobs.finish import Outcome, finish
from server.jobs.halving import find_rung_step, halve_sweeps
from server.jobs.lease import Claim
from server.jobs.purge import forget_records, purge_deleted
from server.jobs.states import Reason, State
from server.jobs.tables import AuditEntry, Judgement, Sweep, Trial
from tests.server.house import House, sign
from tests.server.jobs.ground import experiment

LR = "/stages/0/optimizer/lr"
SEED = "/runtime/seed"
KEY = "val/accuracy"
GRID = {LR: {"values": [0.1, 0.2]}, SEED: {"values": [0, 1]}}


def ask(house: House, headers: dict[str, str] | None = None, path: str = "/v1/sweeps", **body: Any) -> Any:
    return house.client.post(path, json={"spec": experiment(), "axes": GRID} | body, headers=headers)


def submit(house: House, **body: Any) -> dict[str, Any]:
    answer = ask(house, **body)
    assert answer.status_code == 201, answer.text
    sweep: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/sweeps/{sweep['id']}"
    return sweep


def look(house: House, sweep: dict[str, Any]) -> dict[str, Any]:
    answer = house.client.get(f"/v1/sweeps/{sweep['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def act(house: House, sweep: dict[str, Any], verb: str) -> Any:
    return house.client.post(f"/v1/sweeps/{sweep['id']}/{verb}")


def test_a_job_is_made_for_each_combination(house: House) -> None:
    sweep = submit(house, name="rates", labels={"team": "mine"}, priority=3)
    assert (sweep["object"], sweep["search"], sweep["num_trials"], sweep["states"]) == (
        "sweep",
        "grid",
        4,
        {"queued": 4},
    )
    assert [trial["values"] for trial in sweep["trials"]] == [
        {LR: rate, SEED: seed} for rate in (0.1, 0.2) for seed in (0, 1)
    ]
    assert [trial["number"] for trial in sweep["trials"]] == [1, 2, 3, 4]
    for trial in sweep["trials"]:
        job = house.client.get(f"/v1/jobs/{trial['job_id']}").json()
        assert job["name"] == trial["name"] == f"rates: lr {trial['values'][LR]}, seed {trial['values'][SEED]}"
        assert (job["sweep_id"], job["labels"], job["priority"]) == (sweep["id"], {"team": "mine"}, 3)
        stage = job["resolved_spec"]["stages"][0]
        assert stage["optimizer"]["lr"] == trial["values"][LR]
        assert job["resolved_spec"]["runtime"]["seed"] == trial["values"][SEED]
    assert look(house, sweep) == sweep
    listed = house.client.get("/v1/jobs", params={"sweep": sweep["id"]}).json()["data"]
    assert {job["id"] for job in listed} == {trial["job_id"] for trial in sweep["trials"]}
    assert house.client.get("/v1/jobs", params={"sweep": "swp_other"}).json()["data"] == []


def test_sweeps_are_listed_the_newest_first(house: House) -> None:
    names = [submit(house, name=f"sweep {number}")["id"] for number in range(3)]
    page = house.client.get("/v1/sweeps?limit=2").json()
    assert [sweep["id"] for sweep in page["data"]] == names[:0:-1]
    assert (page["has_more"], "trials" in page["data"][0]) == (True, False)
    rest = house.client.get(f"/v1/sweeps?limit=2&after={page['last_id']}").json()
    assert ([sweep["id"] for sweep in rest["data"]], rest["has_more"]) == (names[:1], False)


def test_a_repeated_request_makes_no_second_sweep(house: House) -> None:
    first = ask(house, {"Idempotency-Key": "once"})
    again = ask(house, {"Idempotency-Key": "once"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(house.client.get("/v1/jobs").json()["data"]) == 4
    other = ask(house, {"Idempotency-Key": "once"}, name="another")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_dry_run_tells_the_trials_and_stores_nothing(local_house: House) -> None:
    answer = ask(local_house, path="/v1/sweeps?dry_run=true")
    assert answer.status_code == 200
    plan = answer.json()
    assert (plan["object"], plan["num_trials"], plan["steps"]) == ("sweep_plan", 4, 8)
    assert plan["trials"][0] == {
        "number": 1,
        "name": "a small one: lr 0.1, seed 0",
        "values": {LR: 0.1, SEED: 0},
        "steps": 2,
    }
    assert local_house.client.get("/v1/sweeps").json()["data"] == []
    assert local_house.client.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"axes": {}}, "body_invalid", "/axes"),
        ({"axes": {LR: {"values": [1], "low": 1}}}, "body_invalid", "/axes/~1stages~10~1optimizer~1lr"),
        ({"axes": {LR: {"low": 1, "high": 2}}}, "body_invalid", "/axes/~1stages~10~1optimizer~1lr/points"),
        ({"axes": {"/stages/7/epochs": {"values": [1]}}}, "body_invalid", "/axes/~1stages~17~1epochs"),
        ({"axes": {"/optimiser/lr": {"values": [1]}}}, "spec_invalid", "/optimiser"),
        ({"axes": {LR: {"values": [0.1, -1]}}}, "spec_invalid", LR),
        ({"search": "random"}, "body_invalid", "/trials"),
        ({"search": "random", "trials": 5}, "body_invalid", "/trials"),
        ({"search": "bayes"}, "body_invalid", "/search"),
        ({"halving": {}}, "body_invalid", "/metric"),
        ({"halving": {"factor": 1}, "metric": KEY}, "body_invalid", "/halving/factor"),
        ({"trials": 201, "search": "random"}, "body_invalid", "/trials"),
        ({"color": "red"}, "body_invalid", "/color"),
    ],
)
def test_what_cannot_be_is_told_by_its_place(
    local_house: House, changes: dict[str, Any], code: str, pointer: str
) -> None:
    answer = ask(local_house, **changes)
    assert answer.status_code == 422, answer.text
    assert (answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (code, pointer)
    assert local_house.client.get("/v1/jobs").json()["data"] == []


def test_a_trial_that_cannot_be_is_named(local_house: House) -> None:
    detail = ask(local_house, axes={LR: {"values": [0.1, -1]}}).json()["detail"]
    assert f"trial 2 ({LR} = -1)" in detail


def test_a_sweep_beyond_the_quota_leaves_no_job(house: House) -> None:
    assert house.client.post("/v1/projects", json={"id": "vision", "max_queued": 3}).status_code == 201
    answer = ask(house, project="vision")
    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
    for address in ("/v1/jobs", "/v1/sweeps"):
        assert house.client.get(address, params={"project": "vision"}).json()["data"] == []


def test_verbs_go_to_every_trial_that_can(house: House) -> None:
    sweep = submit(house)
    house.ground.announce()
    running = next(trial["job_id"] for trial in sweep["trials"])
    claim = house.restart_job(running)
    house.start_run(claim)
    paused = act(house, sweep, "pause")
    assert (paused.status_code, paused.json()["states"]) == (202, {"pausing": 1, "queued": 3})
    cancelled = act(house, sweep, "cancel").json()
    assert (cancelled["states"], cancelled["is_over"]) == ({"cancelling": 1, "cancelled": 3}, False)
    assert act(house, sweep, "cancel").json()["states"] == cancelled["states"]
    refused = act(house, sweep, "resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "sweep_refused")
    assert "1 cancelling" in refused.json()["detail"] or "3 cancelled" in refused.json()["detail"]
    assert act(house, sweep, "retry").json()["states"] == {"cancelling": 1, "queued": 3}
    with house.ground.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.target == sweep["id"]).order_by(AuditEntry.seq))
        assert [entry.action for entry in entries] == [
            "submit_sweep", "pause_sweep", "cancel_sweep", "cancel_sweep", "retry_sweep"
        ]  # fmt: skip


def test_a_sweep_of_another_project_is_not_there(house: House) -> None:
    sweep = submit(house)
    foreign = sign(house.service, project="elsewhere")
    assert house.client.get(f"/v1/sweeps/{sweep['id']}", headers=foreign).status_code == 404
    assert house.client.post(f"/v1/sweeps/{sweep['id']}/cancel", headers=foreign).status_code == 404
    assert house.client.get("/v1/sweeps", headers=foreign).json()["data"] == []
    assert house.client.get("/v1/sweeps/swp_none").status_code == 404
    mine = ask(house, foreign)
    assert (mine.status_code, mine.json()["project"]) == (201, "elsewhere")


def run_trials(house: House, values: dict[int, dict[int, Any]], **body: Any) -> tuple[dict[str, Any], dict[int, Claim]]:
    """Submit a sweep and let its trials measure: seed -> step -> value; return it with the claims by seed."""
    axes = {SEED: {"values": list(values)}}
    long = experiment()
    long["stages"][0] |= {"epochs": 45}  # 90 steps
    sweep = submit(house, spec=long, axes=axes, metric=KEY, halving={"factor": 3, "rungs": 2}, **body)
    claims = take_up(house, sweep)
    for seed, claim in claims.items():
        house.measure(claim, {step: {KEY: value} for step, value in values[seed].items()})
    return sweep, claims


def take_up(house: House, sweep: dict[str, Any]) -> dict[int, Claim]:
    """Let a worker start the engine of each trial; return the claims by seed."""
    house.ground.announce(len(sweep["trials"]))
    assert house.ground.assign() == len(sweep["trials"])
    claims = {}
    for trial in sweep["trials"]:
        owner = house.ground.job(trial["job_id"]).lease_owner
        assert owner is not None
        claims[trial["values"][SEED]] = claim = house.ground.claim(owner, trial["job_id"])
        house.start_run(claim)
    return claims


def trial_of(sweep: dict[str, Any], seed: int) -> dict[str, Any]:
    found: dict[str, Any] = next(trial for trial in sweep["trials"] if trial["values"][SEED] == seed)
    return found


def test_rungs_lie_at_equal_ratios() -> None:
    assert [find_rung_step(90, 3, rung, 2) for rung in (1, 2)] == [10, 30]
    assert [find_rung_step(7, 4, rung, 3) for rung in (1, 2, 3)] == [1, 1, 2]


def test_trials_that_lag_behind_are_stopped_and_say_why(house: House) -> None:
    sweep, _ = run_trials(
        house,
        {0: {9: 0.1, 12: 0.9}, 1: {10: 0.5, 30: 0.99}, 2: {10: 0.7, 31: 0.71}, 3: {9: 0.99}, 4: {11: "NaN"}},
    )
    stopped = halve_sweeps(house.ground.database, "reconciler")
    assert set(stopped) == {trial_of(sweep, seed)["job_id"] for seed in (1, 4)}  # four reached it: two go on
    found = look(house, sweep)
    assert found["states"] == {"cancelling": 2, "running": 3}
    late = trial_of(found, 1)
    assert (late["state"], late["status_reason"]) == ("cancelling", "sweep_stopped")
    assert late["judgements"] == [{"rung": 1, "step": 10, "value": 0.5, "place": 3, "num_judged": 4, "is_kept": False}]
    assert trial_of(found, 4)["judgements"][0]["value"] is None
    further = trial_of(found, 2)["judgements"][1]
    assert (further["rung"], further["place"], further["num_judged"]) == (2, 1, 1)  # who is out is counted no more
    assert trial_of(found, 3)["judgements"] == []
    job = house.client.get(f"/v1/jobs/{late['job_id']}").json()
    assert job["status_message"] == "at rung 1 of 2, val/accuracy 0.5 is place 3 of 4"
    assert halve_sweeps(house.ground.database, "reconciler") == ()


def test_what_a_sweep_stopped_ends_as_its_reason_says_and_is_not_retried_with_the_others(house: House) -> None:
    sweep, claims = run_trials(house, {0: {10: 0.9}, 1: {10: 0.1}})
    late = trial_of(sweep, 1)["job_id"]
    assert halve_sweeps(house.ground.database, "reconciler") == (late,)
    with house.ground.database.write() as session:
        finish(session, claims[1], Outcome(State.CANCELLED, Ending(Reason.USER_CANCELLED)))
    ended = house.ground.job(late)
    assert (ended.state, ended.status_reason) == (State.CANCELLED, Reason.SWEEP_STOPPED)
    assert act(house, sweep, "retry").status_code == 202
    assert house.ground.job(late).state == State.CANCELLED
    assert house.client.post(f"/v1/jobs/{late}/retry").status_code == 202
    house.ground.assign()
    assert halve_sweeps(house.ground.database, "reconciler") == ()  # it was judged there already


def test_less_is_better_where_the_metric_or_the_sweep_says_so(house: House) -> None:
    sweep, _ = run_trials(house, {0: {10: 0.9}, 1: {10: 0.1}}, direction="minimize")
    assert halve_sweeps(house.ground.database, "reconciler") == (trial_of(sweep, 0)["job_id"],)
    assert submit(house, metric="val/nll")["direction"] == "minimize"
    assert submit(house, metric="val/accuracy")["direction"] == "maximize"


def test_the_best_is_the_best_that_succeeded(house: House) -> None:
    sweep = submit(house, axes={SEED: {"values": [0, 1, 2]}}, metric="test/accuracy")
    for claim, value in zip(take_up(house, sweep).values(), (0.3, 0.8, 0.9), strict=True):
        house.measure(claim, {2: {"test/accuracy": value}})
        if value < 0.9:
            house.succeed(claim, house.store(b"weights"))
    found = look(house, sweep)
    assert (found["best"]["number"], found["best"]["value"]) == (2, 0.8)
    assert [trial["value"] for trial in found["trials"]] == [0.3, 0.8, 0.9]
    assert found["is_over"] is False


def test_deleted_jobs_leave_their_sweep_and_an_empty_sweep_goes(house: House) -> None:
    sweep = submit(house, axes={SEED: {"values": [0, 1]}})
    act(house, sweep, "cancel")
    first, second = (trial["job_id"] for trial in sweep["trials"])
    assert house.client.delete(f"/v1/jobs/{first}").status_code == 204
    assert [trial["job_id"] for trial in look(house, sweep)["trials"]] == [second]
    house.client.delete(f"/v1/jobs/{second}")
    assert purge_deleted(house.ground.database, 0, 10) == 2
    with house.ground.database.write() as session:
        forget_records(session)
        assert [session.scalars(select(table)).all() for table in (Sweep, Trial, Judgement)] == [[], [], []]
