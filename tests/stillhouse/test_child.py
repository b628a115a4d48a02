"""A watched process comes back when it dies, and is given up when it cannot live."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from stillhouse.child import MAX_QUICK_DEATHS, Child, ChildFailedError, describe_exit
from tests.services.processes import free_port


@pytest.fixture
def server(tmp_path: Path) -> Child:
    """A server that can start."""
    environment = {"STILLHOUSE_HOME": str(tmp_path), "STILLHOUSE_PORT": "0", "STILLHOUSE_AUTO_MIGRATE": "true"}
    return Child("server", ["server"], environment, tmp_path / "server.log")


def _pid_of(child: Child) -> int | None:
    return child.pid


def _revive_until_told(child: Child, patience_s: float = 30) -> str:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        line = child.revive()
        if line:
            return line
        time.sleep(0.05)
    raise AssertionError(f"nothing happened; log: {child.log.read_text()}")


def test_a_killed_process_is_started_again(server: Child) -> None:
    server.start()
    first = _pid_of(server)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert _revive_until_told(server) == "the server was killed by SIGKILL; starting it again in 0.5 s"
    assert _pid_of(server) is None
    deadline = time.monotonic() + 10
    while _pid_of(server) is None and time.monotonic() < deadline:
        server.revive()
        time.sleep(0.05)
    assert _pid_of(server) not in {None, first}
    server.kill()
    assert _pid_of(server) is None


def test_a_process_that_cannot_live_is_given_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child("server", ["server"], {"STILLHOUSE_BROKER_URL": f"nonsense://{free_port()}"}, tmp_path / "log")
    child.start()
    for _ in range(MAX_QUICK_DEATHS - 1):
        assert "exited with 2" in _revive_until_told(child)
    with pytest.raises(ChildFailedError, match="STILLHOUSE_BROKER_URL") as failure:
        _revive_until_told(child)
    assert f"{MAX_QUICK_DEATHS} times in a row" in str(failure.value)


def test_a_process_that_was_asked_to_end_stays_away(server: Child) -> None:
    server.start()
    server.ask_to_end()
    deadline = time.monotonic() + 20
    while server.take_exit() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.pid is None
    assert server.revive() is None
    assert server.pid is None


def test_exits_are_told_in_words() -> None:
    assert describe_exit(-9) == "was killed by SIGKILL"
    assert describe_exit(3) == "exited with 3"
