"""What is asked again, and what is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from stillhouse.client import Client, ServerUnreachableError


class Hangup:
    """A server that takes each request and hangs up without an answer."""

    def __init__(self) -> None:
        self.num_requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                with caller:
                    caller.recv(65536)
                    self.num_requests += 1

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def hangup() -> Iterator[Hangup]:
    server = Hangup()
    yield server
    server.close()


def test_what_may_be_repeated_is_asked_again(hangup: Hangup) -> None:
    with Client(hangup.url) as client, pytest.raises(ServerUnreachableError):
        client.submit({}, idempotency_key="x")
    assert hangup.num_requests > 1


def test_what_would_be_done_twice_is_asked_once(hangup: Hangup) -> None:
    with Client(hangup.url) as client, pytest.raises(ServerUnreachableError):
        client.create_webhook("https://hooks.example.com", ["job.failed"])
    assert hangup.num_requests == 1
