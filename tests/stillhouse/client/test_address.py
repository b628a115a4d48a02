"""Where the client looks for the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillhouse.client.address import DEFAULT_URL, find_url


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLHOUSE_HOME", str(tmp_path))
    monkeypatch.delenv("STILLHOUSE_URL", raising=False)
    return tmp_path


def _write_server_file(home: Path) -> None:
    (home / "server.json").write_text(json.dumps({"pid": 1, "url": "http://127.0.0.1:9999/"}))


def test_the_argument_outranks_everything(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLHOUSE_URL", "http://other")
    assert find_url("http://here:1/") == "http://here:1"


def test_the_environment_outranks_the_servers_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_server_file(home)
    monkeypatch.setenv("STILLHOUSE_URL", "gpu7:8470")
    assert find_url() == "http://gpu7:8470"


def test_the_server_of_this_machine_is_found_by_its_file(home: Path) -> None:
    _write_server_file(home)
    assert find_url() == "http://127.0.0.1:9999"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_file_leaves_the_default(home: Path, text: str) -> None:
    (home / "server.json").write_text(text)
    assert find_url() == DEFAULT_URL
