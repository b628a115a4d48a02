from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server.app import create_app
from server.routes.examples import SPEC
from tests.server.house import House
from tests.server.jobs.ground import make_settings


@pytest.mark.parametrize("host", ["localhost", "localhost:8470", "127.0.0.1", "[::1]", "[::1]:8470", "LOCALHOST"])
def test_this_machine_may_be_named_in_every_way(bare_client: TestClient, host: str) -> None:
    assert bare_client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "a@b"]
)
def test_another_host_is_refused(bare_client: TestClient, host: str) -> None:
    answer = bare_client.get("/healthz", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed")


def test_any_host_may_be_allowed(tmp_path: Path) -> None:
    settings = make_settings({"STILLHOUSE_HOME": str(tmp_path)}).model_copy(update={"allowed_hosts": ("*",)})
    with_any = TestClient(create_app(settings), base_url="http://anything.example")
    assert with_any.get("/healthz").status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", "http://localhost.evil"])
def test_a_page_of_another_site_cannot_write(local_house: House, origin: str) -> None:
    answer = local_house.client.post("/v1/jobs", json={"spec": SPEC}, headers={"origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_foreign")
    assert local_house.client.get("/v1/jobs", headers={"origin": origin}).json()["data"] == []


def test_the_dashboard_itself_can_write(local_house: House) -> None:
    headers = {"origin": "http://localhost:8470", "host": "localhost:8470"}
    assert local_house.client.post("/v1/jobs", json={"spec": SPEC}, headers=headers).status_code == 201


@pytest.mark.parametrize("path", ["/healthz", "/v1/nothing", "/", "/v1/jobs?x=1"])
def test_every_answer_carries_the_security_headers_and_its_id(bare_client: TestClient, path: str) -> None:
    headers = bare_client.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert len(headers["x-request-id"]) == 32
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(("sent", "is_told"), [({"sec-fetch-site": "none"}, True), ({}, False)])
def test_browsers_are_told_of_openers_where_they_listen(
    bare_client: TestClient, sent: dict[str, str], *, is_told: bool
) -> None:
    """What a browser says of a fetch it says to addresses alone that it trusts."""
    assert ("cross-origin-opener-policy" in bare_client.get("/", headers=sent).headers) is is_told


def test_a_problem_names_the_request_as_the_log_does(bare_client: TestClient) -> None:
    answer = bare_client.get("/v1/nothing")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_crash_is_a_problem_that_tells_nothing_of_the_inside(bare_client: TestClient) -> None:
    answer = bare_client.get("/v1/jobs", headers={"Authorization": "Bearer sh_x"})  # there is no schema
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "sqlite" not in answer.text.lower()


def test_json_is_compressed_for_who_wants_it(local_house: House) -> None:
    answer = local_house.client.get("/v1/components", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    artifact = local_house.make_artifact(gzip.compress(b"x") * 1000)
    answer = local_house.client.get(artifact["content_url"], headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers
