from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from server.jobs.tables import Job
from server.routes.examples import SPEC
from tests.server.house import House


def submit(house: House, **body: Any) -> dict[str, Any]:
    answer = house.client.post("/v1/jobs", json={"spec": SPEC, **body})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_a_submitted_job_can_be_looked_at_with_its_spec(house: House) -> None:
    answer = house.client.post("/v1/jobs", json={"spec": SPEC, "name": "mine", "labels": {"team": "a"}, "priority": 3})
    assert answer.status_code == 201
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["name"], job["labels"], job["priority"]) == ("queued", "mine", {"team": "a"}, 3)
    assert job["summary"]["student"] == "resnet8"
    seen = house.client.get(answer.headers["location"]).json()
    assert seen["spec"] == SPEC
    assert seen["resolved_spec"]["models"]["student"]["params"]["num_classes"] == 10
    assert {key: seen[key] for key in job} == job


def test_times_are_utc_with_milliseconds(house: House) -> None:
    assert submit(house)["created_at"].endswith("Z")
    assert len(submit(house)["created_at"]) == len("2026-01-01T00:00:00.000Z")


def test_a_spec_may_be_sent_as_yaml_alone(house: House) -> None:
    answer = house.client.post(
        "/v1/jobs", content=yaml.safe_dump(SPEC), headers={"content-type": "application/yaml; charset=utf-8"}
    )
    assert answer.status_code == 201
    assert answer.json()["name"] == SPEC["name"]


def test_every_problem_of_a_spec_is_told_at_once_with_the_nearest_name(house: House) -> None:
    spec = {**SPEC, "models": {"student": {"model": "resnt8"}}, "evaluation": {"stream": "tset"}}
    answer = house.client.post("/v1/jobs", json={"spec": spec})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "spec_invalid"
    errors = {entry["pointer"]: entry for entry in problem["errors"]}
    assert errors["/models/student/model"]["value"] == "resnt8"
    assert errors["/models/student/model"]["nearest"][0] == "resnet8"
    assert "/evaluation/stream" in errors
    assert house.client.get("/v1/jobs").json()["data"] == []


def test_problems_of_the_body_and_of_the_spec_inside_it_are_told_together(house: House) -> None:
    body = {"spec": {**SPEC, "models": {"student": {"model": "resnt8"}}}, "priority": "high", "nmae": "x"}
    problem = house.client.post("/v1/jobs", json=body).json()
    assert problem["code"] == "body_invalid"
    assert {"/priority", "/nmae", "/spec/models/student/model"} <= {entry["pointer"] for entry in problem["errors"]}


@pytest.mark.parametrize("body", [{}, [], 1, None, {"spec": 1}, {"spec": []}])
def test_a_body_without_a_spec_is_refused(house: House, body: object) -> None:
    answer = house.client.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "body_invalid"


def test_weights_must_be_the_stored_student_of_a_job(house: House) -> None:
    student = house.make_artifact()
    claim = house.start_job()
    house.start_run(claim)
    house.succeed(claim, house.store(b"{}", "metrics", "metrics.json"))
    metrics = house.client.get(f"/v1/jobs/{claim.job_id}/artifacts").json()["data"][0]
    unknown = "art_" + "0" * 26

    def errors_for(artifact_id: str) -> list[dict[str, Any]]:
        model = {"model": "resnet8", "weights": {"artifact": artifact_id}}
        answer = house.client.post("/v1/jobs", json={"spec": {**SPEC, "models": {"student": model}}})
        entries: list[dict[str, Any]] = answer.json().get("errors", [])
        return entries

    pointer = "/models/student/weights/artifact"
    assert errors_for(student["id"]) == []
    assert [(e["pointer"], e["code"]) for e in errors_for(unknown)] == [(pointer, "artifact_unknown")]
    assert [(e["pointer"], e["code"]) for e in errors_for(metrics["id"])] == [(pointer, "artifact_kind")]


def test_weights_may_be_those_of_a_job_that_still_runs(house: House) -> None:
    teacher = submit(house)
    spec = {**SPEC, "models": {"student": {"model": "resnet8", "weights": {"job": teacher["id"]}}}}
    job = submit(house, spec=spec)
    assert (job["state"], job["status_reason"]) == ("queued", "dependency")
    assert teacher["id"] in job["status_message"]
    resolved = house.client.get(f"/v1/jobs/{job['id']}").json()["resolved_spec"]
    assert resolved["models"]["student"]["weights"] == {"job": teacher["id"]}


