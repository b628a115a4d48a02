"""The client: one method for each thing that the server can do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

from stillhouse.client.address import find_key, find_url
from stillhouse.client.catalog import Spec, describe_spec
from stillhouse.client.comparison import ComparisonCalls
from stillhouse.client.errors import NotFoundError, WaitTimeoutError
from stillhouse.client.exporting import ExportCalls
from stillhouse.client.files import FileCalls
from stillhouse.client.records import read_job
from stillhouse.client.results import Job, Upload
from stillhouse.client.sweeping import SweepCalls
from stillhouse.client.transport import Transport
from stillhouse.client.views import SavedViewCalls
from stillhouse.client.watch import Happening, watch


class Client(FileCalls, ExportCalls, ComparisonCalls, SavedViewCalls, SweepCalls):
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
        spec: Spec | Upload,
        *,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        max_restarts: int | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit an experiment and return its job.

        Args:
            spec: the experiment spec as plain data, as the spec's own object, as the path of a YAML or JSON file, or
                as an upload of kind spec.
            name: title of the job; the spec's if left out.
            labels: words to find the job by.
            priority: jobs of a higher one start first.
            max_restarts: how often the job may be started again after it failed by itself.
            idempotency_key: two calls with the same key make one job; drawn at random if left out.

        Raises:
            InvalidRequestError: the spec is wrong; `problems` lists every place.
        """
        options = {"name": name, "labels": labels, "priority": priority, "max_restarts": max_restarts}
        body = describe_spec(spec) | _drop_none(options)
        headers = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        return Job.model_validate(self._transport.send("POST", "/v1/jobs", json=body, headers=headers).json())

    def jobs(
        self,
        *,
        state: str | Sequence[str] | None = None,
        q: str | None = None,
        labels: Mapping[str, str] | None = None,
        sort: str = "-created_at",
        metrics: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        project: str | None = None,
        student: str | None = None,
        teacher: str | None = None,
        dataset: str | None = None,
        method: str | None = None,
        sweep: str | None = None,
    ) -> Iterator[Job]:
        """Yield jobs page after page as they are asked for.

        Args:
            state: only jobs in this state, or in one of these.
            q: only jobs whose name holds this.
            labels: only jobs with these labels.
            sort: created_at, name or metric:KEY (its last value); a - before it for descending.
            metrics: metrics whose last values each job carries as `metrics`.
            created_after: only jobs made later.
            created_before: only jobs made earlier.
            project: only jobs of this project.
            student: only jobs with this model as student.
            teacher: only jobs with this model as a teacher.
            dataset: only jobs with this data set.
            method: only jobs with this method.
            sweep: only trials of this sweep.

        Raises:
            InvalidRequestError: there is no such state or order.
        """
        wanted = {f"label.{key}": value for key, value in (labels or {}).items()}
        times = {"created_after": created_after, "created_before": created_before}
        params: dict[str, Any] = {
            "state": state if state is None or isinstance(state, str) else list(state),
            "q": q,
            "sort": sort,
        }
        params |= {"metrics": list(metrics) or None, "project": project, "student": student, "teacher": teacher}
        params |= {"dataset": dataset, "method": method, "sweep": sweep} | wanted
        params |= {name: time and time.astimezone().isoformat() for name, time in times.items()}
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
        return read_job(self._transport.send("PATCH", f"/v1/jobs/{job_id}", json=changes, headers=headers))

    def delete(self, job_id: str) -> None:
        """Delete a job that is over; one that is not there is gone already."""
        with suppress(NotFoundError):  # as on the second try of a call whose first answer was lost
            self._transport.send("DELETE", f"/v1/jobs/{job_id}")

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        poll_s: float = 1.0,
        report: Callable[[Job], None] | None = None,
    ) -> Job:
        """Return the job once it is done, whatever it ended as.

        Args:
            job_id: the job.
            timeout_s: seconds to wait at most; for ever if left out.
            poll_s: seconds between two looks.
            report: called with the job at each look: `state`, `step` of `total_steps`, `eta_s`.

        Raises:
            WaitTimeoutError: it was not done in `timeout_s` seconds; it goes on.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            job = self.job(job_id)
            if report:
                report(job)
            if job.is_done:
                return job
            if deadline is not None and time.monotonic() > deadline:
                raise WaitTimeoutError(f"job {job_id} is still {job.state} after {timeout_s:g} s")
            time.sleep(poll_s)

    def watch(self, job_id: str, *, after: int | None = None, interval_s: float = 1.0) -> Iterator[Happening]:
        """Yield what happens to a job until it is done: `Event`, `MetricRow` and `LogLine` objects.

        Args:
            job_id: the job.
            after: event behind which to begin; from the start if left out.
            interval_s: seconds between two looks.
        """
        return watch(self, job_id, after=after, interval_s=interval_s)

    def _ask(
        self, job_id: str, verb: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Job:
        path = f"/v1/jobs/{job_id}/{verb}"
        return Job.model_validate(self._transport.send("POST", path, json=body, headers=headers).json())


def _drop_none(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
