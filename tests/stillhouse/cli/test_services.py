"""Server and worker as programs read them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest


@contextmanager
def _running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "STILLHOUSE_HOME": str(home), "STILLHOUSE_AUTO_MIGRATE": "true"}
    command = [sys.executable, "-P", "-m", "stillhouse", *arguments, "--json"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _end(process: subprocess.Popen[str]) -> tuple[str, list[dict[str, Any]]]:
    """Ask a process to end; return what is left of its output, and the lines of its log."""
    process.send_signal(signal.SIGTERM)
    said, log = process.communicate(timeout=60)
    return said, [json.loads(line) for line in log.splitlines()]


@pytest.mark.timeout(120)
def test_server_and_worker_log_json_lines_and_the_server_says_its_address_as_json(tmp_path: Path) -> None:
    with _running(tmp_path, "server", "--port", "0") as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        assert httpx.get(f"{url}/v1/jobs").status_code == 401
        with _running(tmp_path, "worker", "--worker-slots", "1") as worker:
            assert worker.stderr is not None
            first = json.loads(worker.stderr.readline())
            _, log = _end(worker)
        assert {line["level"] for line in [first, *log]} == {"info"}
        said, log = _end(server)
    assert said == ""
    assert "/v1/jobs" in {line.get("path") for line in log}