def test_weights_of_a_job_that_has_succeeded_are_its_student_at_once(house: House) -> None:
    student = house.make_artifact()
    spec = {**SPEC, "models": {"student": {"model": "resnet8", "weights": {"job": student["job_id"]}}}}
    job = submit(house, spec=spec)
    assert job["status_reason"] is None
    seen = house.client.get(f"/v1/jobs/{job['id']}").json()
    assert seen["spec"]["models"]["student"]["weights"] == {"job": student["job_id"]}
    assert seen["resolved_spec"]["models"]["student"]["weights"] == {"artifact": student["id"]}


def test_a_job_that_was_cancelled_cannot_be_waited_for(house: House) -> None:
    teacher = submit(house)
    house.client.post(f"/v1/jobs/{teacher['id']}/cancel")
    spec = {**SPEC, "models": {"student": {"model": "resnet8", "weights": {"job": teacher["id"]}}}}
    answer = house.client.post("/v1/jobs", json={"spec": spec})
    assert (answer.status_code, answer.json()["code"]) == (422, "spec_invalid")
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/models/student/weights/job", "job_without_student")
    assert "cancelled" in error["message"]


def test_one_idempotency_key_makes_one_job(house: House) -> None:
    def send(_: int) -> tuple[int, str]:
        answer = house.client.post("/v1/jobs", json={"spec": SPEC}, headers={"idempotency-key": "once"})
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, range(8)))
    assert len(answers) == 1
    assert {status for status, _ in answers} == {201}
    again = house.client.post("/v1/jobs", json={"spec": SPEC}, headers={"idempotency-key": "once"})
    assert again.headers["idempotency-replayed"] == "true"


def test_an_idempotency_key_with_another_body_is_refused(house: House) -> None:
    house.client.post("/v1/jobs", json={"spec": SPEC}, headers={"idempotency-key": "once"})
    answer = house.client.post("/v1/jobs", json={"spec": SPEC, "name": "n"}, headers={"idempotency-key": "once"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_request_does_not_use_up_its_idempotency_key(house: House) -> None:
    headers = {"idempotency-key": "once"}
    assert house.client.post("/v1/jobs", json={"spec": {}}, headers=headers).status_code == 422
    assert house.client.post("/v1/jobs", json={"spec": SPEC}, headers=headers).status_code == 201


def test_a_submitted_job_is_assigned_to_a_free_device_at_once(house: House) -> None:
    worker_id = house.ground.announce()
    job = submit(house)
    assert house.client.get(f"/v1/jobs/{job['id']}").json()["state"] == "starting"
    [worker] = house.client.get("/v1/workers").json()["data"]
    assert (worker["id"], worker["is_live"], worker["devices"][0]["job_id"]) == (worker_id, True, job["id"])


def test_cancelling_twice_is_the_same_as_once(house: House) -> None:
    job = submit(house)
    first = house.client.post(f"/v1/jobs/{job['id']}/cancel")
    second = house.client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["state"] == "cancelled"
    assert first.json() == second.json()


def test_a_job_that_has_succeeded_refuses_to_be_cancelled(house: House) -> None:
    artifact = house.make_artifact()
    answer = house.client.post(f"/v1/jobs/{artifact['job_id']}/cancel")
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["state"], problem["allowed"]) == ("move_refused", "succeeded", [])


def test_a_job_that_does_not_exist_is_a_problem_on_every_address(house: House) -> None:
    for path in ("", "/events", "/metrics", "/metrics/series?key=a", "/logs", "/attempts", "/artifacts"):
        answer = house.client.get(f"/v1/jobs/job_none{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["content-type"] == "application/problem+json"
    for path in ("/events/stream", "/metrics/stream", "/logs/stream"):
        assert house.client.get(f"/v1/jobs/job_none{path}").status_code == 404


def test_a_job_whose_reply_was_sent_is_in_the_database(house: House) -> None:
    submit(house)
    with house.service.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 1
