"""What a job measures: in short, as curves, and as a stream; and curves of several jobs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from server.access import CallerOf
from server.feeds import MetricFeed
from server.jobs.queries import find_job, find_jobs, list_metrics
from server.jobs.series import Point, Window, join_number, name_number, read_series
from server.jobs.tables import MetricLatest
from server.routes.body import Body, check_body, describe_json
from server.routes.query import After, KnownQuery, LastEventId, MetricName, read_number
from server.routes.window import WindowBody, make_window, read_window
from server.service import ReadSession, ServiceOf
from server.stream import EventStream
from server.views import JobSeriesView, MetricView, Page, PointView, SeriesBatchView, SeriesView

router = APIRouter(prefix="/v1/jobs/{job_id}/metrics", tags=["metrics"], dependencies=[Depends(KnownQuery())])


batch = APIRouter(prefix="/v1", tags=["metrics"], dependencies=[Depends(KnownQuery())])


class SeriesBatchBody(WindowBody):
    """Which curves of which jobs."""

    job_ids: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=200, description="Jobs.")
    keys: list[Annotated[str, Field(max_length=128)]] = Field(min_length=1, max_length=60, description="Metrics.")
    max_points: int = Field(default=200, ge=1, le=10_000, description="Points a curve at most.")


_MOST_POINTS = 200_000
"""In one answer; more is more than a page can draw and a browser should hold."""


@router.get("", summary="List a job's metrics", responses={404: {}})
def list_job_metrics(session: ReadSession, job_id: str) -> Page[MetricView]:
    """Return the last, least and greatest value of each metric."""
    find_job(session, job_id)
    return Page(data=[_view_metric(key, latest) for key, latest in list_metrics(session, job_id)])


@router.get("/series", summary="Read a job's curves", responses={404: {}})
def read_job_series(
    session: ReadSession,
    job_id: str,
    key: Annotated[list[MetricName], Query(min_length=1, max_length=60, description="Metric; may be repeated.")],
    window: Annotated[Window, Depends(read_window)],
    max_points: Annotated[int, Query(ge=1, le=10_000, description="Points a curve at most.")] = 1000,
) -> Page[SeriesView]:
    """Return curves; where a point stands for many steps it carries their last, least and greatest value."""
    find_job(session, job_id)
    return Page(data=_view_curves(read_series(session, job_id, list(dict.fromkeys(key)), max_points, window)))


def read_batch(body: Body) -> SeriesBatchBody:
    """Return which curves are wanted."""
    return check_body(SeriesBatchBody, body)


@batch.post(
    "/metrics:batchGet",
    summary="Read curves of several jobs",
    openapi_extra=describe_json(SeriesBatchBody, {"job_ids": ["job_01J9Z3"], "keys": ["val/accuracy"]}),
)
def read_series_batch(
    wanted: Annotated[SeriesBatchBody, Depends(read_batch)], session: ReadSession, caller: CallerOf
) -> SeriesBatchView:
    """Return curves of up to 200 jobs, for comparison; jobs that are gone are named and harm nothing."""
    window = make_window(wanted.x, wanted.start, wanted.end)
    ids, keys = list(dict.fromkeys(wanted.job_ids)), list(dict.fromkeys(wanted.keys))
    jobs = {job_id: job for job_id, job in find_jobs(session, ids).items() if caller.project in {None, job.project}}
    max_points = max(1, min(wanted.max_points, _MOST_POINTS // (len(ids) * len(keys))))
    return SeriesBatchView(
        data=[
            JobSeriesView(job_id=job_id, series=_view_curves(read_series(session, job_id, keys, max_points, window)))
            for job_id in ids
            if job_id in jobs
        ],
        missing=[job_id for job_id in ids if job_id not in jobs],
        max_points=max_points,
    )


@router.get("/stream", summary="Follow a job's metrics", response_class=EventStream, responses={404: {}})
def stream_job_metrics(
    session: ReadSession, service: ServiceOf, job_id: str, after: After = 0, last_event_id: LastEventId = None
) -> EventStream:
    """Stream lines of metrics as they are measured; `end` when the job is over."""
    find_job(session, job_id)
    position = (0, read_number(last_event_id, after))
    return EventStream(service.streams.follow(MetricFeed(job_id), position))


def _view_metric(key: str, latest: MetricLatest) -> MetricView:
    return MetricView.model_validate(
        {
            "key": key,
            "last": name_number(join_number(latest.last, latest.last_kind)),
            "min": latest.min,
            "max": latest.max,
            "count": latest.count,
            "last_step": latest.last_step,
        }
    )


def _view_curves(curves: Mapping[str, Sequence[Point]]) -> list[SeriesView]:
    return [SeriesView(key=key, points=[_view_point(point) for point in points]) for key, points in curves.items()]


def _view_point(point: Point) -> PointView:
    return PointView.model_validate(
        {
            "step": point.step,
            "value": name_number(point.value),
            "min": point.min,
            "max": point.max,
            "time": point.time,
        }
    )
