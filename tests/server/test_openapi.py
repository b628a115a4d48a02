from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from server import snapshot
from server.problems import MEDIA_TYPE, ProblemError


@pytest.fixture
def document(bare_client: TestClient) -> dict[str, Any]:
    described: dict[str, Any] = bare_client.get("/openapi.json").json()
    return described


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]


def kinds_of(kind: type[ProblemError]) -> list[type[ProblemError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in kinds_of(child))]


def test_the_stored_description_is_fresh() -> None:
    assert snapshot.main(["--check"]) == 0


def test_a_stale_description_is_noticed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "PATH", tmp_path / "openapi.json")
    assert snapshot.main(["--check"]) == 1
    assert snapshot.main([]) == 0
    first = snapshot.PATH.read_bytes()
    assert snapshot.main(["--check"]) == 0
    assert snapshot.main([]) == 0
    assert snapshot.PATH.read_bytes() == first


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation.get("summary") and operation.get("description") for _, operation in operations(document))
    for _, operation in operations(document):
        parameters = [entry for entry in operation.get("parameters", ()) if entry["in"] == "query"]
        assert [entry["name"] for entry in parameters if not entry.get("description")] == []


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for _, operation in operations(document):
        assert "default" in operation["responses"]
        for status, answer in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert list(answer["content"]) == [MEDIA_TYPE]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_api_route_with_an_id_may_say_not_found(document: dict[str, Any]) -> None:
    missing = [path for path, operation in operations(document) if "{" in path and "404" not in operation["responses"]]
    assert missing == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_each_kind_of_problem_says_what_it_is() -> None:
    kinds = kinds_of(ProblemError)
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(kind.__doc__ and kind("x").title for kind in kinds)
