"""Jobs held against one another: gains over controls, differences, the best ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stillhouse.client.results import Gain
from stillhouse.client.transport import Transport


class ComparisonCalls:
    """What a client can ask of several jobs."""

    _transport: Transport

    def gain(self, job_id: str, *, metric: str = "test/accuracy") -> Gain:
        """Return what a job gained over the same training without a teacher, and how sure that is."""
        return Gain.model_validate(self._transport.get(f"/v1/jobs/{job_id}/gain", {"metric": metric}))

    def compare(
        self, job_ids: Sequence[str], *, baseline: str | None = None, with_alike: bool = False
    ) -> dict[str, Any]:
        """Return where the specs of up to 50 jobs differ, their figures and metrics, and the differences from one.

        Args:
            job_ids: the jobs.
            baseline: the one that differences are taken to; the first if left out.
            with_alike: tell the places of the specs too that are alike.

        Raises:
            InvalidRequestError: too many jobs, or a baseline that is none of them.
        """
        params = {"ids": ",".join(job_ids), "baseline": baseline, "all": "true" if with_alike else None}
        return dict(self._transport.get("/v1/compare", params))

    def leaderboard(
        self, *, metric: str = "test/accuracy", dataset: str | None = None, limit: int = 20
    ) -> list[dict[str, Any]]:
        """Return the jobs with the best values of a metric, with size, latency and gain, the best first."""
        params = {"metric": metric, "dataset": dataset, "limit": limit}
        return list(self._transport.get("/v1/leaderboard", params)["data"])
