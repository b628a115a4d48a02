from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from server.access import Caller, identify
from server.jobs.lease import Claim
from server.jobs.tables import Attempt
from server.scopes import Scope
from tests.server.house import House


@pytest.fixture
def claim(house: House) -> Claim:
    claim = house.start_job()
    house.start_run(claim)
    return claim


def points(house: House, claim: Claim, key: str, max_points: int = 1000, window: str = "") -> list[dict[str, object]]:
    address = f"/v1/jobs/{claim.job_id}/metrics/series?key={key}&max_points={max_points}{window}"
    [series] = house.client.get(address).json()["data"]
    assert series["key"] == key
    found: list[dict[str, object]] = series["points"]
    return found


def test_metrics_are_listed_with_last_and_extremes(house: House, claim: Claim) -> None:
    house.measure(claim, {1: {"train/loss": 3.0}, 2: {"train/loss": 1.0, "val/accuracy": 0.5}, 3: {"train/loss": 2.0}})
    listed = {entry["key"]: entry for entry in house.client.get(f"/v1/jobs/{claim.job_id}/metrics").json()["data"]}
    loss = listed["train/loss"]
    assert (loss["last"], loss["min"], loss["max"], loss["count"], loss["last_step"]) == (2.0, 1.0, 3.0, 3, 3)
    assert listed["val/accuracy"]["last_step"] == 2


def test_values_that_json_cannot_say_are_told_by_name(house: House, claim: Claim) -> None:
    house.measure(claim, {1: {"a": "NaN"}, 2: {"a": "Infinity"}, 3: {"a": 1.0}, 4: {"a": "-Infinity"}})
    [listed] = house.client.get(f"/v1/jobs/{claim.job_id}/metrics").json()["data"]
    assert (listed["last"], listed["min"], listed["max"]) == ("-Infinity", 1.0, 1.0)
    assert [point["value"] for point in points(house, claim, "a")] == ["NaN", "Infinity", 1.0, "-Infinity"]


def test_a_short_series_is_sent_as_it_was_measured(house: House, claim: Claim) -> None:
    house.measure(claim, {step: {"a": float(step)} for step in range(1, 101)})
    series = points(house, claim, "a", 100)
    assert [(point["step"], point["value"]) for point in series] == [(step, float(step)) for step in range(1, 101)]
    assert series[0]["time"] == "2026-01-01T00:00:01.000Z"


@pytest.mark.parametrize("max_points", [1, 7, 50, 200])
def test_a_long_series_keeps_its_last_values_and_its_spikes(house: House, claim: Claim, max_points: int) -> None:
    values = {step: {"a": float(step % 10)} for step in range(1, 5001)}
    values[2345] = {"a": 1000.0}
    values[3456] = {"a": -1000.0}
    house.measure(claim, values)
    series = points(house, claim, "a", max_points)
    assert max_points / 3 <= len(series) <= max_points
    assert (series[-1]["step"], series[-1]["value"]) == (5000, 0.0)
    assert max(float(str(point["max"])) for point in series) == 1000.0
    assert min(float(str(point["min"])) for point in series) == -1000.0
    assert [point["step"] for point in series] == sorted({int(str(point["step"])) for point in series})


@pytest.mark.parametrize("max_points", [10_000, 20])
def test_steps_that_a_later_attempt_repeated_are_left_out(house: House, claim: Claim, max_points: int) -> None:
    house.measure(claim, {step: {"a": -1.0 if step > 1500 else 1.0} for step in range(1, 2001)})
    house.requeue(claim)
    unborn = house.restart_job(claim.job_id)  # an attempt that never starts supersedes nothing
    house.requeue(unborn)
    later = house.restart_job(claim.job_id)
    with house.ground.database.write() as session:
        session.get_one(Attempt, later.attempt_id).start_step = 1500
    house.start_run(later, resumed_from=1500)
    house.measure(later, {step: {"a": 2.0} for step in range(1501, 1801)})
    series = points(house, claim, "a", max_points)
    assert series[-1]["step"] == 1800
    assert min(float(str(point["min"])) for point in series) == 1.0
    assert max(float(str(point["max"])) for point in series) == 2.0
    if max_points > 1800:
        assert [point["step"] for point in series] == list(range(1, 1801))


