"""What the API shows of jobs held against one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from server.jobs.gain import Basis, Gain, Verdict
from server.views.base import Number, View
from server.views.jobs import JobView

Better = Literal["higher", "lower"]


class MeasuredView(View):
    """A job and its value of a metric."""

    job_id: str
    name: str
    value: float


class GainView(View):
    """What a job gained over the same training without a teacher."""

    object: Literal["gain"] = "gain"
    job_id: str
    metric: str
    value: float | None = Field(description="The job's own; null where it was not measured.")
    controls: list[MeasuredView] = Field(
        description="Succeeded jobs that train the same student on the same data for as long without a teacher; of "
        "runs of one spec the newest."
    )
    control_mean: float | None
    peers: list[MeasuredView] = Field(description="Succeeded jobs of the same spec under other seeds, likewise.")
    gain: float | None = Field(description="Mean of the job and its peers, less that of the controls.")
    low: float | None = Field(description="Lower end of the gain's 95 % interval.")
    high: float | None = Field(description="Upper end of it.")
    basis: Basis | None = Field(
        description="What the interval was told from: the spread over seeds (Welch's t), or the number of test samples."
    )
    verdict: Verdict | None = Field(description="`no_evidence`: the interval holds 0. Null where there is no interval.")
    reason: str = Field(description="How the interval was told, or why there is none, for people.")


class DifferenceView(View):
    """A place of the resolved specs where the jobs differ."""

    pointer: str = Field(description="JSON pointer into the resolved spec.")
    values: dict[str, Any] = Field(description="Job id -> value; a job whose spec has no such place is left out.")


class LikenessView(View):
    """A place of the resolved specs where all jobs have one value."""

    pointer: str
    value: Any


class MeasureView(View):
    """A figure or metric of the jobs."""

    key: str
    better: Better = Field(description="Which way it is better.")
    differs: bool = Field(description="Whether the jobs that have it have different values of it.")
    values: dict[str, Number] = Field(description="Job id -> value; a job without one is left out.")
    deltas: dict[str, float] = Field(description="Job id -> difference from the baseline, where both are numbers.")


class ComparisonView(View):
    """Jobs side by side."""

    object: Literal["comparison"] = "comparison"
    data: Sequence[JobView] = Field(description="The jobs, in the order that was asked for.")
    missing: list[str] = Field(description="Ids that no job has.")
    baseline: str | None = Field(description="The job that deltas are taken to; null where no job was found.")
    differs: list[DifferenceView] = Field(description="Where the resolved specs differ.")
    alike: list[LikenessView] = Field(description="Where they do not; empty unless `all` is true.")
    figures: list[MeasureView] = Field(description="What the evaluations measured.")
    metrics: list[MeasureView] = Field(description="Last values of all metrics.")


class LeaderView(View):
    """A job on the leaderboard."""

    object: Literal["leader"] = "leader"
    rank: int = Field(description="Place, from 1; equal values share one.")
    value: float
    size_bytes: Number = Field(description="Of the student's weights.")
    params: Number
    latency_ms: Number = Field(description="Of one sample.")
    gain: GainView
    job: JobView


class LeaderboardView(View):
    """The best jobs by a metric."""

    object: Literal["leaderboard"] = "leaderboard"
    metric: str
    better: Better
    dataset: str | None
    data: Sequence[LeaderView]


def view_gain(job_id: str, metric: str, found: Gain) -> GainView:
    """Show what a job gained."""
    low, high = found.interval or (None, None)
    return GainView(
        job_id=job_id,
        metric=metric,
        value=found.value,
        controls=[MeasuredView.model_validate(each) for each in found.controls],
        control_mean=found.control_mean,
        peers=[MeasuredView.model_validate(each) for each in found.peers],
        gain=found.gain,
        low=low,
        high=high,
        basis=found.basis,
        verdict=found.verdict,
        reason=found.reason,
    )
