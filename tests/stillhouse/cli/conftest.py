"""The command line against a real server."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from stillhouse import Client
from tests.stillhouse.cli.calling import Run, call
from tests.stillhouse.serving import RUN_STARTED, HandWorker, ServerProcess, tiny_spec


@pytest.fixture
def run(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `stillhouse` with some arguments and returns how it ended."""
    monkeypatch.setenv("STILLHOUSE_URL", server.url)
    monkeypatch.setenv("STILLHOUSE_API_KEY", server.key)
    monkeypatch.setenv("NO_COLOR", "1")

    return partial(call, tmp_path)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A file with a spec."""
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(tiny_spec()))
    return path


@pytest.fixture
def done(client: Client, hand: HandWorker, blob: Path) -> str:
    """The id of a job that has succeeded."""
    job = client.submit(tiny_spec(), name="a done job")
    claim = hand.take(job.id)
    metrics = '{"type": "metrics", "time": "2026-01-01T00:00:00Z", "step": 4, "values": {"train/loss": 0.5}}\n'
    hand.report(claim, RUN_STARTED, metrics.encode())
    hand.log(claim, 0, "the log\n")
    hand.succeed(claim, {"student": blob})
    return job.id
