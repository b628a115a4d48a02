"""Jobs side by side: where their specs differ, and what was measured of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distill_core.spec.difference import are_equal, flatten
from server.jobs.series import join_number, name_number
from server.jobs.tables import Job, JobSpec, MetricKey, MetricLatest

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that jobs may have different values of: job id -> value, for those that have one."""

    key: str
    values: dict[str, Any]
    differs: bool


def compare_specs(session: Session, job_ids: Sequence[str]) -> list[Row]:
    """Return each place of the resolved specs, by pointer."""
    query = select(JobSpec.job_id, JobSpec.resolved).where(JobSpec.job_id.in_(job_ids))
    specs: dict[str, Any] = dict(session.execute(query).all())
    return _turn({job_id: dict(flatten(specs[job_id])) for job_id in job_ids if job_id in specs}, is_whole=True)


def compare_figures(jobs: Sequence[Job]) -> list[Row]:
    """Return each figure that an evaluation measured."""
    return _turn({job.id: dict(job.figures or {}) for job in jobs})


def compare_metrics(session: Session, job_ids: Sequence[str]) -> list[Row]:
    """Return the last value of each metric."""
    last: dict[str, dict[str, Value]] = {job_id: {} for job_id in job_ids}
    query = select(MetricKey.key, MetricLatest).join(MetricKey, MetricKey.id == MetricLatest.key_id)
    for key, latest in session.execute(query.where(MetricLatest.job_id.in_(job_ids))):
        last[latest.job_id][key] = name_number(join_number(latest.last, latest.last_kind))
    return _turn(last)


def find_deltas(row: Row, baseline: str) -> dict[str, float]:
    """Return by how much each other job's value is more than the baseline's."""
    start = row.values.get(baseline)
    if not _is_number(start):
        return {}
    return {job: value - start for job, value in row.values.items() if job != baseline and _is_number(value)}


def _turn(documents: Mapping[str, Mapping[str, Any]], *, is_whole: bool = False) -> list[Row]:
    """Return the rows of a table whose columns are the documents.

    Args:
        documents: job id -> key -> value.
        is_whole: whether a key that some lack is a difference too.
    """
    keys = sorted({key for document in documents.values() for key in document})
    rows = []
    for key in keys:
        values = {job_id: document[key] for job_id, document in documents.items() if key in document}
        differs = not are_equal(list(values.values())) or (is_whole and len(values) < len(documents))
        rows.append(Row(key, values, differs))
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
