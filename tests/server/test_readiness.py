from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from server import readiness
from server.app import create_app
from tests.server.house import House
from tests.server.jobs.ground import make_settings


def checks(answer: Any) -> dict[str, bool]:
    return {check["name"]: check["ok"] for check in answer.json()["checks"]}


def test_a_service_without_a_worker_is_ready_and_says_so(house: House) -> None:
    answer = house.client.get("/readyz")
    assert answer.status_code == 200
    assert checks(answer) == {"database": True, "schema": True, "broker": True, "disk": True, "workers": False}
    house.ground.announce()
    assert checks(house.client.get("/readyz"))["workers"]


def test_a_process_without_its_schema_answers_but_is_not_ready(bare_client: TestClient) -> None:
    assert bare_client.get("/healthz").json()["status"] == "ok"
    answer = bare_client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert [entry["pointer"] for entry in answer.json()["errors"]] == ["/schema"]


def test_stores_that_are_gone_are_named(tmp_path: Path) -> None:
    settings = make_settings(
        {
            "STILLHOUSE_HOME": str(tmp_path),
            "STILLHOUSE_DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/nothing",
            "STILLHOUSE_BROKER_URL": "redis://:secret@127.0.0.1:1/0",
        }
    )
    answer = TestClient(create_app(settings), base_url="http://localhost").get("/readyz")
    assert answer.status_code == 503
    assert {"/database", "/broker"} <= {entry["pointer"] for entry in answer.json()["errors"]}
    assert "secret" not in answer.text


def test_a_full_disk_is_noticed(local_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "MIN_FREE_BYTES", 2**62)
    assert local_house.client.get("/readyz").json()["errors"][0]["pointer"] == "/disk"
