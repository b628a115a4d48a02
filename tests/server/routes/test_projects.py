from __future__ import annotations

from typing import Any

import pytest

from server.access import Caller, identify
from server.routes.examples import SPEC
from server.scopes import Scope
from tests.server.house import House


def make(house: House, name: str, **limits: Any) -> dict[str, Any]:
    answer = house.client.post("/v1/projects", json={"id": name, **limits})
    assert answer.status_code == 201, answer.text
    project: dict[str, Any] = answer.json()
    return project


def act_for(house: House, project: str) -> None:
    """Let every further request come from a key of one project."""
    app = house.client._transport.app  # type: ignore[attr-defined]
    app.dependency_overrides[identify] = lambda: Caller("key_test", project, frozenset(Scope))


def test_a_project_is_made_and_looked_at_with_its_limits_and_use(house: House) -> None:
    made = make(house, "vision", max_devices=4, max_queued=10)
    assert (made["max_devices"], made["max_queued"], made["num_devices"], made["num_queued"]) == (4, 10, 0, 0)
    assert house.client.get("/v1/projects/vision").json() == made


def test_limits_are_set_anew_and_one_left_out_is_none(house: House) -> None:
    make(house, "vision", max_devices=4, max_queued=10)
    changed = house.client.put("/v1/projects/vision", json={"max_queued": 3})
    assert changed.status_code == 200
    assert (changed.json()["max_devices"], changed.json()["max_queued"]) == (None, 3)


def test_a_second_project_of_one_name_is_refused(house: House) -> None:
    make(house, "vision")
    answer = house.client.post("/v1/projects", json={"id": "vision"})
    assert (answer.status_code, answer.json()["code"]) == (409, "project_exists")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/id"),
        ({"id": "A b"}, "/id"),
        ({"id": "a", "max_devices": -1}, "/max_devices"),
        ({"id": "a", "x": 1}, "/x"),
    ],
)
def test_a_bad_project_is_refused_at_its_place(local_house: House, body: dict[str, Any], pointer: str) -> None:
    answer = local_house.client.post("/v1/projects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_projects_come_in_pages_by_name(house: House) -> None:
    for name in ("c", "a", "b"):
        make(house, name)
    page = house.client.get("/v1/projects?limit=2").json()
    assert [project["id"] for project in page["data"]] == ["a", "b"]
    assert page["has_more"]
    rest = house.client.get(f"/v1/projects?limit=2&after={page['last_id']}").json()
    assert [project["id"] for project in rest["data"]] == ["c"]


def test_a_project_that_does_not_exist_is_a_problem(local_house: House) -> None:
    for answer in (local_house.client.get("/v1/projects/none"), local_house.client.put("/v1/projects/none", json={})):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_key_of_one_project_sees_no_other(local_house: House) -> None:
    make(local_house, "mine")
    make(local_house, "theirs")
    act_for(local_house, "mine")
    assert [project["id"] for project in local_house.client.get("/v1/projects").json()["data"]] == ["mine"]
    assert local_house.client.get("/v1/projects/theirs").status_code == 404
    assert local_house.client.put("/v1/projects/theirs", json={}).status_code == 404


def test_a_submission_over_the_limit_is_refused_and_the_limit_told(house: House) -> None:
    make(house, "default", max_queued=1)
    assert house.client.post("/v1/jobs", json={"spec": SPEC}).status_code == 201
    answer = house.client.post("/v1/jobs", json={"spec": SPEC})
    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
    assert (answer.json()["limit"], answer.json()["limit_value"]) == ("max_queued", 1)
    assert house.client.get("/v1/projects/default").json()["num_queued"] == 1
