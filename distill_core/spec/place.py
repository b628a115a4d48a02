"""Places that a spec names: where in a model, which side of a module, which call and which entry."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from distill_core.spec.config import Config, Name

PRE = ".pre"
"""Ending of a path that means: before the last activation at this place."""

Path = Annotated[str, Field(max_length=256)]
"""Feature point or module path, `.pre` at its end allowed."""


AUTO = "auto"
"""Stands for the places of the paper, which follow from the feature points of the models: `spec/layers.py`."""

MAX_PLACES = 64

Paths = Annotated[
    tuple[Path, ...],
    BeforeValidator(lambda value: (value,) if value == AUTO else value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string", "maxLength": 256}, "minItems": 1, "maxItems": MAX_PLACES},
                {"type": "string", "const": AUTO},
            ]
        }
    ),
]
"""Several feature points or module paths, or `auto`."""

PathPairs = Annotated[
    tuple[tuple[Path, Path], ...] | Literal["auto"],
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "items": {"type": "string", "maxLength": 256},
                        "minItems": 2,
                        "maxItems": 2,
                    },
                    "minItems": 1,
                    "maxItems": MAX_PLACES,
                },
                {"type": "string", "const": AUTO},
            ]
        }
    ),
]
"""Pairs of feature points or module paths, or `auto`."""

Role = Literal["student", "teacher"]


def auto_place(role: Role, rule: str, description: str) -> Any:
    """Return the field of one place of a model, the paper's if left out; its type is `Path`.

    Args:
        role: whose place it is.
        rule: what `auto` means, see `spec/layers.py`.
        description: what the place is to the method.
    """
    return Field(
        default=AUTO,
        description=f"{description} auto: {rule}.",
        json_schema_extra={"place_of": role, "auto": rule},
    )


def auto_places(role: Role, rule: str, description: str, *, paired: bool = True) -> Any:
    """Return the field of several places of a model, the paper's if left out; its type is `Paths`.

    Args:
        role: whose places they are.
        rule: what `auto` means, see `spec/layers.py`.
        description: what the places are to the method.
        paired: whether each has its partner in the other model, so that both need as many.
    """
    extra: Any = {"places_of": role, "auto": rule, "default": AUTO}
    return Field(
        default=(AUTO,),
        validate_default=False,
        description=f"{description} auto: {rule}.",
        json_schema_extra=extra if paired else extra | {"paired": False},
    )


def auto_pairs(role: Role, rule: str, description: str) -> Any:
    """Return the field of several pairs of places of a model, the paper's if left out; its type is `PathPairs`."""
    extra: Any = {"places_of": role, "auto": rule}
    return Field(default=AUTO, description=f"{description} auto: {rule}.", json_schema_extra=extra)


def list_pairs(pairs: PathPairs) -> tuple[tuple[str, str], ...]:
    """Return the pairs of an option that has been written out."""
    if isinstance(pairs, str):
        raise TypeError(f"the places that {pairs!r} stands for have not been written out")
    return pairs


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
