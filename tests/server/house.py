"""The application under test, and jobs that live through real transactions without a worker process."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from server.app import create_app
from server.jobs.attempts import Ending
from server.jobs.finish import Outcome, StoredArtifact, finish
from server.jobs.leadership import hold
from server.jobs.lease import Claim
from server.jobs.lines import MetricsLine, RunStarted
from server.jobs.logs import LogArchive, append_log
from server.jobs.record import Batch, ingest
from server.jobs.states import Reason, State
from server.keys import mint_key
from server.migrate import read_revision, upgrade
from server.scopes import Scope
from server.service import Service
from tests.server.jobs.ground import Ground, experiment, make_settings

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class House:
    """A running application, a client, and the ground that its jobs stand on."""

    client: httpx2.Client
    service: Service
    ground: Ground

    def start_job(self) -> Claim:
        """Bring a new job so far that a worker holds it."""
        return self.start_job_of(experiment())

    def start_job_of(self, document: dict[str, Any]) -> Claim:
        """Bring a new job of a spec so far that a worker holds it."""
        self.ground.announce()
        return self.restart_job(self.ground.submit(document))

    def restart_job(self, job_id: str) -> Claim:
        """Let whichever worker is free take up a queued job."""
        assert self.ground.assign() == 1
        owner = self.ground.job(job_id).lease_owner
        assert owner is not None
        return self.ground.claim(owner, job_id)

    def start_run(self, claim: Claim, resumed_from: int | None = None) -> None:
        """Let the engine of a claimed job say that it runs."""
        self._ingest(claim, [RunStarted(type="run_started", time=START, resumed_from_step=resumed_from)])

    def measure(self, claim: Claim, values: Mapping[int, Mapping[str, Any]]) -> None:
        """Let the engine measure: step -> key -> value."""
        self._ingest(
            claim,
            [
                MetricsLine(
                    type="metrics", time=START + timedelta(seconds=step), step=step, epoch=1.0, values=dict(row)
                )
                for step, row in values.items()
            ],
        )

    def write_log(self, claim: Claim, offset: int, data: bytes, max_bytes: int = 2**26) -> None:
        """Add to the log of the attempt."""
        with self.ground.database.write() as session:
            append_log(session, claim, offset, data, max_bytes=max_bytes)

    def store(self, data: bytes, kind: str = "student", name: str = "student.safetensors") -> StoredArtifact:
        """Put bytes into the artifact store."""
        path = self.ground.settings.home_folder / hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        blob = self.service.artifacts.put_file(path)
        return StoredArtifact(kind, name, blob.sha256, blob.size)

    def succeed(self, claim: Claim, *artifacts: StoredArtifact, log: bytes | None = None) -> None:
        """End the attempt with success."""
        self._finish(claim, Outcome(State.SUCCEEDED, Ending(exit_code=0)), artifacts, log)

    def requeue(self, claim: Claim) -> None:
        """End the attempt so that another one follows."""
        self._finish(claim, Outcome(State.QUEUED, Ending(reason=Reason.PREEMPTED)))

    def make_artifact(self, data: bytes = b"weights", name: str = "student.safetensors") -> dict[str, Any]:
        """Return the artifact of a job that has succeeded, as the API shows it."""
        claim = self.start_job()
        self.start_run(claim)
        self.succeed(claim, self.store(data, name=name))
        found: dict[str, Any] = self.client.get(f"/v1/jobs/{claim.job_id}/artifacts").json()["data"][0]
        return found

    def _finish(
        self, claim: Claim, outcome: Outcome, artifacts: tuple[StoredArtifact, ...] = (), log: bytes | None = None
    ) -> None:
        archive = None
        if log is not None:
            stored = self.store(gzip.compress(log), "log", "log.txt.gz")
            archive = LogArchive(stored.sha256, stored.size, self.ground.job(claim.job_id).log_bytes)
        with self.ground.database.write() as session:
            finish(session, claim, outcome, artifacts=artifacts, log=archive)

    def _ingest(self, claim: Claim, lines: list[Any]) -> None:
        attempt = self.ground.attempts(claim.job_id)[-1]
        with self.ground.database.write() as session:
            ingest(session, claim, Batch(lines, attempt.events_offset, attempt.events_offset + len(lines)))


@contextmanager
def open_house(environment: Mapping[str, str]) -> Iterator[House]:
    """Yield a running application on the stores of an environment, called without a socket."""
    app, house = _build(environment)
    with TestClient(app, base_url="http://localhost", headers=sign(house.service)) as client:
        yield replace(house, client=client)


@contextmanager
def open_served_house(environment: Mapping[str, str], port: int = 0) -> Iterator[House]:
    """Yield a running application that listens on a real socket."""
    app, house = _build(environment)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx2.Client(base_url=url, timeout=10, headers=sign(house.service)) as client:
                yield replace(house, client=client)
        finally:
            server.should_exit = True
            thread.join()


def sign(service: Service, *scopes: Scope, project: str | None = None) -> dict[str, str]:
    """Return the header of a new key, with every right if none is named."""
    with service.database.write() as session:
        minted = mint_key(session, "test", scopes or (Scope.ADMIN,), project=project)
    return {"Authorization": f"Bearer {minted.secret}"}


def _build(environment: Mapping[str, str]) -> tuple[FastAPI, House]:
    settings = make_settings(environment)
    app = create_app(settings)
    service: Service = app.state.service
    if read_revision(service.database) is None:
        upgrade(service.database, settings)
    with service.database.write() as session:
        for right in ("reconciler", "webhooks"):
            assert hold(session, right, "the test", 3600)  # so that nothing moves but what the test moves
    ground = Ground(dict(environment), settings, service.database, service.doorbell)
    return app, House(httpx2.Client(), service, ground)
