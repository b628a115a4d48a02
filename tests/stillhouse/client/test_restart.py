"""The client while the server dies and comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillhouse import Client
from tests.stillhouse.serving import RUN_STARTED, HandWorker, ServerProcess, serve, tiny_spec


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of this test's own."""
    with serve(tmp_path / "home") as running:
        yield running


def test_streams_and_calls_go_on_over_a_server_that_was_killed(mortal: ServerProcess) -> None:
    hand = HandWorker(mortal.home)
    with Client(mortal.url, key=mortal.key) as client:
        job = client.submit(tiny_spec())
        claim = hand.take(job.id)
        hand.report(claim, RUN_STARTED)
        hand.log(claim, 0, "before\n")
        texts: list[str] = []
        reader = threading.Thread(target=lambda: texts.extend(chunk.text for chunk in client.follow_logs(job.id)))
        reader.start()
        mortal.kill()
        hand.log(claim, 7, "meanwhile\n")
        reviver = threading.Timer(1.0, mortal.start)
        reviver.start()
        assert client.job(job.id).state == "running"
        reviver.join()
        hand.log(claim, 17, "after\n")
        hand.succeed(claim, {})
        reader.join(30)
        assert "".join(texts) == "before\nmeanwhile\nafter\n"
    hand.close()
