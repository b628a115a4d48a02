from __future__ import annotations

from typing import Any

import pytest

from tests.server.comparing import control_spec, forget_keys, run_job, taught_spec
from tests.server.house import House, sign

ACCURACY = "test/accuracy"


def gain_of(house: House, job_id: str, metric: str | None = None) -> dict[str, Any]:
    answer = house.client.get(f"/v1/jobs/{job_id}/gain" + (f"?metric={metric}" if metric else ""))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def run_seeds(house: House, make: Any, key: str, values: list[float]) -> list[str]:
    return [run_job(house, make(seed), {key: value}) for seed, value in enumerate(values)]


def test_one_run_each_is_judged_by_its_test_samples(house: House) -> None:
    control = run_job(house, control_spec(), {ACCURACY: 0.80})
    job = run_job(house, taught_spec(), {ACCURACY: 0.95})
    found = gain_of(house, job)
    assert (found["object"], found["job_id"], found["metric"], found["value"]) == ("gain", job, ACCURACY, 0.95)
    assert found["controls"] == [{"job_id": control, "name": "a small one", "value": 0.80}]
    assert (found["control_mean"], found["peers"], found["basis"], found["verdict"]) == (0.80, [], "samples", "gain")
    assert found["gain"] == pytest.approx(0.15)
    assert 0.09 < found["low"] < 0.15 < found["high"] < 0.21
    assert "360 test samples" in found["reason"]


@pytest.mark.parametrize(("value", "verdict"), [(0.91, "no_evidence"), (0.50, "loss"), (0.99, "gain")])
def test_the_verdict_is_where_the_interval_lies(local_house: House, value: float, verdict: str) -> None:
    run_job(local_house, control_spec(), {ACCURACY: 0.90})
    assert gain_of(local_house, run_job(local_house, taught_spec(), {ACCURACY: value}))["verdict"] == verdict


def test_another_setting_is_no_peer(house: House) -> None:
    run_job(house, control_spec(), {ACCURACY: 0.90})
    job = run_job(house, taught_spec(), {ACCURACY: 0.91})
    run_job(house, taught_spec(1, batch_size=32), {ACCURACY: 0.50})
    assert gain_of(house, job)["peers"] == []


def test_seeds_on_both_sides_are_judged_by_their_spread(house: House) -> None:
    controls = run_seeds(house, control_spec, ACCURACY, [0.80, 0.81, 0.79])
    jobs = run_seeds(house, taught_spec, ACCURACY, [0.90, 0.91, 0.92])
    found = gain_of(house, jobs[0])
    assert {each["job_id"] for each in found["controls"]} == set(controls)
    assert {each["job_id"] for each in found["peers"]} == set(jobs[1:])
    assert (found["basis"], found["verdict"]) == ("seeds", "gain")
    assert found["gain"] == pytest.approx(0.11)
    half = 2.776445 * 0.01 * (2 / 3) ** 0.5  # Student's t with four degrees of freedom
    assert (found["low"], found["high"]) == pytest.approx((0.11 - half, 0.11 + half), abs=1e-5)


def test_less_of_a_loss_is_a_gain(house: House) -> None:
    run_seeds(house, control_spec, "test/nll", [0.50, 0.51])
    job = run_seeds(house, taught_spec, "test/nll", [0.30, 0.31])[0]
    found = gain_of(house, job, "test/nll")
    assert (found["gain"], found["verdict"]) == (pytest.approx(-0.2), "gain")


def test_one_run_each_of_what_is_no_share_has_no_interval(house: House) -> None:
    run_job(house, control_spec(), {"test/nll": 0.5})
    found = gain_of(house, run_job(house, taught_spec(), {"test/nll": 0.3}), "test/nll")
    assert found["gain"] == pytest.approx(-0.2)
    assert (found["low"], found["high"], found["basis"], found["verdict"]) == (None, None, None, None)
    assert "two or more seeds" in found["reason"]


