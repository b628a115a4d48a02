"""Jobs held against one another: side by side, and in an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from distill_core.errors import Problem
from server.access import CallerOf
from server.jobs.comparison import Row, compare_figures, compare_metrics, compare_specs, find_deltas
from server.jobs.gain import find_gains, is_better_low
from server.jobs.leaderboard import list_leaders
from server.jobs.queries import find_jobs, read_labels
from server.jobs.tables import Job
from server.problems import QueryInvalidError
from server.routes.listing import Component, choose_project
from server.routes.query import KnownQuery, Limit, Measure, PlainTruth
from server.service import ReadSession
from server.views.comparing import (
    ComparisonView,
    DifferenceView,
    LeaderboardView,
    LeaderView,
    LikenessView,
    MeasureView,
    view_gain,
)
from server.views.jobs import JobView, view_job

router = APIRouter(prefix="/v1", tags=["comparison"], dependencies=[Depends(KnownQuery())])

MOST_JOBS = 50
"""Side by side; more than that nobody can look at."""


def read_ids(
    ids: Annotated[str, Query(max_length=4096, description=f"Ids of up to {MOST_JOBS} jobs, with commas between.")],
) -> list[str]:
    """Return the ids, each once."""
    found = list(dict.fromkeys(part.strip() for part in ids.split(",") if part.strip()))
    if not 1 <= len(found) <= MOST_JOBS:
        allowed = f"1 to {MOST_JOBS} ids with commas between"
        problem = Problem("/ids", "parameter_invalid", "so many jobs cannot be compared", len(found), allowed)
        raise QueryInvalidError(f"{len(found)} jobs cannot be compared; allowed: {allowed}", [problem])
    return found


@router.get("/compare", summary="Compare jobs")
def compare_jobs(
    session: ReadSession,
    caller: CallerOf,
    ids: Annotated[list[str], Depends(read_ids)],
    baseline: Annotated[
        str | None, Query(max_length=64, description="Job that deltas are taken to; the first if left out.")
    ] = None,
    with_alike: Annotated[
        PlainTruth, Query(alias="all", description="Tell the places of the specs too that are alike.")
    ] = False,
) -> ComparisonView:
    """Return where the specs of jobs differ and what was measured of each; jobs that are gone are named."""
    found = {key: job for key, job in find_jobs(session, ids).items() if caller.project in {None, job.project}}
    jobs = [found[job_id] for job_id in ids if job_id in found]
    start = _choose_baseline(baseline, [job.id for job in jobs])
    specs = compare_specs(session, [job.id for job in jobs])
    return ComparisonView(
        data=_view_jobs(session, jobs),
        missing=[job_id for job_id in ids if job_id not in found],
        baseline=start,
        differs=[DifferenceView(pointer=row.key, values=row.values) for row in specs if row.differs],
        alike=[
            LikenessView(pointer=row.key, value=next(iter(row.values.values())))
            for row in specs
            if with_alike and not row.differs
        ],
        figures=_view_rows(compare_figures(jobs), start),
        metrics=_view_rows(compare_metrics(session, [job.id for job in jobs]), start),
    )


@router.get("/leaderboard", summary="List the best jobs", responses={404: {}})
def read_leaderboard(
    session: ReadSession,
    caller: CallerOf,
    metric: Measure = "test/accuracy",
    dataset: Annotated[Component, Query(description="Only jobs with this data set.")] = None,
    project: Annotated[str | None, Query(max_length=64, description="Room of the jobs; the caller's own.")] = None,
    limit: Limit = 20,
) -> LeaderboardView:
    """Return the succeeded jobs with the best last value of a metric, with size, latency and gain over controls."""
    leaders = list_leaders(session, choose_project(caller, project), metric, dataset, limit)
    jobs = [leader.job for leader in leaders]
    gains = find_gains(session, jobs, metric)
    labels = read_labels(session, [job.id for job in jobs])
    return LeaderboardView(
        metric=metric,
        better="lower" if is_better_low(metric) else "higher",
        dataset=dataset,
        data=[
            LeaderView(
                rank=leader.rank,
                value=leader.value,
                size_bytes=_read_figure(leader.job, "cost/size_bytes"),
                params=_read_figure(leader.job, "cost/params"),
                latency_ms=_read_figure(leader.job, "cost/latency_ms"),
                gain=view_gain(leader.job.id, metric, gains[leader.job.id]),
                job=view_job(leader.job, labels[leader.job.id]),
            )
            for leader in leaders
        ],
    )


def _choose_baseline(asked: str | None, known: Sequence[str]) -> str | None:
    """Return the job that deltas are taken to.

    Raises:
        QueryInvalidError: the one asked for is not compared.
    """
    if asked is None:
        return known[0] if known else None
    if asked not in known:
        problem = Problem("/baseline", "parameter_invalid", "it is none of the jobs found", asked, list(known))
        raise QueryInvalidError("the baseline is none of the jobs that are compared", [problem])
    return asked


def _view_jobs(session: Session, jobs: Sequence[Job]) -> list[JobView]:
    labels = read_labels(session, [job.id for job in jobs])
    return [view_job(job, labels[job.id]) for job in jobs]


def _view_rows(rows: Sequence[Row], baseline: str | None) -> list[MeasureView]:
    return [
        MeasureView(
            key=row.key,
            better="lower" if is_better_low(row.key) else "higher",
            differs=row.differs,
            values=row.values,
            deltas={} if baseline is None else find_deltas(row, baseline),
        )
        for row in rows
    ]


def _read_figure(job: Job, key: str) -> float | None:
    value = (job.figures or {}).get(key)
    return float(value) if isinstance(value, int | float) else None