def test_several_series_come_in_one_answer_and_an_unknown_one_is_empty(house: House, claim: Claim) -> None:
    house.measure(claim, {1: {"a": 1.0, "b": 2.0}})
    answer = house.client.get(f"/v1/jobs/{claim.job_id}/metrics/series?key=b&key=none&key=a&key=b").json()
    assert [(series["key"], len(series["points"])) for series in answer["data"]] == [("b", 1), ("none", 0), ("a", 1)]


def test_a_series_must_be_named(house: House, claim: Claim) -> None:
    answer = house.client.get(f"/v1/jobs/{claim.job_id}/metrics/series")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/key")


def steps(house: House, claim: Claim, query: str) -> list[int]:
    answer = house.client.get(f"/v1/jobs/{claim.job_id}/metrics/series?key=a&{query}")
    assert answer.status_code == 200, answer.text
    [series] = answer.json()["data"]
    return [point["step"] for point in series["points"]]


def test_a_part_of_a_curve_is_read_by_its_steps(house: House, claim: Claim) -> None:
    house.measure(claim, {step: {"a": float(step)} for step in range(1, 101)})
    assert steps(house, claim, "from=10&to=12") == [10, 11, 12]
    assert steps(house, claim, "from=99") == [99, 100]
    assert steps(house, claim, "to=2&x=step") == [1, 2]
    assert steps(house, claim, "from=50&to=40") == []


def test_a_part_of_a_curve_is_read_by_its_times(house: House, claim: Claim) -> None:
    house.measure(claim, {step: {"a": float(step)} for step in range(1, 101)})
    window = "x=time&from=2026-01-01T00:00:40Z&to=2026-01-01T00:00:42Z"
    assert steps(house, claim, window) == [40, 41, 42]
    assert steps(house, claim, "x=time&from=2026-01-01T00:01:40Z") == [100]
    assert steps(house, claim, "x=time&to=2026-01-01T01:00:02%2B01:00") == [1, 2]
    assert steps(house, claim, "x=time&from=2027-01-01T00:00:00Z") == []
    assert steps(house, claim, "x=time&to=2025-01-01T00:00:00Z") == []


@pytest.mark.parametrize("max_points", [10, 50, 400])
def test_a_thinned_part_holds_its_own_values_alone(house: House, claim: Claim, max_points: int) -> None:
    house.measure(claim, {step: {"a": float(step)} for step in range(1, 5001)})
    for window in ("from=1000&to=3333", "x=time&from=2026-01-01T00:16:40Z&to=2026-01-01T00:55:33Z"):
        address = f"/v1/jobs/{claim.job_id}/metrics/series?key=a&max_points={max_points}&{window}"
        [series] = house.client.get(address).json()["data"]
        values = series["points"]
        assert max_points / 3 <= len(values) <= max_points
        assert (min(point["min"] for point in values), max(point["max"] for point in values)) == (1000.0, 3333.0)
        assert values[-1]["step"] == 3333


