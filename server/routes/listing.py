"""Lists of jobs: filters, orders, and the place where the next page begins."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, cast, get_args

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from distill_core.errors import Problem
from distill_core.spec.nearest import nearest_names
from server.access import Caller, CallerOf
from server.jobs.listing import JobFilter, Place, PlainKey, Sort, list_jobs, read_last_values
from server.jobs.queries import read_labels
from server.jobs.states import State
from server.problems import NotFoundError, QueryInvalidError
from server.routes.query import KnownQuery, Limit, MetricName, PlainMoment
from server.service import ReadSession
from server.views import JobView, Page, view_job

_LABEL = "label."
_METRIC = "metric:"
_SORTS = ("created_at", "name", "metric:KEY")
_Storable = Annotated[str, Field(pattern=r"^[^\x00]*$")]
_CURSOR: TypeAdapter[tuple[_Storable, FiniteFloat | _Storable | None, _Storable]] = TypeAdapter(
    tuple[_Storable, FiniteFloat | _Storable | None, _Storable]
)
"""Order of the list, value of its last job, id of its last job."""

collection = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(KnownQuery(_LABEL))])


Component = Annotated[str | None, Query(max_length=255)]


def read_label_filter(request: Request) -> dict[str, str]:
    """Return the labels that a list asks for as `label.KEY=VALUE`."""
    wanted = [(name, value) for name, value in request.query_params.multi_items() if name.startswith(_LABEL)]
    if len(dict(wanted)) < len(wanted):
        name = max((name for name, _ in wanted), key=[name for name, _ in wanted].count)
        problem = Problem(f"/{name}", "parameter_repeated", "a label has one value", allowed="one value a label")
        raise QueryInvalidError(f"the parameter {name!r} is repeated", [problem])
    return {name.removeprefix(_LABEL): value for name, value in wanted}


def read_sort(
    sort: Annotated[
        str,
        Query(max_length=160, description="created_at, name or metric:KEY (its last value); - before it: descending."),
    ] = "-created_at",
) -> Sort:
    """Return the order of a list."""
    key = sort.removeprefix("-")
    is_descending = key != sort
    if key.startswith(_METRIC) and key != _METRIC:
        return Sort("metric", key.removeprefix(_METRIC), is_descending)
    if key in get_args(PlainKey):
        return Sort(cast(PlainKey, key), None, is_descending)
    allowed = [f"{sign}{name}" for name in _SORTS for sign in ("", "-")]
    problem = Problem(
        "/sort", "parameter_invalid", "there is no such order", sort, allowed, nearest_names(sort, allowed)
    )
    raise QueryInvalidError(f"jobs cannot be sorted by {sort!r}", [problem])


def read_filter(
    caller: CallerOf,
    labels: Annotated[dict[str, str], Depends(read_label_filter)],
    project: Annotated[str | None, Query(max_length=64, description="Room of the jobs; the caller's own.")] = None,
    state: Annotated[list[State] | None, Query(description="Only jobs in this state; may be repeated.")] = None,
    q: Annotated[str | None, Query(max_length=255, description="Only jobs whose name holds this.")] = None,
    student: Annotated[Component, Query(description="Only jobs with this model as student.")] = None,
    teacher: Annotated[Component, Query(description="Only jobs with this model as a teacher.")] = None,
    dataset: Annotated[Component, Query(description="Only jobs with this data set.")] = None,
    method: Annotated[Component, Query(description="Only jobs with this method.")] = None,
    sweep: Annotated[str | None, Query(max_length=64, description="Only trials of this sweep.")] = None,
    created_after: Annotated[PlainMoment | None, Query(description="Only jobs made later.")] = None,
    created_before: Annotated[PlainMoment | None, Query(description="Only jobs made earlier.")] = None,
) -> JobFilter:
    """Return which jobs a list shows."""
    components = {"student": student, "teachers": teacher, "datasets": dataset, "methods": method}
    return JobFilter(
        project=choose_project(caller, project),
        states=state or (),
        words=q,
        labels=labels,
        components={kind: name for kind, name in components.items() if name is not None},
        sweep_id=sweep,
        created_after=created_after,
        created_before=created_before,
    )


@collection.get("", summary="List jobs", responses={404: {}})
def list_jobs_page(
    session: ReadSession,
    wanted: Annotated[JobFilter, Depends(read_filter)],
    sort: Annotated[Sort, Depends(read_sort)],
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=2048, description="`next` of the page before.")] = None,
    metrics: Annotated[
        list[MetricName] | None,
        Query(max_length=60, description="Metrics whose last values are told; may be repeated."),
    ] = None,
) -> Page[JobView]:
    """Return a page of jobs; `label.KEY=VALUE` keeps those with that label."""
    page = list_jobs(session, wanted, sort, _read_place(after, sort), limit)
    ids = [job.id for job in page.jobs]
    labels_of = read_labels(session, ids)
    values_of = read_last_values(session, ids, metrics) if metrics else {}
    return Page(
        data=[view_job(job, labels_of[job.id], values_of.get(job.id)) for job in page.jobs],
        first_id=ids[0] if ids else None,
        last_id=ids[-1] if ids else None,
        has_more=page.next is not None,
        next=None if page.next is None else _write_place(page.next, sort),
    )


def choose_project(caller: Caller, project: str | None) -> str:
    """Return the project to look into; one that the caller may not see is told as if there were none."""
    if caller.project is not None and project not in {None, caller.project}:
        raise NotFoundError(f"there is no project {project!r}")
    return project or caller.home


def _name_sort(sort: Sort) -> str:
    return f"{'-' if sort.is_descending else ''}{_METRIC + (sort.metric or '') if sort.key == 'metric' else sort.key}"


def _write_place(place: Place, sort: Sort) -> str:
    """Return the place as clients hand it back; by time it is the id, as anybody may know it."""
    if sort.key == "created_at":
        return place.id
    return base64.urlsafe_b64encode(_CURSOR.dump_json((_name_sort(sort), place.value, place.id))).decode()


def _read_place(after: str | None, sort: Sort) -> Place | None:
    """Return the place that `after` means.

    Raises:
        QueryInvalidError: no page of a list in this order ends there.
    """
    if after is None or sort.key == "created_at":
        return None if after is None else Place(after)
    try:
        name, value, job_id = _CURSOR.validate_json(base64.urlsafe_b64decode(after))
    except (binascii.Error, ValidationError, ValueError):
        name, value, job_id = "", None, ""
    is_text = isinstance(value, str)
    if name != _name_sort(sort) or is_text is not (sort.key == "name"):
        problem = Problem("/after", "parameter_invalid", "no page in this order ends there", after, "`next` of a page")
        raise QueryInvalidError("the parameter 'after' is not valid", [problem])
    return Place(job_id, value)
