"""Jobs held against one another: gains over controls, differences, the best ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from stillhouse.client.compare import Change, Comparison, find_changes, read_comparison
from stillhouse.client.curves import Curves
from stillhouse.client.records import RecordCalls
from stillhouse.client.results import Gain, Leader


class ComparisonCalls(RecordCalls):
    """What a client can ask of several jobs."""

    def gain(self, job_id: str, *, metric: str = "test/accuracy") -> Gain:
        """Return what a job gained over the same training without a teacher, and how sure that is."""
        return Gain.model_validate(self._transport.get(f"/v1/jobs/{job_id}/gain", {"metric": metric}))

    def compare(self, job_ids: Sequence[str], *, baseline: str | None = None) -> Comparison:
        """Return up to 50 jobs side by side: where their resolved specs differ, their figures and last values.

        Args:
            job_ids: the jobs.
            baseline: the one that differences are taken to; the first if left out.

        Raises:
            NotFoundError: one of the jobs is not there.
            InvalidRequestError: too many jobs, or a baseline that is none of them.
        """
        found = self._transport.get("/v1/compare", {"ids": ",".join(job_ids), "baseline": baseline})
        for job_id in found["missing"]:
            self.job(job_id)  # the server's own words for it
        return read_comparison(found)

    def diff(self, first: str, second: str, *, resolved: bool = True) -> tuple[Change, ...]:
        """Return the places at which the specs of two jobs differ, with both values.

        Args:
            first: a job.
            second: another one.
            resolved: compare what was executed, every default written out; else what was sent.
        """
        jobs = [self.job(first), self.job(second)]
        return find_changes([(job.resolved_spec if resolved else job.spec) or {} for job in jobs])

    def curves(
        self,
        job_ids: Sequence[str],
        keys: Sequence[str],
        *,
        max_points: int = 200,
        x: Literal["step", "time"] = "step",
        start: int | datetime | None = None,
        end: int | datetime | None = None,
    ) -> Curves:
        """Return curves of up to 200 jobs; `to_pandas` makes a frame of them.

        Args:
            job_ids: the jobs; those that are not there are named in the answer.
            keys: up to 60 metrics.
            max_points: points a curve at most; the server takes fewer where there are many curves.
            x: what `start` and `end` are: steps or times.
            start: first step, or earliest time, that is wanted.
            end: last step, or latest time.

        Raises:
            InvalidRequestError: too many jobs or metrics, or an end is not what `x` says.
        """
        body = {"job_ids": list(job_ids), "keys": list(keys), "max_points": max_points, "x": x}
        body |= {"from": _write_end(start), "to": _write_end(end)}
        return Curves.model_validate(self._transport.send("POST", "/v1/metrics:batchGet", json=body).json())

    def leaderboard(
        self, *, metric: str = "test/accuracy", dataset: str | None = None, project: str | None = None, limit: int = 20
    ) -> list[Leader]:
        """Return the jobs with the best values of a metric, with size, latency and gain, the best first."""
        params = {"metric": metric, "dataset": dataset, "project": project, "limit": limit}
        return [Leader.model_validate(entry) for entry in self._transport.get("/v1/leaderboard", params)["data"]]


def _write_end(end: int | datetime | None) -> int | str | None:
    return end.astimezone().isoformat() if isinstance(end, datetime) else end