def test_a_part_of_a_resumed_curve_holds_what_counts(house: House, claim: Claim) -> None:
    house.measure(claim, {step: {"a": 1.0} for step in range(1, 101)})
    house.requeue(claim)
    later = house.restart_job(claim.job_id)
    with house.ground.database.write() as session:
        session.get_one(Attempt, later.attempt_id).start_step = 50
    house.start_run(later, resumed_from=50)
    house.measure(later, {step: {"a": 2.0} for step in range(51, 121)})
    assert steps(house, claim, "from=49&to=52") == [49, 50, 51, 52]
    assert [point["value"] for point in points(house, claim, "a", 4, "&from=49&to=52")] == [1.0, 1.0, 2.0, 2.0]
    assert [point["value"] for point in points(house, claim, "a", 1, "&from=33&to=63")] == [2.0]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=one", "/from"),
        ("to=-1", "/to"),
        ("to=9223372036854775808", "/to"),
        ("x=time&from=5", "/from"),
        ("x=time&from=2026-01-01T00:00:00", "/from"),
        ("x=time&to=0001-01-01T00:00:00%2B14:00", "/to"),
        ("x=epoch", "/x"),
    ],
)
def test_an_end_that_is_none_is_pointed_at(house: House, claim: Claim, query: str, pointer: str) -> None:
    answer = house.client.get(f"/v1/jobs/{claim.job_id}/metrics/series?key=a&{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def batch(house: House, **body: Any) -> Any:
    return house.client.post("/v1/metrics:batchGet", json=body)


def test_curves_of_several_jobs_come_in_one_answer(house: House, claim: Claim) -> None:
    house.measure(claim, {1: {"a": 1.0, "b": 2.0}, 2: {"a": 3.0}})
    other = house.start_job()
    house.start_run(other)
    house.measure(other, {1: {"a": 5.0}})
    answer = batch(house, job_ids=[other.job_id, "job_none", claim.job_id], keys=["a", "b"])
    assert answer.status_code == 200
    found = {
        entry["job_id"]: {series["key"]: [point["value"] for point in series["points"]] for series in entry["series"]}
        for entry in answer.json()["data"]
    }
    assert found == {other.job_id: {"a": [5.0], "b": []}, claim.job_id: {"a": [1.0, 3.0], "b": [2.0]}}
    assert list(found) == [other.job_id, claim.job_id]
    assert answer.json()["missing"] == ["job_none"]


def test_a_part_of_several_curves_is_read_by_steps_or_times(house: House, claim: Claim) -> None:
    house.measure(claim, {step: {"a": float(step)} for step in range(1, 101)})
    for window in ({"from": 10, "to": 11}, {"x": "time", "from": "2026-01-01T00:00:10Z", "to": "2026-01-01T00:00:11Z"}):
        [entry] = batch(house, job_ids=[claim.job_id], keys=["a"], **window).json()["data"]
        assert [point["step"] for point in entry["series"][0]["points"]] == [10, 11]


def test_many_curves_get_fewer_points_each(house: House, claim: Claim) -> None:
    ids = [claim.job_id, *(f"job_{number}" for number in range(199))]
    answer = batch(house, job_ids=ids, keys=[f"k{number}" for number in range(60)], max_points=1000).json()
    assert answer["max_points"] == 16
    assert len(answer["missing"]) == 199


def test_the_curves_of_a_job_take_few_queries_however_many_there_are(house: House, claim: Claim) -> None:
    keys = [f"k{number}" for number in range(60)]
    house.measure(claim, {step: dict.fromkeys(keys, 1.0) for step in range(1, 101)})
    statements: list[str] = []
    event.listen(house.service.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    [entry] = batch(house, job_ids=[claim.job_id], keys=keys, max_points=10).json()["data"]
    assert {len(series["points"]) for series in entry["series"]} == {10}
    assert len([each for each in statements if "metric" in each or "attempts" in each]) <= 4


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"job_ids": [], "keys": ["a"]}, "/job_ids"),
        ({"job_ids": ["j"] * 201, "keys": ["a"]}, "/job_ids"),
        ({"job_ids": ["j"], "keys": ["a"] * 61}, "/keys"),
        ({"job_ids": ["j"], "keys": ["a"], "max_points": 0}, "/max_points"),
        ({"job_ids": ["j"], "keys": ["a"], "from": "soon"}, "/from"),
        ({"job_ids": ["j"], "keys": ["a"], "to": {}}, "/to"),
        ({"job_ids": ["j"], "keys": ["a"], "to": True}, "/to"),
        ({"job_ids": ["j"], "key": ["a"], "keys": ["a"]}, "/key"),
    ],
)
def test_a_wrong_batch_is_pointed_at(house: House, body: dict[str, Any], pointer: str) -> None:
    answer = batch(house, **body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_curves_of_another_project_are_missing(house: House, claim: Claim) -> None:
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    answer = batch(house, job_ids=[claim.job_id], keys=["a"]).json()
    assert (answer["data"], answer["missing"]) == ([], [claim.job_id])
    for path in ("", "/series?key=a"):
        assert house.client.get(f"/v1/jobs/{claim.job_id}/metrics{path}").status_code == 404
