"""The part of a curve that a request asks for: `from` and `to`, as steps or as times."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from distill_core.errors import Problem
from server.jobs.series import Window
from server.problems import QueryInvalidError
from server.routes.query import PlainMoment

Value = TypeVar("Value")
Axis = Literal["step", "time"]
_STEP = TypeAdapter(Annotated[int, Field(ge=0, lt=2**63)])
_MOMENT: TypeAdapter[datetime] = TypeAdapter(PlainMoment)

_FROM = "First step, or earliest time, that is wanted."
_TO = "Last step, or latest time, that is wanted."


def _check_end(value: Any) -> Any:
    """Refuse what is neither a number nor text; a union would say so twice."""
    if not isinstance(value, int | str | None) or isinstance(value, bool):
        raise ValueError("a step, or a time as text")  # noqa: TRY004  what pydantic turns into a problem
    return value


End = Annotated[Any, AfterValidator(_check_end), WithJsonSchema({"type": ["integer", "string", "null"]})]


class WindowBody(BaseModel):
    """The part of a curve, in a body."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_alias=True)

    x: Axis = Field(default="step", description="What `from` and `to` are: steps, or times (RFC 3339).")
    start: End = Field(default=None, alias="from", description=_FROM)
    end: End = Field(default=None, alias="to", description=_TO)


def read_window(
    x: Annotated[Axis, Query(description="What `from` and `to` are: steps, or times (RFC 3339).")] = "step",
    start: Annotated[str | None, Query(alias="from", max_length=64, description=_FROM)] = None,
    end: Annotated[str | None, Query(alias="to", max_length=64, description=_TO)] = None,
) -> Window:
    """Return the part of a curve that the parameters ask for."""
    return make_window(x, start, end)


def make_window(x: Axis, start: int | str | None, end: int | str | None) -> Window:
    """Return the part of a curve between two steps or two times.

    Raises:
        QueryInvalidError: an end is not what `x` says.
    """
    if x == "step":
        return Window(first=_read("/from", start, _STEP, "a step"), last=_read("/to", end, _STEP, "a step"))
    allowed = "a time with its zone, as in 2026-01-01T00:00:00Z"
    return Window(since=_read("/from", start, _MOMENT, allowed), until=_read("/to", end, _MOMENT, allowed))


def _read(pointer: str, value: int | str | None, adapter: TypeAdapter[Value], allowed: str) -> Value | None:
    try:
        return None if value is None else adapter.validate_python(value)
    except ValidationError as error:
        problem = Problem(pointer, "parameter_invalid", error.errors()[0]["msg"], value, allowed)
        raise QueryInvalidError(f"the parameter {pointer[1:]!r} is not valid", [problem]) from error
