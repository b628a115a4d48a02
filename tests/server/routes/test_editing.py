from __future__ import annotations

from typing import Any

import pytest

from server.access import Caller, identify
from server.scopes import Scope
from tests.server.house import House


@pytest.fixture
def job_id(house: House) -> str:
    return house.ground.submit(name="old", labels={"team": "a", "tier": "1"})


def edit(house: House, job_id: str, body: object, **headers: str) -> Any:
    return house.client.patch(f"/v1/jobs/{job_id}", json=body, headers=headers)


def test_what_is_named_changes_and_the_rest_stays(house: House, job_id: str) -> None:
    answer = edit(house, job_id, {"name": "new", "labels": {"tier": None, "site": "x"}})
    assert answer.status_code == 200
    job = answer.json()
    assert (job["name"], job["labels"], job["priority"], job["notes"]) == ("new", {"team": "a", "site": "x"}, 0, None)
    job = edit(house, job_id, {"priority": -5, "notes": "a note"}).json()
    assert (job["name"], job["priority"], job["notes"]) == ("new", -5, "a note")
    assert edit(house, job_id, {"notes": None}).json()["notes"] is None
    seen = house.client.get(f"/v1/jobs/{job_id}").json()
    assert (seen["name"], seen["labels"]) == ("new", {"team": "a", "site": "x"})
    assert [job["id"] for job in house.client.get("/v1/jobs?label.site=x").json()["data"]] == [job_id]


def test_an_edit_is_an_event_unless_it_changes_nothing(house: House, job_id: str) -> None:
    for body in ({"name": "new"}, {"name": "new"}, {"labels": {"team": "a"}}, {}):
        assert edit(house, job_id, body).status_code == 200
    edits = [event.data for event in house.ground.events(job_id) if event.type == "edited"]
    assert edits == [{"name": "new"}]


def test_a_higher_priority_is_assigned_first(house: House, job_id: str) -> None:
    later = house.ground.submit()
    edit(house, later, {"priority": 1})
    house.ground.announce()
    assert house.ground.assign() == 1
    assert house.ground.job(later).state == "starting"
    assert house.ground.job(job_id).state == "queued"


def test_the_etag_of_a_read_guards_an_edit(house: House, job_id: str) -> None:
    etag = house.client.get(f"/v1/jobs/{job_id}").headers["etag"]
    first = edit(house, job_id, {"name": "mine"}, **{"if-match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    second = edit(house, job_id, {"name": "theirs"}, **{"if-match": etag})
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert second.headers["etag"] == first.headers["etag"]
    assert house.ground.job(job_id).name == "mine"


@pytest.mark.parametrize("form", ["*", '"other", {}'])
def test_several_etags_or_any_may_be_named(house: House, job_id: str, form: str) -> None:
    etag = house.client.get(f"/v1/jobs/{job_id}").headers["etag"]
    assert edit(house, job_id, {"name": "n"}, **{"if-match": form.format(etag)}).status_code == 200


def test_a_weak_etag_matches_nothing(house: House, job_id: str) -> None:
    etag = house.client.get(f"/v1/jobs/{job_id}").headers["etag"]
    assert edit(house, job_id, {"name": "n"}, **{"if-match": f"W/{etag}"}).status_code == 412


def test_progress_does_not_change_the_etag(house: House) -> None:
    claim = house.start_job()
    before = house.client.get(f"/v1/jobs/{claim.job_id}")
    house.start_run(claim)
    after = house.client.get(f"/v1/jobs/{claim.job_id}")
    assert before.json()["state"] != after.json()["state"]
    assert before.headers["etag"] == after.headers["etag"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": ""}, "/name"),
        ({"priority": 1001}, "/priority"),
        ({"priority": True}, "/priority"),
        ({"labels": {"a": 1}}, "/labels/a"),
        ({"labels": {f"k{number}": "" for number in range(63)}}, "/labels"),
        ({"notes": "x" * 16_385}, "/notes"),
        ({"state": "running"}, "/state"),
    ],
)
def test_a_wrong_edit_is_pointed_at_and_changes_nothing(house: House, job_id: str, body: object, pointer: str) -> None:
    answer = edit(house, job_id, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert house.ground.job(job_id).name == "old"


def test_a_job_that_is_over_is_deleted_once_and_found_no_more(house: House) -> None:
    job_id = house.make_artifact()["job_id"]
    address = f"/v1/jobs/{job_id}"
    first = house.client.delete(address)
    assert (first.status_code, first.content) == (204, b"")
    assert [house.client.request(verb, address).status_code for verb in ("GET", "DELETE", "PATCH")] == [404] * 3
    assert house.client.post(f"{address}/retry").status_code == 404
    assert house.client.get("/v1/jobs").json()["data"] == []
    assert house.ground.events(job_id)[-1].type == "deleted"


def test_a_job_that_is_not_over_is_not_deleted(house: House, job_id: str) -> None:
    answer = house.client.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "move_refused")
    assert (answer.json()["state"], answer.json()["allowed"]) == ("queued", ["cancel"])
    assert house.client.get(f"/v1/jobs/{job_id}").status_code == 200


def test_a_job_of_another_project_can_neither_be_read_edited_nor_deleted(house: House, job_id: str) -> None:
    house.client.post(f"/v1/jobs/{job_id}/cancel")
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    for verb in ("GET", "PATCH", "DELETE"):
        assert house.client.request(verb, f"/v1/jobs/{job_id}").status_code == 404
    assert house.ground.job(job_id).deleted_at is None
