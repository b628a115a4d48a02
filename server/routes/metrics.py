"""What a job measures: in short, as curves, and as a stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from server.feeds import MetricFeed
from server.jobs.queries import find_job, list_metrics
from server.jobs.series import Point, join_number, name_number, read_series
from server.jobs.tables import MetricLatest
from server.routes.query import After, KnownQuery, LastEventId, MetricName, read_number
from server.service import ReadSession, ServiceOf
from server.stream import EventStream
from server.views import MetricView, Page, PointView, SeriesView

router = APIRouter(prefix="/v1/jobs/{job_id}/metrics", tags=["metrics"], dependencies=[Depends(KnownQuery())])


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
    max_points: Annotated[int, Query(ge=1, le=10_000, description="Points a curve at most.")] = 1000,
) -> Page[SeriesView]:
    """Return curves; where a point stands for many steps it carries their last, least and greatest value."""
    find_job(session, job_id)
    return Page(
        data=[
            SeriesView(
                key=name, points=[_view_point(point) for point in read_series(session, job_id, name, max_points)]
            )
            for name in dict.fromkeys(key)
        ]
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
