"""Jobs held against one another: gains over controls, differences, the best ones."""

from __future__ import annotations

from collections.abc import Sequence

from stillhouse.client.compare import Change, Comparison, find_changes, read_comparison
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

    def leaderboard(
        self, *, metric: str = "test/accuracy", dataset: str | None = None, project: str | None = None, limit: int = 20
    ) -> list[Leader]:
        """Return the jobs with the best values of a metric, with size, latency and gain, the best first."""
        params = {"metric": metric, "dataset": dataset, "project": project, "limit": limit}
        return [Leader.model_validate(entry) for entry in self._transport.get("/v1/leaderboard", params)["data"]]
