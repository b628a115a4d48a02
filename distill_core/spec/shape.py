"""Problems of form: what pydantic says of a document, told with JSON pointers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from distill_core.errors import Problem
from distill_core.spec.bounds import describe_bounds
from distill_core.spec.document import join_pointer
from distill_core.spec.nearest import nearest_names

_FIELD = re.compile(r"[A-Za-z_]\w*|\[key\]")
"""What may be a field; the tag of a form, such as `constrained-float`, may not."""

_CODES = {"missing": "field_missing", "extra_forbidden": "field_unknown", "union_tag_not_found": "field_missing"}


def find_shape_problems(model: type[BaseModel], document: Any) -> list[Problem]:
    """Return what keeps `document` from being a `model`, in the order of the document."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        found = [details for details in error.errors(include_url=False) if not _is_echo(details)]
        found = [details for details in found if not _is_of_another_form(details, found)]
        return [_problem(model, document, details) for details in found]
    return []


def locate(document: Any, loc: tuple[int | str, ...]) -> list[int | str]:
    """Drop from a pydantic location the tags of unions, which name no place in the document."""
    place: list[int | str] = []
    for position, step in enumerate(loc):
        is_last = position == len(loc) - 1
        is_field = is_last and _FIELD.fullmatch(str(step)) is not None
        if isinstance(document, dict) and (step in document or is_field) and step != "[key]":
            place.append(step)
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int):
            place.append(step)
            document = document[step] if step < len(document) else None
    return place


def _is_of_another_form(details: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Return whether an object is only said to be no number, where it has problems as the object that it is."""
    loc = details["loc"][:-1]
    is_object = isinstance(details["input"], dict) and details["type"] in {"float_type", "int_type", "string_type"}
    return is_object and any(other is not details and other["loc"][: len(loc)] == loc for other in found)


def _is_echo(details: ErrorDetails) -> bool:
    """Return whether a list is called too short only because its entries have problems of their own."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _problem(model: type[BaseModel], document: Any, details: ErrorDetails) -> Problem:
    context = details.get("ctx", {})
    place, value = locate(document, details["loc"]), details["input"]
    if details["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        place, value = [*place, context["discriminator"].strip("'")], context.get("tag")
    code = _CODES.get(details["type"], "value_invalid")
    siblings = _field_names(model, document, place) if code == "field_unknown" else ()
    expected = () if code == "field_missing" else _expected_names(context)
    return Problem(
        pointer=join_pointer("", *place),
        code=code,
        message=_word(details, place, value),
        value=None if code == "field_missing" else _shorten(value),
        allowed=siblings or describe_bounds(context),
        nearest=nearest_names(place[-1], siblings) if siblings else nearest_names(value, expected),
    )


def _word(details: ErrorDetails, place: list[int | str], value: Any) -> str:
    """Return pydantic's sentence, or a plainer one where it speaks of its own inner life."""
    match details["type"]:
        case "extra_forbidden":
            return f"there is no field {place[-1]!r} here"
        case "missing" | "union_tag_not_found":
            return f"the field {place[-1]!r} is missing"
        case "union_tag_invalid":
            return f"no {place[-1]} is called {value!r}"
    return details["msg"]


def _expected_names(context: Mapping[str, Any]) -> tuple[str, ...]:
    names = str(context.get("expected_tags") or context.get("expected", ""))
    return tuple(name.strip("' ") for name in names.replace(" or ", ",").split(",") if name)


def _field_names(model: type[BaseModel], document: Any, place: list[int | str]) -> tuple[str, ...]:
    """Return the fields that are allowed beside an unknown one, read from the JSON Schema."""
    node = schema = _schema_of(model)
    for step in place[:-1]:
        document = document[step]
        node = _child_schema(schema, node, step, document)
    return tuple(node.get("properties", {}))


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's JSON Schema, made once: a document may have thousands of unknown fields."""
    return model.model_json_schema()


def _child_schema(root: dict[str, Any], node: dict[str, Any], step: int | str, value: Any) -> dict[str, Any]:
    if isinstance(step, int):
        child = node.get("items", {})
    else:
        child = node.get("properties", {}).get(step) or node.get("additionalProperties", {})
        if not child and node.get("patternProperties"):
            child = next(iter(node["patternProperties"].values()))
    return _follow(root, child, value)


def _follow(root: dict[str, Any], node: dict[str, Any], value: Any) -> dict[str, Any]:
    """Follow references, and pick the branch of a union that the value's tag (or a field of it) names."""
    if "$ref" in node:
        return _follow(root, root["$defs"][node["$ref"].rsplit("/", 1)[1]], value)
    if "discriminator" in node and isinstance(value, dict):
        mapping = node["discriminator"]["mapping"]
        tag = value.get(node["discriminator"]["propertyName"])
        return _follow(root, {"$ref": mapping[tag]}, value) if tag in mapping else {}
    branches = [_follow(root, branch, value) for branch in node.get("anyOf", ())]
    objects = [branch for branch in branches if branch.get("type") == "object"]
    fitting = [
        branch for branch in objects if isinstance(value, dict) and set(branch.get("properties", {})) & set(value)
    ]
    return next(iter(fitting or objects), node)


def _shorten(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | None):
        return value if not isinstance(value, str) or len(value) <= 200 else value[:200] + "…"
    return (
        f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)} entries"
        if hasattr(value, "__len__")
        else None
    )
