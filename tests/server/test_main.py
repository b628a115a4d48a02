from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from server.main import UnworkableSettingsError, check_settings
from server.settings import Settings
from tests.server.jobs.ground import make_settings

_PROGRAM = (
    "import sys; from server.main import serve; from server.settings import Settings; sys.exit(serve(Settings()))"
)


@contextmanager
def running(stores: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server of its own process on a free port; yield it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM],
        env={**os.environ, **stores, "STILLHOUSE_PORT": "0", "STILLHOUSE_AUTO_MIGRATE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Stillhouse answers at http://127.0.0.1:")
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_and_cleanly_although_streams_are_open(stores: dict[str, str], end: signal.Signals) -> None:
    note = Path(stores["STILLHOUSE_HOME"]) / "server.json"
    with running(stores) as (process, url):
        assert json.loads(note.read_text()) == {"pid": process.pid, "url": url}
        assert note.stat().st_mode & 0o777 == 0o600
        headers = {"Authorization": f"Bearer {(note.parent / 'key').read_text().strip()}"}
        with httpx.stream("GET", f"{url}/v1/stream", timeout=10, headers=headers) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            start = time.monotonic()
            process.send_signal(end)
            assert list(lines) == [""]
        assert process.wait(10) == 0
        assert time.monotonic() - start < 5
        assert not note.exists()


def test_what_the_server_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running({"STILLHOUSE_HOME": str(home)}) as (_, url):
        assert httpx.get(f"{url}/readyz").is_success
        loose = [path for path in home.rglob("*") if path.stat().st_mode & 0o077]
    assert loose == []


def refused(**environment: str) -> str:
    """Start a server that cannot start; return what it says."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refused(STILLHOUSE_HOME=str(tmp_path), STILLHOUSE_PORT=port, STILLHOUSE_AUTO_MIGRATE="1")
    assert f"cannot listen on 127.0.0.1 port {port}" in said


def test_a_schema_that_is_not_its_own_is_said_in_a_sentence(tmp_path: Path) -> None:
    assert "STILLHOUSE_AUTO_MIGRATE=1" in refused(STILLHOUSE_HOME=str(tmp_path))


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        ({"STILLHOUSE_HOST": "192.0.2.1", "STILLHOUSE_BROKER_URL": "redis://there"}, "STILLHOUSE_DATABASE_URL"),
        ({"STILLHOUSE_ALLOWED_HOSTS": "[]"}, "STILLHOUSE_ALLOWED_HOSTS"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], advice: str
) -> None:
    for name, value in {**environment, "STILLHOUSE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnworkableSettingsError, match=advice):
        check_settings(Settings())


def test_each_set_of_stores_works(stores: dict[str, str]) -> None:
    check_settings(make_settings(stores))
