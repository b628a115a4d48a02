"""Every address wants a key that is valid, holds the right scope and belongs to the right project."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, update

from server.jobs.database import now
from server.jobs.tables import ApiKey, AuditEntry
from server.keys import digest
from server.local_key import prepare_local_key, read_key_file
from server.scopes import Scope
from tests.server.house import House, open_house, sign
from tests.server.jobs.ground import experiment
from tests.server.test_problems import assert_problem

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/v1/session"),
    ("GET", "/v1/session"),
    ("DELETE", "/v1/session"),
}
"""What answers without a key: the way in and out, and whether the service is well."""


def routes_of(house: House) -> list[tuple[str, str]]:
    """Return method and address of every route, as its description tells them."""
    document: dict[str, Any] = house.client.get("/openapi.json").json()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


def call(house: House, method: str, path: str, headers: dict[str, str]) -> httpx2.Response:
    """Send a request that names things that are not there."""
    return house.client.request(method, re.sub(r"\{\w+\}", "x", path), headers=headers)


def submit(house: House, headers: dict[str, str], **fields: Any) -> httpx2.Response:
    return house.client.post("/v1/jobs", json={"spec": experiment(), **fields}, headers=headers)


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer sh_wrong", "Basic YTpi", "bearer"])
def test_no_route_answers_without_a_valid_key(tmp_path: Path, authorization: str) -> None:
    environment = {"STILLHOUSE_HOME": str(tmp_path / "home"), "STILLHOUSE_FAILURE_LIMIT": "10000/minute"}
    with open_house(environment) as house:
        statuses = {
            (method, path): call(house, method, path, {"Authorization": authorization}).status_code
            for method, path in routes_of(house)
            if (method, path) not in OPEN
        }
    assert set(statuses.values()) == {401}
    assert len(statuses) > 20


def test_a_refusal_says_how_to_send_a_key(local_house: House) -> None:
    answer = local_house.client.get("/v1/jobs", headers={"Authorization": ""})
    assert_problem(answer, 401, "key_invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("scope", "allowed", "refused"),
    [
        (
            Scope.JOBS_READ,
            ["GET /v1/jobs", "GET /v1/workers"],
            ["POST /v1/jobs", "GET /v1/artifacts/x", "GET /v1/audit"],
        ),
        (Scope.JOBS_WRITE, ["POST /v1/jobs"], ["GET /v1/jobs", "GET /v1/api-keys", "GET /v1/artifacts/x"]),
        (Scope.ARTIFACTS_READ, ["GET /v1/artifacts/x"], ["GET /v1/jobs", "POST /v1/jobs", "POST /v1/api-keys"]),
    ],
)
def test_a_scope_allows_its_own_and_nothing_else(
    local_house: House, scope: Scope, allowed: list[str], refused: list[str]
) -> None:
    headers = sign(local_house.service, scope)
    assert {local_house.client.request(*each.split(), headers=headers).status_code for each in allowed} <= {
        200,
        404,
        422,
    }
    for each in refused:
        assert_problem(local_house.client.request(*each.split(), headers=headers), 403, "scope_missing")


def test_only_the_hash_of_a_key_is_stored(house: House) -> None:
    made = house.client.post("/v1/api-keys", json={"name": "ci", "scopes": ["jobs:read"]})
    assert made.status_code == 201
    secret = made.json()["secret"]
    with house.ground.database.read() as session:
        key = session.get_one(ApiKey, made.json()["id"])
    assert key.sha256 == digest(secret)
    assert secret not in {value for value in vars(key).values() if isinstance(value, str)}
    listed = house.client.get("/v1/api-keys").json()["data"]
    assert all("secret" not in entry for entry in listed)
    assert house.client.get("/v1/jobs", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_a_revoked_key_ends_at_once_and_so_does_its_browser(house: House) -> None:
    made = house.client.post("/v1/api-keys", json={"name": "ci", "scopes": ["jobs:read"]}).json()
    headers = {"Authorization": ""}
    house.client.post("/v1/session", json={"key": made["secret"]}, headers=headers)
    assert house.client.get("/v1/jobs", headers=headers).status_code == 200
    assert house.client.delete(f"/v1/api-keys/{made['id']}").status_code == 204
    assert house.client.get("/v1/jobs", headers={"Authorization": f"Bearer {made['secret']}"}).status_code == 401
    assert house.client.get("/v1/jobs", headers=headers).status_code == 401


def test_a_key_ends_when_it_expires(house: House) -> None:
    made = house.client.post("/v1/api-keys", json={"name": "ci", "scopes": ["jobs:read"], "expires_in_s": 60}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert house.client.get("/v1/jobs", headers=headers).status_code == 200
    with house.ground.database.write() as session:
        past = now(session) - timedelta(seconds=1)
        session.execute(update(ApiKey).where(ApiKey.id == made["id"]).values(expires_at=past))
    assert house.client.get("/v1/jobs", headers=headers).status_code == 401


def test_the_last_use_of_a_key_is_noted(house: House) -> None:
    headers = sign(house.service, Scope.JOBS_READ)
    house.client.get("/v1/jobs", headers=headers)
    newest = house.client.get("/v1/api-keys").json()["data"][0]
    assert newest["last_used_at"] is not None


def test_other_projects_jobs_are_not_there(house: House) -> None:
    ours, theirs = (sign(house.service, Scope.ADMIN, project=name) for name in ("ours", "theirs"))
    job_id = submit(house, ours).json()["id"]
    assert house.client.get(f"/v1/jobs/{job_id}", headers=ours).json()["project"] == "ours"
    for address in ("", "/events", "/metrics", "/logs", "/attempts", "/artifacts"):
        assert house.client.get(f"/v1/jobs/{job_id}{address}", headers=theirs).status_code == 404
    assert house.client.post(f"/v1/jobs/{job_id}/cancel", headers=theirs).status_code == 404
    assert house.client.get("/v1/jobs", headers=theirs).json()["data"] == []
    assert [job["id"] for job in house.client.get("/v1/jobs").json()["data"]] == [job_id]


def test_other_projects_artifacts_are_not_there(house: House) -> None:
    artifact = house.make_artifact()
    theirs = sign(house.service, Scope.ADMIN, project="theirs")
    assert house.client.get(f"/v1/artifacts/{artifact['id']}", headers=theirs).status_code == 404
    assert house.client.get(f"/v1/artifacts/{artifact['id']}/content", headers=theirs).status_code == 404
    spec = experiment()
    spec["models"]["student"]["weights"] = {"artifact": artifact["id"]}
    answer = house.client.post("/v1/jobs", json={"spec": spec}, headers=theirs)
    assert [entry["code"] for entry in answer.json()["errors"]] == ["artifact_unknown"]


def test_a_key_of_a_project_submits_nowhere_else(house: House) -> None:
    ours = sign(house.service, Scope.JOBS_WRITE, project="ours")
    assert_problem(submit(house, ours, project="theirs"), 403, "scope_missing")
    assert submit(house, ours, project="ours").status_code == 201


def test_only_an_admin_makes_a_project_by_naming_it(house: House) -> None:
    writer = sign(house.service, Scope.JOBS_WRITE)
    assert_problem(submit(house, writer, project="fresh"), 422, "body_invalid")
    assert submit(house, {}, project="fresh").json()["project"] == "fresh"
    assert submit(house, writer, project="fresh").status_code == 201


def test_idempotency_keys_of_two_callers_have_nothing_to_do_with_each_other(house: House) -> None:
    first, second = (sign(house.service, Scope.JOBS_WRITE) | {"Idempotency-Key": "k"} for _ in range(2))
    ids = [submit(house, headers).json()["id"] for headers in (first, first, second)]
    assert ids[0] == ids[1] != ids[2]


def test_every_write_is_in_the_audit_and_a_refused_one_is_not(house: House) -> None:
    job_id = submit(house, {}).json()["id"]
    house.client.post(f"/v1/jobs/{job_id}/cancel")
    house.client.post("/v1/jobs", json={"spec": {}})
    entries = house.client.get("/v1/audit").json()["data"]
    assert [(entry["action"], entry["target"]) for entry in entries] == [("cancel", job_id), ("submit", job_id)]
    with house.ground.database.read() as session:
        assert len(list(session.scalars(select(AuditEntry)))) == 2
    assert all(entry["actor"].startswith("key_") and len(entry["request_id"]) == 32 for entry in entries)


def test_a_browser_reads_by_its_cookie_and_writes_with_the_token_as_well(house: House) -> None:
    secret = house.client.headers["authorization"].removeprefix("Bearer ")
    bare = {"Authorization": ""}
    opened = house.client.post("/v1/session", json={"key": secret}, headers=bare)
    cookie = opened.headers["set-cookie"]
    assert opened.status_code == 201
    assert all(flag in cookie for flag in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert secret not in cookie
    assert house.client.get("/v1/jobs", headers=bare).status_code == 200
    assert_problem(submit(house, bare), 403, "csrf_token_invalid")
    token = house.client.get("/v1/session", headers=bare).json()["csrf_token"]
    assert submit(house, bare | {"X-CSRF-Token": token}).status_code == 201
    house.client.delete("/v1/session", headers=bare)
    assert house.client.get("/v1/jobs", headers=bare).status_code == 401


def test_a_wrong_key_opens_no_session(local_house: House) -> None:
    answer = local_house.client.post("/v1/session", json={"key": "sh_wrong"}, headers={"Authorization": ""})
    assert_problem(answer, 401, "key_invalid")
    assert "set-cookie" not in answer.headers


def test_guessing_keys_is_slowed_down(local_house: House) -> None:
    headers = {"Authorization": "Bearer sh_guess"}
    statuses = [local_house.client.get("/v1/jobs", headers=headers).status_code for _ in range(61)]
    assert statuses == [401] * 60 + [429]
    answer = local_house.client.get("/v1/jobs", headers=headers)
    assert_problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert local_house.client.get("/v1/jobs").status_code == 200


def test_the_local_key_is_minted_once_and_for_its_owner_alone(house: House) -> None:
    settings, database = house.ground.settings, house.ground.database
    secret = prepare_local_key(database, settings)
    assert prepare_local_key(database, settings) == secret == read_key_file(settings.key_file)
    assert settings.key_file.stat().st_mode & 0o777 == 0o600
    assert house.client.get("/v1/api-keys", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_a_local_key_that_was_revoked_is_replaced_at_the_next_start(house: House) -> None:
    secret = prepare_local_key(house.ground.database, house.ground.settings)
    with house.ground.database.write() as session:
        session.execute(update(ApiKey).where(ApiKey.sha256 == digest(secret)).values(revoked_at=now(session)))
    assert prepare_local_key(house.ground.database, house.ground.settings) != secret
