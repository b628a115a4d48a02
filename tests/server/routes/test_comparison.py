from __future__ import annotations

from typing import Any

import pytest

from server.jobs.comparison import compare_specs
from server.jobs.tables import JobSpec
from tests.server.comparing import control_spec, run_job, taught_spec
from tests.server.house import House, sign

ACCURACY = "test/accuracy"


def compare(house: House, *ids: str, more: str = "") -> dict[str, Any]:
    answer = house.client.get(f"/v1/compare?ids={','.join(ids)}{more}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def leaders(house: House, query: str = "") -> dict[str, Any]:
    answer = house.client.get(f"/v1/leaderboard{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_jobs_are_compared_in_the_order_asked_for(house: House) -> None:
    first = run_job(house, control_spec(), {ACCURACY: 0.8, "test/nll": 0.5})
    second = run_job(house, taught_spec(1), {ACCURACY: 0.9, "test/nll": "NaN"})
    found = compare(house, second, first)
    assert [job["id"] for job in found["data"]] == [second, first]
    assert (found["baseline"], found["missing"], found["alike"]) == (second, [], [])
    differs = {row["pointer"]: row["values"] for row in found["differs"]}
    assert differs["/runtime/seed"] == {first: 0, second: 1}
    assert differs["/models/teacher/model"] == {second: "deep_nn"}
    assert "/models/student/model" not in differs
    figures = {row["key"]: row for row in found["figures"]}
    assert figures[ACCURACY]["values"] == {first: 0.8, second: 0.9}
    assert figures[ACCURACY]["deltas"] == {first: pytest.approx(-0.1)}
    assert (figures[ACCURACY]["better"], figures["test/nll"]["better"]) == ("higher", "lower")
    assert figures["test/nll"]["values"][second] == "NaN"
    assert figures["test/nll"]["deltas"] == {}
    assert {row["key"] for row in found["metrics"]} == {ACCURACY, "test/nll"}


def test_what_is_alike_is_told_when_asked_and_another_baseline_taken(house: House) -> None:
    first, second = (run_job(house, control_spec(seed), {ACCURACY: 0.8}) for seed in (0, 1))
    found = compare(house, first, second, more=f"&all=true&baseline={second}")
    alike = {row["pointer"]: row["value"] for row in found["alike"]}
    assert alike["/models/student/model"] == "light_nn"
    assert alike["/stages/0/objective/ce/method"] == "ce"
    assert not alike.keys() & {row["pointer"] for row in found["differs"]}
    [accuracy] = found["figures"]
    assert (found["baseline"], accuracy["differs"], accuracy["deltas"]) == (second, False, {first: 0.0})


def test_jobs_that_are_gone_or_of_other_projects_are_named(house: House) -> None:
    mine = run_job(house, control_spec(), None)
    theirs = run_job(house, control_spec(), None, project="theirs")
    assert compare(house, mine, "job_none", mine)["missing"] == ["job_none"]
    assert [job["id"] for job in compare(house, mine, theirs)["data"]] == [mine, theirs]
    answer = house.client.get(f"/v1/compare?ids={mine},{theirs}", headers=sign(house.service, project="theirs")).json()
    assert ([job["id"] for job in answer["data"]], answer["missing"]) == ([theirs], [mine])
    assert compare(house, "job_none")["baseline"] is None


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("ids=", "/ids"),
        ("ids=,,", "/ids"),
        ("ids=" + ",".join(f"job_{n}" for n in range(51)), "/ids"),
        ("ids=job_a&baseline=job_b", "/baseline"),
        ("ids=job_a&all=1", "/all"),
        ("", "/ids"),
        ("ids=job_a&base=x", "/base"),
    ],
)
def test_a_bad_question_is_refused_at_its_place(local_house: House, query: str, pointer: str) -> None:
    answer = local_house.client.get(f"/v1/compare?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "query_invalid")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_lists_are_compared_whole_unless_they_hold_more(local_house: House) -> None:
    first, second = (local_house.ground.submit(control_spec(seed)) for seed in (0, 1))
    with local_house.ground.database.write() as session:
        session.get_one(JobSpec, first).resolved = {"a": [1, 2], "b": [{"c": 1}], "d": {}, "e/f": True}
        session.get_one(JobSpec, second).resolved = {"a": [1, 3], "b": [{"c": 1}], "d": {}, "e/f": 1}
    with local_house.ground.database.read() as session:
        rows = {row.key: row for row in compare_specs(session, [first, second])}
    assert {key: row.differs for key, row in rows.items()} == {"/a": True, "/b/0/c": False, "/d": False, "/e~1f": True}
    assert rows["/a"].values == {first: [1, 2], second: [1, 3]}


def test_the_best_jobs_come_first_with_size_and_gain(house: House) -> None:
    control = run_job(house, control_spec(), {ACCURACY: 0.80, "cost/size_bytes": 1000, "cost/latency_ms": 0.5})
    best = run_job(house, taught_spec(), {ACCURACY: 0.95, "cost/size_bytes": 1000})
    twin = run_job(house, taught_spec(1, batch_size=32), {ACCURACY: 0.80})
    run_job(house, taught_spec(2), None)
    house.ground.submit(taught_spec(3))
    found = leaders(house)
    assert (found["metric"], found["better"], found["dataset"]) == (ACCURACY, "higher", None)
    assert [(row["job"]["id"], row["rank"]) for row in found["data"]] == [(best, 1), (twin, 2), (control, 2)]
    first, _, last = found["data"]
    assert (first["value"], first["size_bytes"], first["latency_ms"]) == (0.95, 1000, None)
    assert (first["gain"]["gain"], first["gain"]["verdict"]) == (pytest.approx(0.15), "gain")
    assert (last["latency_ms"], last["gain"]["gain"]) == (0.5, None)


def test_less_of_a_loss_leads_and_a_data_set_is_kept(house: House) -> None:
    low, high = (run_job(house, control_spec(seed), {"test/nll": 0.1 + seed}) for seed in (0, 1))
    assert [row["job"]["id"] for row in leaders(house, "?metric=test/nll&dataset=digits")["data"]] == [low, high]
    assert [row["job"]["id"] for row in leaders(house, "?metric=test/nll&limit=1")["data"]] == [low]
    assert leaders(house, "?metric=test/nll&dataset=cifar10")["data"] == []
    assert leaders(house, "?metric=nothing")["data"] == []


def test_a_key_of_one_project_leads_there_alone(house: House) -> None:
    run_job(house, control_spec(), {ACCURACY: 0.8})
    headers = sign(house.service, project="theirs")
    assert house.client.get("/v1/leaderboard", headers=headers).json()["data"] == []
    assert house.client.get("/v1/leaderboard?project=default", headers=headers).status_code == 404
