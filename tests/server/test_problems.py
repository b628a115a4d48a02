from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from distill_core.spec import MAX_BYTES
from tests.server.house import House

JSON = {"content-type": "application/json"}
FIELDS = {"type", "title", "status", "detail", "instance", "code", "errors", "request_id"}


def assert_problem(answer: object, status: int, code: str) -> dict[str, object]:
    """Check that an answer is a whole problem, and return it."""
    document: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    assert (answer.status_code, document["code"]) == (status, code)  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    assert document.keys() >= FIELDS
    assert document["status"] == status
    return document


def test_an_unknown_address_is_a_problem(bare_client: TestClient) -> None:
    assert_problem(bare_client.get("/v1/nothing"), 404, "not_found")
    assert_problem(bare_client.get("/v1"), 404, "not_found")
    assert_problem(bare_client.get("/v1/jobs/"), 404, "not_found")


def test_a_wrong_method_is_told_every_right_one(bare_client: TestClient) -> None:
    answer = bare_client.delete("/v1/jobs")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert bare_client.post("/v1/artifacts/x/content").headers["allow"] == "GET, HEAD"
    assert_problem(bare_client.post("/some/page"), 405, "method_not_allowed")


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(local_house: House) -> None:
    large = b"x" * (MAX_BYTES + 1)
    assert_problem(local_house.client.post("/v1/jobs", content=large, headers=JSON), 413, "content_too_large")
    pieces = (large[start : start + 9999] for start in range(0, len(large), 9999))
    assert_problem(local_house.client.post("/v1/jobs", content=pieces, headers=JSON), 413, "content_too_large")


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""])
def test_a_media_type_that_is_not_understood_is_refused(local_house: House, media_type: str) -> None:
    answer = local_house.client.post("/v1/jobs", content=b"{}", headers={"content-type": media_type})
    assert_problem(answer, 415, "media_type_unsupported")
    assert answer.headers["accept"] == "application/json, application/yaml"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=NaN", "/limit"),
        ("limit=1e400", "/limit"),
        ("state=asleep", "/state/0"),
        ("order=up", "/order"),
        ("lmit=5", "/lmit"),
        ("q=" + "x" * 300, "/q"),
        ("label.a=1&label.a=2", "/label.a"),
    ],
)
def test_a_wrong_parameter_is_pointed_at(local_house: House, query: str, pointer: str) -> None:
    document = assert_problem(local_house.client.get(f"/v1/jobs?{query}"), 422, "query_invalid")
    errors = document["errors"]
    assert isinstance(errors, list)
    assert [entry["pointer"] for entry in errors] == [pointer]


def test_an_unknown_parameter_names_the_nearest(local_house: House) -> None:
    document = local_house.client.get("/v1/jobs?lmit=5").json()
    assert document["errors"][0]["nearest"] == ["limit"]
    assert_problem(local_house.client.get("/v1/workers?limit=5"), 422, "query_invalid")


@pytest.mark.parametrize("number", ["-1", "9223372036854775808", "1" * 400, "NaN", "1e400", "\u0664"])
def test_numbers_that_no_database_holds_are_refused(local_house: House, number: str) -> None:
    job_id = local_house.ground.submit()
    for path in ("events", "events/stream", "metrics/stream"):
        answer = local_house.client.get(f"/v1/jobs/{job_id}/{path}", params={"after": number})
        assert_problem(answer, 422, "query_invalid")
        if path.endswith("stream"):
            headers = {b"last-event-id": number.encode()}
            answer = local_house.client.get(f"/v1/jobs/{job_id}/{path}", headers=headers)
            assert_problem(answer, 422, "query_invalid")


@pytest.mark.parametrize(
    "path", ["/v1/jobs/a%00b", "/v1/jobs?q=%00", "/v1/jobs?label.a=%00", "/%00", "/v1/artifacts/%00/content"]
)
def test_nul_is_refused_wherever_it_stands(house: House, path: str) -> None:
    assert_problem(house.client.get(path), 422, "query_invalid")


@pytest.mark.parametrize("name", ["%ED%A0%80", "%FF%FE", "%F0%9F%92%A9", "a" * 5000, "'%20OR%201=1--", "%25"])
def test_strange_ids_are_not_found(house: House, name: str) -> None:
    assert_problem(house.client.get(f"/v1/jobs/{name}"), 404, "not_found")
    assert house.client.get(f"/v1/jobs?after={name[:60]}&label.{name[:20]}={name[:20]}").status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "t\tb"])
def test_an_idempotency_key_that_cannot_be_kept_is_refused(local_house: House, key: str) -> None:
    answer = local_house.client.post("/v1/jobs", json={"spec": {}}, headers={"idempotency-key": key})
    assert answer.status_code == 422


NASTY = [
    b"",
    b"{",
    b"null",
    b'{"spec": NaN}',
    b'{"spec": {"version": -Infinity}}',
    b'{"spec": {"version": 1e400}}',
    b'{"spec": {"version": ' + b"9" * 5000 + b"}}",
    b'{"spec": {"version": 99999999999999999999999}}',
    b'{"spec": {"name": "\\ud800"}}',
    b'{"spec": {"\\udfff": 1}}',
    b'{"spec": {"name": "\\u0000"}}',
    b'{"name": "\\u0000", "spec": {}}',
    b'{"labels": {"\\u0000": "\\ud800"}, "spec": {}}',
    b'{"spec": {"name": "\xff\xfe"}}',
    b"[" * 100_000,
    b'{"a":' * 30_000,
    b'{"spec":' + b"[" * 500 + b"]" * 500 + b"}",
]


@pytest.mark.parametrize("body", NASTY, ids=range(len(NASTY)))
def test_no_body_makes_the_server_fail(house: House, body: bytes) -> None:
    for path in ("/v1/jobs", "/v1/specs/validate"):
        for media_type in ("application/json", "application/yaml"):
            answer = house.client.post(path, content=body, headers={"content-type": media_type})
            assert answer.status_code in {200, 422}, answer.text
            json.loads(answer.content.decode("utf-8"), parse_constant=pytest.fail)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters()), children),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(anything, st.fixed_dictionaries({"spec": anything, "name": anything, "labels": anything})))
def test_whatever_json_is_sent_is_answered_by_problems_that_any_client_can_read(
    local_house: House, body: object
) -> None:
    answer = local_house.client.post(
        "/v1/jobs", content=json.dumps(body).encode("utf-8", "surrogatepass"), headers=JSON
    )
    has_spec = isinstance(body, dict) and isinstance(body.get("spec"), dict)
    code = answer.json()["code"]
    assert_problem(answer, 422, code if has_spec and code == "spec_invalid" else "body_invalid")
    answer.content.decode("ascii")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), media_type=st.sampled_from(["application/json", "application/yaml"]))
def test_whatever_bytes_are_sent_never_make_the_server_fail(local_house: House, body: bytes, media_type: str) -> None:
    answer = local_house.client.post("/v1/specs/validate", content=body, headers={"content-type": media_type})
    assert answer.status_code in {200, 422}
