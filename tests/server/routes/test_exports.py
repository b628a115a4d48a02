from __future__ import annotations

from typing import Any

import pytest

from server.jobs.purge import purge_deleted
from server.jobs.verbs import cancel_job
from tests.server.house import House, sign


def finish_job(house: House) -> str:
    """Return a job that has succeeded with a student; no worker takes what comes after it."""
    job_id = str(house.make_artifact()["job_id"])
    dismiss_workers(house)
    return job_id


def dismiss_workers(house: House) -> None:
    for worker in house.client.get("/v1/workers").json()["data"]:
        house.client.post(f"/v1/workers/{worker['id']}/drain")


def ask(house: House, job_id: str, **wanted: Any) -> Any:
    return house.client.post(f"/v1/jobs/{job_id}/exports", json={"format": "onnx"} | wanted)


def carry_out(house: House, export: dict[str, Any], data: bytes = b"exported") -> None:
    """Do what a worker would do with an export."""
    house.ground.announce()
    claim = house.restart_job(export["id"])
    assert claim.export_of == export["job_id"]
    assert claim.resolved["outputs"]["exports"] == [export["format"]]
    house.start_run(claim)
    house.succeed(claim, house.store(data, export["format"], "student.onnx"), log=b"")
    dismiss_workers(house)


def test_an_export_is_a_job_whose_result_becomes_an_artifact_of_the_finished_job(house: House) -> None:
    job_id = finish_job(house)
    answer = ask(house, job_id, until="stage1", opset=20)
    assert answer.status_code == 201, answer.text
    export = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{export['id']}"
    assert (export["object"], export["job_id"], export["state"]) == ("export", job_id, "queued")
    assert (export["format"], export["until"], export["opset"], export["artifact_id"]) == ("onnx", "stage1", 20, None)
    carry_out(house, export)
    (done,) = house.client.get(f"/v1/jobs/{job_id}/exports").json()["data"]
    assert done["state"] == "succeeded"
    made = {each["id"]: each for each in house.client.get(f"/v1/jobs/{job_id}/artifacts").json()["data"]}
    assert made[done["artifact_id"]]["name"] == "student-export-until-stage1-opset20.onnx"
    assert house.client.get(f"/v1/artifacts/{done['artifact_id']}/content").content == b"exported"
    assert house.client.get(f"/v1/jobs/{job_id}/events").json()["data"][-1]["type"] == "artifact"
    assert [each["kind"] for each in house.client.get(f"/v1/jobs/{done['id']}/artifacts").json()["data"]] == ["log"]


def test_asking_for_the_same_again_gives_the_same_export_and_for_another_gives_another(house: House) -> None:
    job_id = finish_job(house)
    first, same, other = ask(house, job_id).json(), ask(house, job_id).json(), ask(house, job_id, opset=20).json()
    assert same["id"] == first["id"] != other["id"]
    carry_out(house, first)
    again = ask(house, job_id).json()
    assert (again["id"], again["state"]) == (first["id"], "succeeded")
    assert again["artifact_id"] is not None


def test_lists_of_jobs_leave_exports_out(house: House) -> None:
    job_id = finish_job(house)
    ask(house, job_id)
    assert [job["id"] for job in house.client.get("/v1/jobs").json()["data"]] == [job_id]


def test_a_failed_export_says_why_and_can_be_retried(house: House) -> None:
    job_id = finish_job(house)
    export = ask(house, job_id).json()
    with house.service.database.write() as session:
        cancel_job(session, export["id"], "user")
    (shown,) = house.client.get(f"/v1/jobs/{job_id}/exports").json()["data"]
    assert (shown["state"], shown["status_reason"]) == ("cancelled", "user_cancelled")
    assert house.client.post(f"/v1/jobs/{export['id']}/retry").status_code == 202
    carry_out(house, export)
    assert house.client.get(f"/v1/jobs/{job_id}/exports").json()["data"][0]["state"] == "succeeded"


def test_an_export_that_was_deleted_can_be_made_anew_and_takes_the_place_of_the_old_one(house: House) -> None:
    job_id = finish_job(house)
    first = ask(house, job_id).json()
    carry_out(house, first, b"old")
    assert house.client.delete(f"/v1/jobs/{first['id']}").status_code == 204
    second = ask(house, job_id).json()
    assert second["id"] != first["id"]
    carry_out(house, second, b"new")
    (done,) = house.client.get(f"/v1/jobs/{job_id}/exports").json()["data"]
    assert house.client.get(f"/v1/artifacts/{done['artifact_id']}/content").content == b"new"


def test_a_job_that_has_not_succeeded_and_an_export_cannot_be_exported(house: House) -> None:
    export = ask(house, finish_job(house)).json()
    for job_id in (house.ground.submit(), export["id"]):
        refused = ask(house, job_id)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_exportable")
    refused = ask(house, export["id"])
    assert (refused.status_code, "is an export itself" in refused.json()["detail"]) == (409, True)
    assert ask(house, "job_none").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"format": "tflite"}, "/format"),
        ({"opset": 17}, "/opset"),
        ({"opset": True}, "/opset"),
        ({"format": "torch_export", "opset": 20}, "/opset"),
        ({"until": "no.such.place"}, "/until"),
        ({"until": "x" * 300}, "/until"),
        ({"until": ""}, "/until"),
        ({"path": "/etc/passwd"}, "/path"),
    ],
)
def test_what_cannot_be_exported_is_told_at_its_place(house: House, wanted: dict[str, Any], pointer: str) -> None:
    refused = ask(house, finish_job(house), **wanted)
    assert refused.status_code == 422, refused.text
    assert [entry["pointer"] for entry in refused.json()["errors"]] == [pointer]


def test_a_key_of_another_project_sees_no_exports(house: House) -> None:
    job_id = finish_job(house)
    foreign = sign(house.service, project="elsewhere")
    assert house.client.get(f"/v1/jobs/{job_id}/exports", headers=foreign).status_code in {403, 404}
    assert house.client.post(f"/v1/jobs/{job_id}/exports", json={"format": "onnx"}, headers=foreign).status_code in {
        403,
        404,
    }


def test_a_job_stays_while_its_student_is_exported_and_takes_its_exports_with_it(house: House) -> None:
    job_id = finish_job(house)
    export = ask(house, job_id).json()
    assert house.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert purge_deleted(house.service.database, -1, 10) == 0
    with house.service.database.write() as session:
        cancel_job(session, export["id"], "user")
    assert purge_deleted(house.service.database, -1, 10) == 1
    assert house.client.get(f"/v1/jobs/{export['id']}").status_code == 404