def test_seeds_that_never_vary_are_judged_by_their_samples(house: House) -> None:
    run_seeds(house, control_spec, ACCURACY, [0.8, 0.8])
    assert gain_of(house, run_seeds(house, taught_spec, ACCURACY, [0.9, 0.9])[0])["basis"] == "samples"


def test_a_spec_that_ran_twice_is_one_sample(house: House) -> None:
    run_job(house, control_spec(), {ACCURACY: 0.80})
    again = run_job(house, control_spec(), {ACCURACY: 0.82})
    job = run_job(house, taught_spec(), {ACCURACY: 0.95})
    run_job(house, taught_spec(), {ACCURACY: 0.96})
    found = gain_of(house, job)
    assert ([each["job_id"] for each in found["controls"]], found["peers"]) == ([again], [])


@pytest.mark.parametrize(
    ("spec", "how"), [(control_spec(epochs=2), {}), (control_spec(), {"project": "elsewhere"}), (taught_spec(3), {})]
)
def test_without_a_control_the_reason_is_told(house: House, spec: dict[str, Any], how: dict[str, Any]) -> None:
    run_job(house, spec, {ACCURACY: 0.80}, **how)
    found = gain_of(house, run_job(house, taught_spec(), {ACCURACY: 0.95}))
    assert (found["value"], found["controls"], found["control_mean"]) == (0.95, [], None)
    assert [found[name] for name in ("gain", "low", "high", "basis", "verdict")] == [None] * 5
    assert "there is no control" in found["reason"]


def test_a_control_has_no_gain_and_says_so(house: House) -> None:
    run_job(house, control_spec(1), {ACCURACY: 0.79})
    found = gain_of(house, run_job(house, control_spec(), {ACCURACY: 0.80}))
    assert (found["value"], found["controls"], found["gain"]) == (0.80, [], None)
    assert "itself a control" in found["reason"]


def test_what_was_not_measured_and_what_is_too_old_is_said(house: House) -> None:
    run_job(house, control_spec(), {ACCURACY: 0.80})
    job = run_job(house, taught_spec(), {ACCURACY: "NaN"})
    assert gain_of(house, job)["value"] is None
    assert "has not measured test/accuracy" in gain_of(house, job)["reason"]
    forget_keys(house, job)
    assert "older than the search for controls" in gain_of(house, job)["reason"]


def test_a_control_that_was_deleted_or_runs_still_is_none(house: House) -> None:
    control = run_job(house, control_spec(), {ACCURACY: 0.80})
    running = house.restart_job(house.ground.submit(control_spec(1)))
    house.start_run(running)
    house.measure(running, {1: {ACCURACY: 0.5}})
    job = run_job(house, taught_spec(), {ACCURACY: 0.95})
    assert [each["job_id"] for each in gain_of(house, job)["controls"]] == [control]
    assert house.client.delete(f"/v1/jobs/{control}").status_code == 204
    assert gain_of(house, job)["controls"] == []


def test_a_last_value_stands_in_for_a_figure(house: House) -> None:
    run_job(house, control_spec(), {"val/accuracy": 0.8})
    assert gain_of(house, run_job(house, taught_spec(), {"val/accuracy": 0.9}), "val/accuracy")["value"] == 0.9


def test_unknown_jobs_parameters_and_other_projects_jobs_are_refused(local_house: House) -> None:
    job = run_job(local_house, taught_spec(), {ACCURACY: 0.9})
    assert local_house.client.get("/v1/jobs/job_none/gain").status_code == 404
    answer = local_house.client.get(f"/v1/jobs/{job}/gain?metrik=a")
    assert (answer.status_code, answer.json()["errors"][0]["nearest"]) == (422, ["metric"])
    headers = sign(local_house.service, project="elsewhere")
    assert local_house.client.get(f"/v1/jobs/{job}/gain", headers=headers).status_code == 404
