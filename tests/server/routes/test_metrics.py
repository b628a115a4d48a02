from __future__ import annotations

import pytest

from server.jobs.lease import Claim
from server.jobs.tables import Attempt
from tests.server.house import House


@pytest.fixture
def claim(house: House) -> Claim:
    claim = house.start_job()
    house.start_run(claim)
    return claim


def points(house: House, claim: Claim, key: str, max_points: int = 1000) -> list[dict[str, object]]:
    address = f"/v1/jobs/{claim.job_id}/metrics/series?key={key}&max_points={max_points}"
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
