"""Starting and stopping the servers that tests use."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

_START_S = 30.0


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_up(
    process: subprocess.Popen[bytes], log: Path, probe: Callable[[], object], not_yet: type[Exception]
) -> None:
    """Return once `probe` passes; fail the test, with the server's log, when it exits or takes too long."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            probe()
        except not_yet as error:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            pytest.fail(f"{process.args!r} did not come up: {error}\n{log.read_text(errors='replace')}", pytrace=False)
        return


def stop(process: subprocess.Popen[bytes], with_signal: signal.Signals) -> None:
    """Ask our own process to end, and end it after ten seconds."""
    process.send_signal(with_signal)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
