from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update

from server.jobs.database import change_rows
from server.jobs.tables import CacheEntry, IdempotencyKey, Job
from server.routes.examples import SPEC
from tests.server.house import House

TAUGHT = {
    **SPEC,
    "models": {"student": {"model": "resnet8"}, "teacher": {"model": "resnet20"}},
    "stages": [{**SPEC["stages"][0], "teachers": ["teacher"], "objective": {"kd": {"method": "kd"}}}],
}


def try_out(house: House, spec: dict[str, Any], **how: Any) -> dict[str, Any]:
    answer = house.client.post("/v1/jobs?dry_run=true", json={"spec": spec, **how})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_dry_run_tells_what_a_job_would_be_and_take(house: House) -> None:
    found = try_out(house, SPEC)
    assert found["object"] == "dry_run"
    assert found["resolved_spec"]["models"]["student"]["params"]["num_classes"] == 10
    assert found["cost"] == {"steps": 46, "samples": 2874, "seconds": None, "basis": None, "num_runs": 0}
    assert (found["cache"], found["place_in_queue"]) == ([{"stage": "train", "state": None}], 1)


def test_a_dry_run_stores_nothing_and_uses_up_no_idempotency_key(house: House) -> None:
    house.ground.announce()
    body, headers = {"spec": SPEC}, {"idempotency-key": "once"}
    assert house.client.post("/v1/jobs?dry_run=true", json=body, headers=headers).status_code == 200
    with house.ground.database.read() as session:
        for table in (Job, IdempotencyKey):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    assert house.client.post("/v1/jobs?dry_run=false", json=body, headers=headers).status_code == 201


def test_a_dry_run_refuses_what_a_submission_would(house: House) -> None:
    unknown = {**SPEC, "models": {"student": {"model": "resnt8"}}}
    missing = {**SPEC, "models": {"student": {"model": "resnet8", "weights": {"artifact": "art_" + "0" * 26}}}}
    for spec in (unknown, missing):
        dry = house.client.post("/v1/jobs?dry_run=true", json={"spec": spec})
        wet = house.client.post("/v1/jobs", json={"spec": spec})
        assert dry.status_code == wet.status_code == 422
        assert dry.json()["errors"] == wet.json()["errors"]


def test_the_cost_is_measured_on_like_runs(house: House) -> None:
    claim = house.start_job_of(SPEC)
    house.start_run(claim)
    house.succeed(claim)
    cost = try_out(house, SPEC)["cost"]
    assert (cost["basis"], cost["num_runs"]) == ("like", 1)
    assert 0 <= cost["seconds"]["p50"] <= cost["seconds"]["p90"]


def test_the_place_counts_those_that_go_before(house: House) -> None:
    for priority in (0, 5):
        house.ground.submit(priority=priority)
    assert [try_out(house, SPEC, priority=priority)["place_in_queue"] for priority in (0, 1, 6)] == [3, 2, 1]


def test_what_may_be_wrong_is_warned_of(house: House) -> None:
    spec = {**SPEC, "runtime": {"devices": 2}, "evaluation": {}}
    warnings = {entry["pointer"]: entry["code"] for entry in try_out(house, spec)["warnings"]}
    assert warnings == {"/runtime/devices": "devices_missing", "/evaluation/stream": "nothing_evaluated"}
    house.ground.announce(2)
    assert [entry["code"] for entry in try_out(house, spec)["warnings"]] == ["nothing_evaluated"]


def test_stored_teacher_outputs_are_known_from_a_run_of_the_same_spec(house: House) -> None:
    def state() -> str:
        [entry] = try_out(house, TAUGHT)["cache"]
        return str(entry["state"])

    assert state() == "unknown"
    claim = house.start_job_of(TAUGHT)
    house.start_run(claim)
    house.succeed(claim)
    with house.ground.database.write() as session:
        change_rows(session, update(Job).values(cache_key="k"))
    assert state() == "miss"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    facts = {"facts": {}, "size": 1, "num_hits": 0, "saved_s": 0.0, "created_at": moment, "used_at": moment}
    with house.ground.database.write() as session:
        session.add(CacheEntry(root="r", key="k", is_ready=True, **facts))
    assert state() == "hit"
    [entry] = try_out(house, {**TAUGHT, "stages": [{**TAUGHT["stages"][0], "cache": {"mode": "off"}}]})["cache"]
    assert entry["state"] is None


@pytest.mark.parametrize("value", ["maybe", "", "1", "yes"])
def test_a_dry_run_is_asked_for_plainly(house: House, value: str) -> None:
    answer = house.client.post(f"/v1/jobs?dry_run={value}", json={"spec": SPEC})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/dry_run")
