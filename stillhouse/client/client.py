"""The client: one method for each thing that the server can do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from distill_core.spec import parse_document
from stillhouse.client.address import find_key, find_url
from stillhouse.client.comparison import ComparisonCalls
from stillhouse.client.download import ReportProgress, download_artifact
from stillhouse.client.errors import NotFoundError, WaitTimeoutError
from stillhouse.client.logs import read_log
from stillhouse.client.operator import OperatorCalls
from stillhouse.client.results import (
    Artifact,
    Attempt,
    Checkpoint,
    Event,
    Job,
    LogChunk,
    MetricRow,
    MetricSummary,
    QueueEntry,
    Series,
    Upload,
)
from stillhouse.client.sse import follow
from stillhouse.client.transport import Transport
from stillhouse.client.upload import upload_file


class Client(OperatorCalls, ComparisonCalls):
    """A Stillhouse server, as Python sees it.

    Args:
        url: address of the server; STILLHOUSE_URL, else the server of this machine's home, if left out.
        key: an API key; STILLHOUSE_API_KEY, else the one of this machine's own server, if left out.
        patience_s: seconds for which calls are repeated while a server that has answered before is gone.
    """

    def __init__(self, url: str | None = None, *, key: str | None = None, patience_s: float = 60.0) -> None:
        address = find_url(url)
        super().__init__(Transport(address, find_key(address, key), patience_s))

    @property
    def url(self) -> str:
        """Address of the server."""
        return self._transport.url

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(
        self,
        spec: Mapping[str, Any] | Path,
        *,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        max_restarts: int | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit an experiment and return its job.

        Args:
            spec: the experiment spec as plain data, or the path of a YAML or JSON file.
            name: title of the job; the spec's if left out.
            labels: words to find the job by.
            priority: jobs of a higher one start first.
            max_restarts: how often the job may be started again after it failed by itself.
            idempotency_key: two calls with the same key make one job; drawn at random if left out.

        Raises:
            InvalidRequestError: the spec is wrong; `problems` lists every place.
        """
        document = parse_document(spec.read_bytes()) if isinstance(spec, Path) else dict(spec)
        options = {"name": name, "labels": labels, "priority": priority, "max_restarts": max_restarts}
        body = {"spec": document} | _drop_none(options)
        headers = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        return Job.model_validate(self._transport.send("POST", "/v1/jobs", json=body, headers=headers).json())

    def try_out(self, spec: Mapping[str, Any], *, priority: int = 0) -> dict[str, Any]:
        """Return what a submission would be and take, without a job: resolved_spec, warnings, cost, cache, place.

        Raises:
            InvalidRequestError: the spec is wrong; `problems` lists every place.
        """
        body = {"spec": dict(spec), "priority": priority}
        return dict(self._transport.send("POST", "/v1/jobs", params={"dry_run": "true"}, json=body).json())

    def validate(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the server finds in a spec: valid, problems, resolved_spec."""
        answer = self._transport.send("POST", "/v1/specs/validate", json={"spec": dict(spec)}).json()
        return dict(answer)

    def job(self, job_id: str) -> Job:
        """Return a job with its spec."""
        return _read_job(self._transport.send("GET", f"/v1/jobs/{job_id}"))

    def jobs(
        self,
        *,
        state: str | None = None,
        q: str | None = None,
        labels: Mapping[str, str] | None = None,
        sort: str = "-created_at",
    ) -> Iterator[Job]:
        """Yield jobs page after page as they are asked for.

        Args:
            state: only jobs in this state.
            q: only jobs whose name holds this.
            labels: only jobs with these labels.
            sort: created_at, name or metric:KEY (its last value); a - before it for descending.
        """
        wanted = {f"label.{key}": value for key, value in (labels or {}).items()}
        params = {"state": state, "q": q, "sort": sort, **wanted}
        yield from map(Job.model_validate, self._pages("/v1/jobs", params))

    def cancel(self, job_id: str) -> Job:
        """Ask for a job to be cancelled; asking again changes nothing."""
        return self._ask(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Ask a running job to save a checkpoint and rest; asking again changes nothing."""
        return self._ask(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on from its checkpoint; asking again changes nothing."""
        return self._ask(job_id, "resume")

    def retry(self, job_id: str, *, from_start: bool = False) -> Job:
        """Run a job that failed or was cancelled once more, from its last checkpoint unless `from_start`."""
        return self._ask(job_id, "retry", {"from_start": from_start})

    def clone(
        self,
        job_id: str,
        patch: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit the spec of a job once more, with changes, and return the new job.

        Args:
            job_id: the old job.
            patch: changes of the spec as a JSON merge patch (RFC 7396): null removes.
            name: title of the new job; the old one's if left out.
            labels: words to find it by; the old one's if left out.
            priority: jobs of a higher one start first; the old one's if left out.
            idempotency_key: two calls with the same key make one job; drawn at random if left out.

        Raises:
            InvalidRequestError: the changed spec is wrong; `problems` lists every place.
        """
        options = {"name": name, "labels": labels, "priority": priority, "spec": patch}
        headers = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        return self._ask(job_id, "clone", _drop_none(options), headers)

    def edit(self, job_id: str, *, etag: str | None = None, **changes: Any) -> Job:
        """Change a job's name, labels, priority or notes; what is left out stays.

        Args:
            job_id: the job.
            etag: the job as it was seen (`Job.etag`): refuse when somebody changed it since.
            changes: new values; a label of None is removed.

        Raises:
            PreconditionError: the job was changed since.
            InvalidRequestError: a value is wrong.
        """
        headers = {} if etag is None else {"if-match": etag}
        return _read_job(self._transport.send("PATCH", f"/v1/jobs/{job_id}", json=changes, headers=headers))

    def delete(self, job_id: str) -> None:
        """Delete a job that is over; one that is not there is gone already."""
        with suppress(NotFoundError):  # as on the second try of a call whose first answer was lost
            self._transport.send("DELETE", f"/v1/jobs/{job_id}")

    def events(self, job_id: str, *, after: int | None = None) -> Iterator[Event]:
        """Yield what has happened to a job so far, behind event `after`."""
        yield from map(Event.model_validate, self._pages(f"/v1/jobs/{job_id}/events", {"after": after}))

    def follow_events(self, job_id: str, *, after: int | None = None) -> Iterator[Event]:
        """Yield what happens to a job until it is done, over cuts of the connection."""
        for frame in follow(self._transport, f"/v1/jobs/{job_id}/events/stream", {"after": after}):
            yield Event.model_validate(frame.document())

    def metrics(self, job_id: str) -> dict[str, MetricSummary]:
        """Return the job's metrics in short, by key."""
        answer = self._transport.get(f"/v1/jobs/{job_id}/metrics")
        return {entry["key"]: MetricSummary.model_validate(entry) for entry in answer["data"]}

    def series(self, job_id: str, keys: Sequence[str], *, max_points: int = 1000) -> dict[str, Series]:
        """Return the curves of some metrics, thinned to `max_points` buckets."""
        params = {"key": list(keys), "max_points": max_points}
        answer = self._transport.get(f"/v1/jobs/{job_id}/metrics/series", params)
        return {entry["key"]: Series.model_validate(entry) for entry in answer["data"]}

    def follow_metrics(self, job_id: str, *, after: int | None = None) -> Iterator[MetricRow]:
        """Yield what the engine measures until the job is done, over cuts of the connection."""
        for frame in follow(self._transport, f"/v1/jobs/{job_id}/metrics/stream", {"after": after}):
            yield MetricRow.model_validate(frame.document())

    def logs(
        self, job_id: str, *, attempt: int | None = None, offset: int | None = None, tail: int | None = None
    ) -> Iterator[LogChunk]:
        """Yield the log of an attempt as far as it is written.

        Args:
            job_id: the job.
            attempt: number of the attempt; the last one if left out.
            offset: byte to begin at.
            tail: begin so many bytes before the end instead.
        """
        yield from read_log(self._transport, job_id, attempt=attempt, offset=offset, tail=tail)

    def follow_logs(self, job_id: str, *, attempt: int | None = None, offset: int | None = None) -> Iterator[LogChunk]:
        """Yield the log while it is written until the job is done, over cuts of the connection."""
        params = {"attempt": attempt, "offset": offset}
        for frame in follow(self._transport, f"/v1/jobs/{job_id}/logs/stream", params):
            yield LogChunk.model_validate(frame.document())

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the executions of a job, the first one first."""
        return [Attempt.model_validate(entry) for entry in self._transport.get(f"/v1/jobs/{job_id}/attempts")["data"]]

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Return the points that a job may be resumed from, the oldest first."""
        answer = self._transport.get(f"/v1/jobs/{job_id}/checkpoints")
        return [Checkpoint.model_validate(entry) for entry in answer["data"]]

    def manifest(self, job_id: str) -> dict[str, Any]:
        """Return what a finished job was made from: resolved spec, seeds, versions, hashes.

        Raises:
            NotFoundError: the job has not succeeded.
        """
        return dict(self._transport.get(f"/v1/jobs/{job_id}/manifest"))

    def queue(self, *, pool: str | None = None) -> list[QueueEntry]:
        """Return the jobs that hold devices, then those that wait, with when they will probably start and end."""
        answer = self._transport.get("/v1/queue", {"pool": pool})
        return [QueueEntry.model_validate(entry) for entry in answer["data"]]

    def artifacts(self, job_id: str) -> list[Artifact]:
        """Return the files that a job made."""
        return [Artifact.model_validate(entry) for entry in self._transport.get(f"/v1/jobs/{job_id}/artifacts")["data"]]

    def artifact(self, artifact_id: str) -> Artifact:
        """Return what is known of one file."""
        return Artifact.model_validate(self._transport.get(f"/v1/artifacts/{artifact_id}"))

    def download(
        self,
        artifact: Artifact | str,
        target: Path | None = None,
        *,
        report: ReportProgress | None = None,
    ) -> Path:
        """Download a file, checked by its sha256, and return its path; a download that was cut goes on.

        Args:
            artifact: the artifact, or its id.
            target: file, or folder for a file of the artifact's name; the current folder if left out.
            report: called with the bytes that are here and the bytes in all.

        Raises:
            DamagedDownloadError: the bytes that arrived are not the artifact's.
        """
        wanted = self.artifact(artifact) if isinstance(artifact, str) else artifact
        place = target or Path()
        return download_artifact(self._transport, wanted, place / wanted.name if place.is_dir() else place, report)

    def upload(self, path: Path, kind: str = "weights", *, report: ReportProgress | None = None) -> Upload:
        """Upload a file; one that was cut goes on, and one of the same content that is there already is not sent again.

        Args:
            path: the file.
            kind: what it holds: weights, as safetensors. A spec takes them as `weights: {upload: upl_…}`.
            report: called with the bytes that are there and the bytes in all.

        Raises:
            InvalidRequestError: the server does not take the file.
        """
        return upload_file(self._transport, path, kind, report)

    def download_student(
        self, job_id: str, target: Path | None = None, *, report: ReportProgress | None = None
    ) -> Path:
        """Download the weights of the trained student of a job."""
        return self.download(self.find_artifact(job_id, "student"), target, report=report)

    def find_artifact(self, job_id: str, kind: str) -> Artifact:
        """Return a job's artifact of a kind, the last one made.

        Raises:
            NotFoundError: the job has none; the message names the kinds that it has.
        """
        artifacts = self.artifacts(job_id)
        fitting = [artifact for artifact in artifacts if artifact.kind == kind]
        if not fitting:
            kinds = ", ".join(sorted({artifact.kind for artifact in artifacts})) or "none at all"
            raise NotFoundError(404, {"title": f"job {job_id} has no artifact of kind {kind!r}; it has {kinds}"})
        return fitting[-1]

    def wait(self, job_id: str, *, timeout_s: float | None = None, poll_s: float = 1.0) -> Job:
        """Return the job once it is done, whatever it ended as.

        Raises:
            WaitTimeoutError: it was not done in `timeout_s` seconds; it goes on.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not (job := self.job(job_id)).is_done:
            if deadline is not None and time.monotonic() > deadline:
                raise WaitTimeoutError(f"job {job_id} is still {job.state} after {timeout_s:g} s")
            time.sleep(poll_s)
        return job

    def _ask(
        self, job_id: str, verb: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Job:
        path = f"/v1/jobs/{job_id}/{verb}"
        return Job.model_validate(self._transport.send("POST", path, json=body, headers=headers).json())


def _read_job(answer: httpx.Response) -> Job:
    return Job.model_validate(answer.json() | {"etag": answer.headers.get("etag")})


def _drop_none(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
