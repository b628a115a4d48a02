"""Places that a spec names: where in a model, which side of a module, which call and which entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Config, Name

PRE = ".pre"
"""Ending of a path that means: before the last activation at this place."""


Path = Annotated[str, Field(max_length=256)]

StudentPath = Annotated[Path, Field(json_schema_extra={"place_of": "student"})]
"""Feature point or module path of the student, `.pre` at its end allowed; checked before anything runs."""

TeacherPath = Annotated[Path, Field(json_schema_extra={"place_of": "teacher"})]
"""The same of the teacher."""


class PlaceSpec(Config):
    """A place in the student, in the teacher, or the labels."""

    of: Literal["student", "teacher", "labels"] = Field(description="Whose place: student, teacher or labels.")
    path: str = Field(
        default="",
        max_length=256,
        description="Feature point or module path; with .pre at its end: before the last activation there; "
        "empty: the model itself.",
    )
    side: Literal["out", "in"] = Field(default="out", description="What the module returns, or what it is given.")
    key: str | int | None = Field(
        default=None,
        description="Entry of a dictionary or tuple (`a.b`: of one in another), or argument by name or place.",
    )
    call: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Which of several calls of the module; the last if left out.",
    )
    view: Name | None = Field(default=None, description="Which view of the samples; the term's own if left out.")
