from __future__ import annotations

from typing import Any

import pytest

from server.access import Caller, identify
from server.routes.examples import SPEC
from server.scopes import Scope
from tests.server.house import House


@pytest.fixture
def parent(house: House) -> str:
    body = {"spec": SPEC, "name": "old", "labels": {"team": "a"}, "priority": 7, "max_restarts": 1}
    job_id: str = house.client.post("/v1/jobs", json=body).json()["id"]
    return job_id


def clone(house: House, job_id: str, **how: Any) -> Any:
    return house.client.post(f"/v1/jobs/{job_id}/clone", **how)


def test_a_clone_without_changes_is_the_same_order_once_more(house: House, parent: str) -> None:
    answer = clone(house, parent)
    assert answer.status_code == 201
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["id"] != parent
    assert (job["parent_id"], job["name"], job["labels"]) == (parent, "old", {"team": "a"})
    assert (job["priority"], job["max_restarts"]) == (7, 1)
    assert house.client.get(f"/v1/jobs/{job['id']}").json()["spec"] == SPEC


def test_a_clone_takes_a_merge_patch_on_the_spec_and_other_words(house: House, parent: str) -> None:
    patch = {"description": "with a seed", "runtime": {"seed": 7}, "evaluation": None}
    job = clone(house, parent, json={"spec": patch, "name": "new", "labels": {}, "priority": 0}).json()
    assert (job["name"], job["labels"], job["priority"]) == ("new", {}, 0)
    seen = house.client.get(f"/v1/jobs/{job['id']}").json()
    assert seen["spec"] == {key: value for key, value in (SPEC | patch).items() if value is not None}
    assert seen["resolved_spec"]["runtime"]["seed"] == 7
    assert house.client.get(f"/v1/jobs/{parent}").json()["spec"] == SPEC


def test_the_patched_spec_is_checked_and_problems_point_into_it(house: House, parent: str) -> None:
    answer = clone(house, parent, json={"spec": {"models": {"student": {"model": "resnt8"}}}})
    assert (answer.status_code, answer.json()["code"]) == (422, "spec_invalid")
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["nearest"][0]) == ("/models/student/model", "resnet8")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"nmae": "x"}, "/nmae"),
        ({"spec": 1}, "/spec"),
        ({"priority": 2000}, "/priority"),
        ([], ""),
    ],
)
def test_a_wrong_body_is_pointed_at(house: House, parent: str, body: object, pointer: str) -> None:
    answer = clone(house, parent, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_one_idempotency_key_makes_one_clone(house: House, parent: str) -> None:
    headers = {"idempotency-key": "once"}
    first, second = (clone(house, parent, json={"name": "n"}, headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotency-replayed"] == "true"
    other = clone(house, first.json()["id"], json={"name": "n"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_two_callers_may_use_the_same_idempotency_key(house: House, parent: str) -> None:
    headers = {"idempotency-key": "once"}
    mine = clone(house, parent, headers=headers).json()["id"]
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_other", None, frozenset(Scope))  # type: ignore[attr-defined]
    theirs = clone(house, parent, headers=headers).json()
    assert theirs["id"] != mine
    assert theirs["created_by"] == "key_other"


def test_a_clone_lives_in_the_project_of_its_parent(house: House) -> None:
    job_id = house.ground.submit(project="theirs")
    assert clone(house, job_id).json()["project"] == "theirs"
