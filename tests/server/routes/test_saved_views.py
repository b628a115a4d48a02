from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from server.jobs.saved_views import MOST_VIEWS, add_saved_view
from server.jobs.tables import ApiKey, AuditEntry
from server.scopes import Scope
from tests.server.house import House, sign

BODY = {"name": "failures", "query": "state=failed&sort=name"}


def save(house: House, **changes: Any) -> dict[str, Any]:
    answer = house.client.post("/v1/views", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/views/{view['id']}"
    return view


def names(house: House, headers: dict[str, str] | None = None) -> list[str]:
    return [view["name"] for view in house.client.get("/v1/views", headers=headers).json()["data"]]


def test_a_view_is_saved_listed_changed_and_deleted(house: House) -> None:
    view = save(house)
    assert (view["object"], view["name"], view["query"]) == ("view", BODY["name"], BODY["query"])
    save(house, name="a first one", query="")
    assert names(house) == ["a first one", "failures"]
    path = f"/v1/views/{view['id']}"
    changed = house.client.put(path, json={"name": "renamed <b>\u202e", "query": "q=x"})
    assert (changed.status_code, changed.json()["name"], changed.json()["query"]) == (200, "renamed <b>\u202e", "q=x")
    assert changed.json()["created_at"] == view["created_at"]
    assert house.client.put(path, json={"name": "renamed <b>\u202e", "query": "q=y"}).status_code == 200
    assert house.client.delete(path).status_code == 204
    assert names(house) == ["a first one"]
    assert house.client.delete(path).status_code == 404


def test_two_views_of_one_name_are_refused(house: House) -> None:
    save(house)
    other = save(house, name="other")
    twice = house.client.post("/v1/views", json=BODY)
    renamed = house.client.put(f"/v1/views/{other['id']}", json=BODY)
    for answer in (twice, renamed):
        assert (answer.status_code, answer.json()["code"]) == (409, "view_refused")
        assert "'failures'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"query": ""}, "/name"),
        ({"name": "", "query": ""}, "/name"),
        ({"name": "a" * 121, "query": ""}, "/name"),
        ({"name": "a"}, "/query"),
        ({"name": "a", "query": "a" * 4097}, "/query"),
        (BODY | {"shared": True}, "/shared"),
    ],
)
def test_a_bad_view_is_refused_at_its_place(local_house: House, body: dict[str, Any], pointer: str) -> None:
    answer = local_house.client.post("/v1/views", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_each_key_keeps_its_own_and_may_do_so_with_the_right_to_look(house: House) -> None:
    view = save(house)
    headers = sign(house.service, Scope.JOBS_READ)
    assert names(house, headers) == []
    path = f"/v1/views/{view['id']}"
    assert house.client.put(path, json=BODY, headers=headers).status_code == 404
    assert house.client.delete(path, headers=headers).status_code == 404
    assert house.client.post("/v1/views", json=BODY, headers=headers).status_code == 201
    assert (names(house), names(house, headers)) == (["failures"], ["failures"])
    no_right = sign(house.service, Scope.ARTIFACTS_READ)
    assert house.client.get("/v1/views", headers=no_right).status_code == 403


def test_what_is_saved_is_in_the_audit(house: House) -> None:
    view = save(house)
    house.client.delete(f"/v1/views/{view['id']}")
    with house.ground.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.target == view["id"]).order_by(AuditEntry.seq))
        assert [entry.action for entry in entries] == ["save_view", "delete_view"]


def test_a_key_keeps_so_many_and_no_more(local_house: House) -> None:
    save(local_house)
    with local_house.ground.database.write() as session:
        key_id = session.scalars(select(ApiKey.id).order_by(ApiKey.id.desc())).first()
        assert key_id is not None
        for number in range(MOST_VIEWS - 1):
            add_saved_view(session, key_id, name=str(number), query="")
    answer = local_house.client.post("/v1/views", json=BODY | {"name": "one more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "view_refused")
    assert str(MOST_VIEWS) in answer.json()["detail"]
