"""Query parameters that several resources have, and the refusal of all others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryParameter
from fastapi.routing import APIRoute
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from distill_core.errors import Problem
from distill_core.spec.document import join_pointer
from distill_core.spec.nearest import nearest_names
from server.problems import QueryInvalidError

Limit = Annotated[int, Query(ge=1, le=200, description="Entries a page.")]
After = Annotated[int, Query(ge=0, lt=2**63, description="Number of the last entry that is known already.")]
MetricName = Annotated[str, Query(max_length=128)]
Measure = Annotated[str, Query(max_length=128, description="Figure or metric that jobs are judged by.")]


def _check_truth(value: Any) -> Any:
    """Refuse what pydantic would take for true or false besides, such as `1` and `off`."""
    if str(value).lower() not in {"true", "false"}:
        raise ValueError("true or false")
    return value


PlainTruth = Annotated[bool, BeforeValidator(_check_truth)]
"""A switch, as the description says it: true or false."""


def _check_form(value: Any) -> Any:
    """Refuse plain numbers, which pydantic would take for seconds: they are more likely steps."""
    if not re.match(r"\d{4}-", str(value)):
        raise ValueError("a time is written as in 2026-01-01T00:00:00Z")
    return value


def _check_year(moment: datetime) -> datetime:
    if not datetime(1970, 1, 1, tzinfo=UTC) <= moment < datetime(9000, 1, 1, tzinfo=UTC):
        raise ValueError("a time lies between the years 1970 and 9000")
    return moment


PlainMoment = Annotated[AwareDatetime, BeforeValidator(_check_form), AfterValidator(_check_year)]
"""A time that every database holds."""

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Id of the last message that arrived; goes before `after`.")
]


class KnownQuery:
    """Refuses query parameters that the route does not have, apart from those that begin with a prefix."""

    def __init__(self, *prefixes: str) -> None:
        self._prefixes = prefixes

    async def __call__(self, request: Request) -> None:
        """Raise a problem that names each unknown parameter and those most like it."""
        route = request.scope["route"]
        names = _query_names(route) if isinstance(route, APIRoute) else []
        unknown = [name for name in request.query_params if name not in names and not name.startswith(self._prefixes)]
        if unknown:
            raise QueryInvalidError(
                f"unknown query parameter {unknown[0]!r}",
                [
                    Problem(
                        pointer=join_pointer("", name),
                        code="parameter_unknown",
                        message="there is no such parameter",
                        value=name,
                        allowed=names,
                        nearest=nearest_names(name, names),
                    )
                    for name in unknown
                ],
            )


def read_number(last_event_id: str | None, after: int) -> int:
    """Return the number behind which a stream goes on."""
    if last_event_id is None:
        return after
    if not last_event_id.isdecimal() or not last_event_id.isascii() or len(last_event_id) > 18:
        raise bad_event_id(last_event_id, "a number")
    return int(last_event_id)


def bad_event_id(value: str, allowed: str) -> QueryInvalidError:
    """Return the problem of a Last-Event-ID that this stream never sent."""
    problem = Problem("/Last-Event-ID", "parameter_invalid", "no message of this stream has this id", value, allowed)
    return QueryInvalidError("the header Last-Event-ID is not valid", [problem])


def _query_names(route: APIRoute) -> list[str]:
    fields = get_flat_params(route.dependant)
    return [field.alias for field in fields if isinstance(field.field_info, QueryParameter)]
