"""A real server process for tests, and a hand that does a worker's part of a job as a test needs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from server.artifacts import ArtifactStore
from server.jobs.assign import assign_jobs
from server.jobs.attempts import Ending
from server.jobs.caches import StoredOutputs, report_entries
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.finish import Outcome, StoredArtifact, finish
from server.jobs.ids import new_id
from server.jobs.lease import Claim, take_up
from server.jobs.lines import parse_line
from server.jobs.logs import CHUNK_BYTES, append_log
from server.jobs.record import Batch, ingest
from server.jobs.states import Reason, State
from server.jobs.workers import Announcement, Slot, register, stop_worker
from server.settings import Settings
from tests.services.processes import free_port, stop, wait_until_up

TIME = '"time": "2026-01-01T00:00:00.000Z"'
RUN_STARTED = b'{"type": "run_started", %s, "stages": ["train"], "total_steps": 4}\n' % TIME.encode()
"""The first line of an engine's events file."""


class ServerProcess:
    """`stillhouse server` on a port of its own, which it keeps over restarts."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            "STILLHOUSE_HOME": str(home),
            "STILLHOUSE_PORT": str(port),
            "STILLHOUSE_AUTO_MIGRATE": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def key(self) -> str:
        """The key that it minted for its own user."""
        return (self.home / "key").read_text().strip()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        log = self.home / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stillhouse", "server"],
                env=self._environment,
                stdout=output,
                stderr=output,
            )
        wait_until_up(self._process, log, lambda: httpx.get(f"{self.url}/readyz").raise_for_status(), httpx.HTTPError)

    def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def serve(home: Path) -> Iterator[ServerProcess]:
    """Yield a running server of a home."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = ServerProcess(home, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


class HandWorker:
    """A worker without processes: a test decides what its engine says and when."""

    def __init__(self, home: Path) -> None:
        self._settings = Settings(home=home, lease_ttl_s=3600)
        self._database = Database(self._settings)
        self._store = ArtifactStore(self._settings)
        self._offsets: dict[str, int] = {}

    def take(self, job_id: str) -> Claim:
        """Take up a submitted job as a new worker, which takes no other."""
        [claim] = self.take_all([job_id])
        return claim

    def take_all(self, job_ids: Sequence[str]) -> list[Claim]:
        """Take up submitted jobs as a new worker, which takes no others."""
        worker_id = new_id("wrk")
        slots = tuple(Slot(index, "cpu", "hand") for index in range(8))
        with self._database.write() as session:
            register(session, Announcement(worker_id, "default", "here", 1, "first", "0", {}, slots))
        assign_jobs(self._database, Doorbell(self._settings), self._settings)
        with self._database.write() as session:
            claims = [take_up(session, worker_id, job_id, 3600) for job_id in job_ids]
            stop_worker(session, worker_id, "first")
        taken = [claim for claim in claims if claim is not None]
        assert len(taken) == len(job_ids)
        return taken

    def report(self, claim: Claim, *lines: bytes) -> None:
        """Record lines of an engine's events file."""
        start = self._offsets.get(claim.attempt_id, 0)
        end = self._offsets[claim.attempt_id] = start + sum(map(len, lines))
        with self._database.write() as session:
            ingest(session, claim, Batch([parse_line(line) for line in lines], start, end))

    def log(self, claim: Claim, offset: int, text: str) -> None:
        """Add to the attempt's log."""
        data = text.encode()
        with self._database.write() as session:
            for start in range(0, len(data), CHUNK_BYTES):
                piece = data[start : start + CHUNK_BYTES]
                append_log(session, claim, offset + start, piece, max_bytes=2**26)

    def succeed(self, claim: Claim, files: Mapping[str, Path]) -> None:
        """End the job with some artifacts, by kind."""
        stored = [(kind, path, self._store.put_file(path)) for kind, path in files.items()]
        artifacts = [StoredArtifact(kind, path.name, blob.sha256, blob.size) for kind, path, blob in stored]
        with self._database.write() as session:
            finish(session, claim, Outcome(State.SUCCEEDED, Ending(exit_code=0)), artifacts=artifacts)

    def save(self, claim: Claim, path: Path, step: int) -> None:
        """Store a file as a checkpoint of the job."""
        blob = self._store.put_file(path)
        facts = {"path": path.name, "sha256": blob.sha256, "size": blob.size, "step": step, "stage": "train"}
        line = json.dumps({"type": "checkpoint", "time": "2026-01-01T00:00:00Z", "epoch": 1.0, **facts})
        start = self._offsets.get(claim.attempt_id, 0)
        end = self._offsets[claim.attempt_id] = start + len(line)
        with self._database.write() as session:
            ingest(session, claim, Batch([parse_line(line.encode())], start, end, frozenset({blob.sha256})))

    def rest(self, claim: Claim) -> None:
        """End the attempt as a pause does."""
        with self._database.write() as session:
            finish(session, claim, Outcome(State.PAUSED, Ending(Reason.USER_PAUSED, exit_code=75)))

    def store_outputs(self, key: str, root: str = "here") -> None:
        """Report stored teacher outputs under a key, the only ones of their folder."""
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        entry = StoredOutputs(key, {"model": "resnet8"}, True, 1000, 2, 1.5, moment, moment)
        with self._database.write() as session:
            report_entries(session, root, [entry])

    def close(self) -> None:
        """Close the database."""
        self._database.dispose()


def tiny_spec(**runtime: Any) -> dict[str, Any]:
    """Return a spec that trains in seconds: ResNet-8 on 200 digits."""
    return {
        "version": 1,
        "name": "tiny",
        "models": {"student": {"model": "resnet8"}},
        "data": {
            "train": {"dataset": "digits", "num_samples": 200},
            "test": {"dataset": "digits", "split": "test", "num_samples": 100},
        },
        "stages": [
            {
                "name": "train",
                "student": "student",
                "train": "train",
                "validate_on": "test",
                "epochs": 2,
                "batch_size": 32,
                "objective": {"ce": {"method": "ce"}},
                "optimizer": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
            }
        ],
        "runtime": {"device": "cpu", "threads": 1, "log_interval_steps": 1, **runtime},
        "evaluation": {"stream": "test", "latency": False},
    }
