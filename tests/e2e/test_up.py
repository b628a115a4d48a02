"""One `up`, and what stands in its way or hangs on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.running import Up, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `up` with the default stores."""
    with running_up({"STILLHOUSE_HOME": str(tmp_path_factory.mktemp("home"))}) as running:
        yield running


def _start_another(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "stillhouse", "up", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_second_up_of_a_home_names_the_first(up: Up) -> None:
    second = _start_another("--home", up.home)
    assert second.returncode == 1
    assert up.url in second.stderr
    assert json.loads((up.home / "server.json").read_text())["url"] == up.url


def test_a_port_that_is_taken_is_told(up: Up, tmp_path: Path) -> None:
    port = up.url.rsplit(":", 1)[1]
    other = _start_another("--home", tmp_path, "--port", port)
    assert other.returncode == 1
    assert f"port {port}" in other.stderr
    assert "--port" in other.stderr


def test_server_and_worker_load_no_torch(up: Up) -> None:
    processes = psutil.Process(up.process.pid).children(recursive=True)
    assert len(processes) >= 2
    for process in processes:
        assert not [entry.path for entry in process.memory_maps() if "torch" in entry.path]


def test_wrong_settings_are_told_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "stillhouse", "up", "--home", str(tmp_path)]
    environment = {**os.environ, "STILLHOUSE_BROKER_URL": "amqp://here"}
    wrong = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert wrong.returncode == 2
    assert "STILLHOUSE_BROKER_URL" in wrong.stderr
    assert list(tmp_path.iterdir()) == []
