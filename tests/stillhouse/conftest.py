"""A server that the tests of the client share, and a worker that does what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stillhouse import Client
from tests.stillhouse.serving import HandWorker, ServerProcess, serve


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server with an empty home."""
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def hand(server: ServerProcess) -> Iterator[HandWorker]:
    """A worker of that server."""
    worker = HandWorker(server.home)
    yield worker
    worker.close()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of that server; what a test leaves in the queue is cancelled after it."""
    with Client(server.url, key=server.key) as opened:
        yield opened
        for job in opened.jobs(state="queued"):
            opened.cancel(job.id)


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """A file of three megabytes that repeats nowhere."""
    path = tmp_path / "student.safetensors"
    path.write_bytes(b"".join(number.to_bytes(4, "big") for number in range(750_000)))
    return path
