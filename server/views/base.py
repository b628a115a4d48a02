"""What all views have in common: times, numbers, pages, problems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from server.jobs.states import State


def show_time(moment: datetime) -> str:
    """Return a time as the API writes it: RFC 3339, UTC, milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


Moment = Annotated[
    datetime, PlainSerializer(show_time, return_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})])
]
Number = float | Literal["NaN", "Infinity", "-Infinity"] | None
"""A value of a metric; what JSON has no number for is told by name."""


Item = TypeVar("Item")


class View(BaseModel):
    """Base of all views: read from rows, never changed."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Page(View, Generic[Item]):
    """A page of a list."""

    object: Literal["list"] = "list"
    data: Sequence[Item]
    first_id: str | None = Field(default=None, description="Id of the first entry; null when the page is empty.")
    last_id: str | None = Field(default=None, description="Id of the last entry: the next page's `after`.")
    has_more: bool = Field(default=False, description="Whether there are entries behind this page.")
    next: str | None = Field(
        default=None, description="The next page's `after` where it is not `last_id`, as in lists with an order."
    )


class ProblemEntry(View):
    """One of the things that are wrong."""

    pointer: str = Field(description="JSON pointer to the place; the empty string is the whole document.")
    code: str = Field(description="Kind of problem, stable.")
    message: str
    value: Any = Field(default=None, description="What was sent, shortened when long.")
    allowed: list[str] | str | None = Field(default=None, description="What may stand there.")
    nearest: list[str] = Field(default=[], description="Allowed names most like the value, best first.")


class ProblemView(View):
    """An error, as RFC 9457 says."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    code: str = Field(description="Kind of error, stable.")
    errors: list[ProblemEntry] = Field(description="Everything that is wrong, where that can be listed.")
    request_id: str | None = Field(default=None, description="What the server's log calls this request.")
    state: State | None = Field(default=None, description="State of the job that refused.")
    offset: int | None = Field(default=None, description="Where the upload stands that refused.")
    allowed: list[str] | None = Field(default=None, description="What the job would take instead.")
    limit: str | None = Field(default=None, description="The limit of the project that was reached.")
    limit_value: int | None = Field(default=None, description="What that limit is.")


def whole_page(entries: Sequence[Any]) -> Page[Any]:
    """Return a page of all the views with ids that there are."""
    return cut_page(entries, len(entries))


def cut_page(entries: Sequence[Any], limit: int) -> Page[Any]:
    """Return a page of views with ids; one entry more than the limit says that there are more behind it."""
    shown = entries[:limit]
    ids = [entry.id for entry in shown]
    return Page(
        data=shown,
        first_id=ids[0] if ids else None,
        last_id=ids[-1] if ids else None,
        has_more=len(entries) > limit,
    )
