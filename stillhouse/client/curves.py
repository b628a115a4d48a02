"""Curves of several jobs, side by side."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stillhouse.client.results import Point, Result, Series
from stillhouse.client.table import as_number, load_pandas


class JobCurves(Result):
    """The curves of one job among several."""

    job_id: str
    series: tuple[Series, ...] = ()


class Curves(Result):
    """Curves of several jobs.

    Attributes:
        jobs: the jobs that there are, in the order that was asked for.
        missing: ids of those that there are not.
        max_points: points a curve at most; fewer than asked for where there are many curves.
    """

    jobs: tuple[JobCurves, ...] = Field(default=(), validation_alias="data")
    missing: tuple[str, ...] = ()
    max_points: int

    def as_columns(self) -> dict[str, list[Any]]:
        """Return a row a point as columns: job_id, key, step, time, value, min, max."""
        rows = [(job.job_id, curve.key, point) for job in self.jobs for curve in job.series for point in curve.points]
        columns: dict[str, list[Any]] = {"job_id": [row[0] for row in rows], "key": [row[1] for row in rows]}
        points: list[Point] = [row[2] for row in rows]
        columns |= {name: [getattr(point, name) for point in points] for name in ("step", "time")}
        return columns | {
            name: [as_number(getattr(point, name)) for point in points] for name in ("value", "min", "max")
        }

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with job, metric and step as its index.

        Raises:
            PartMissingError: pandas is not installed here.
        """
        return load_pandas().DataFrame(self.as_columns()).set_index(["job_id", "key", "step"])
