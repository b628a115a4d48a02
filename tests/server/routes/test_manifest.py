from __future__ import annotations

import json

from server.access import Caller, identify
from server.scopes import Scope
from tests.server.house import House

MANIFEST = {"seed": 7, "versions": {"torch": "2"}}


def finish(house: House) -> str:
    claim = house.start_job()
    house.succeed(claim, house.store(json.dumps(MANIFEST).encode(), "manifest", "manifest.json"))
    return claim.job_id


def test_the_manifest_of_a_finished_job_is_the_one_that_the_engine_wrote(house: House) -> None:
    job_id = finish(house)
    answer = house.client.get(f"/v1/jobs/{job_id}/manifest")
    assert (answer.status_code, answer.json()) == (200, MANIFEST)
    assert answer.headers["content-type"] == "application/json"
    [artifact] = house.client.get(f"/v1/jobs/{job_id}/artifacts").json()["data"]
    assert answer.headers["etag"] == f'"sha256-{artifact["sha256"]}"'


def test_a_job_that_is_not_done_has_no_manifest_and_says_why(house: House) -> None:
    answer = house.client.get(f"/v1/jobs/{house.ground.submit()}/manifest")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "is queued" in answer.json()["detail"]


def test_a_manifest_whose_bytes_are_gone_is_said_to_be_gone(house: House) -> None:
    job_id = finish(house)
    [artifact] = house.client.get(f"/v1/jobs/{job_id}/artifacts").json()["data"]
    house.service.artifacts.delete(artifact["sha256"])
    assert house.client.get(f"/v1/jobs/{job_id}/manifest").status_code == 410


def test_the_manifest_of_another_project_is_none_to_this_caller(house: House) -> None:
    job_id = finish(house)
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    assert house.client.get(f"/v1/jobs/{job_id}/manifest").status_code == 404
