from __future__ import annotations

import pytest

from server.routes.examples import SPEC
from server.scopes import Scope
from tests.server.house import House, sign


def test_a_worker_is_looked_at_with_its_devices_and_who_holds_them(house: House) -> None:
    claim = house.start_job()
    worker = house.client.get(f"/v1/workers/{claim.worker_id}").json()
    assert (worker["id"], worker["is_live"], worker["is_draining"]) == (claim.worker_id, True, False)
    assert [device["job_id"] for device in worker["devices"]] == [claim.job_id]
    assert [worker] == house.client.get("/v1/workers").json()["data"]


def test_a_drained_worker_keeps_what_it_runs_and_gets_nothing_more(house: House) -> None:
    claim = house.start_job()
    drained = house.client.post(f"/v1/workers/{claim.worker_id}/drain")
    assert drained.status_code == 200
    assert (drained.json()["is_draining"], drained.json()["clear_requested_at"]) == (True, None)
    assert house.client.get(f"/v1/jobs/{claim.job_id}").json()["state"] == "starting"
    house.requeue(claim)
    assert house.ground.assign() == 0


def test_draining_at_once_is_noted_once(house: House) -> None:
    worker_id = house.ground.announce()
    first = house.client.post(f"/v1/workers/{worker_id}/drain", json={"now": True}).json()
    assert first["clear_requested_at"] is not None
    assert house.client.post(f"/v1/workers/{worker_id}/drain", json={"now": True}).json() == first


def test_a_drained_worker_stays_drained_when_it_starts_anew(house: House) -> None:
    worker_id = house.ground.announce()
    house.client.post(f"/v1/workers/{worker_id}/drain")
    house.ground.announce(worker_id=worker_id)
    assert house.client.get(f"/v1/workers/{worker_id}").json()["is_draining"]


def test_an_undrained_worker_gets_what_waits_at_once(house: House) -> None:
    worker_id = house.ground.announce()
    house.client.post(f"/v1/workers/{worker_id}/drain", json={"now": True})
    job = house.client.post("/v1/jobs", json={"spec": SPEC}).json()
    assert house.client.get(f"/v1/jobs/{job['id']}").json()["state"] == "queued"
    undrained = house.client.post(f"/v1/workers/{worker_id}/undrain").json()
    assert (undrained["is_draining"], undrained["clear_requested_at"]) == (False, None)
    assert house.client.get(f"/v1/jobs/{job['id']}").json()["state"] == "starting"


def test_a_worker_that_does_not_exist_is_a_problem(local_house: House) -> None:
    for method, path in (("GET", ""), ("POST", "/drain"), ("POST", "/undrain")):
        answer = local_house.client.request(method, f"/v1/workers/wrk_none{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("body", "pointer"), [({"now": "yes"}, "/now"), ({"nwo": True}, "/nwo"), ([], "")])
def test_a_bad_body_is_refused_at_its_place(local_house: House, body: object, pointer: str) -> None:
    worker_id = local_house.ground.announce()
    answer = local_house.client.post(f"/v1/workers/{worker_id}/drain", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not local_house.client.get(f"/v1/workers/{worker_id}").json()["is_draining"]


def test_a_key_of_one_project_sees_that_a_device_is_held_and_not_by_which_foreign_job(house: House) -> None:
    claim = house.start_job()
    for project, named in (("elsewhere", None), (claim.project, claim.job_id)):
        bound = sign(house.service, Scope.JOBS_READ, project=project)
        one = house.client.get(f"/v1/workers/{claim.worker_id}", headers=bound).json()
        (listed,) = house.client.get("/v1/workers", headers=bound).json()["data"]
        assert [(device["job_id"], device["is_held"]) for device in one["devices"]] == [(named, True)]
        assert listed == one
