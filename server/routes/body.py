"""Request bodies: JSON or YAML, parsed in one place that refuses what no database or browser can hold."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from distill_core.errors import Problem, SpecError
from distill_core.spec import parse_document, parse_json
from distill_core.spec.shape import find_shape_problems
from server.problems import BodyInvalidError, ContentTooLargeError, UnsupportedMediaTypeError

JSON = "application/json"
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")

Label = Annotated[str, Field(max_length=255)]
LabelKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")]


class SpecBody(BaseModel):
    """A spec to look at."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    spec: dict[str, Any] = Field(description="The experiment spec.")


class JobBody(SpecBody):
    """A job to submit."""

    name: str | None = Field(default=None, min_length=1, max_length=255, description="Title; the spec's if left out.")
    labels: dict[LabelKey, Label] = Field(default_factory=dict, max_length=64, description="Words to find it by.")
    priority: int = Field(default=0, ge=-1000, le=1000, description="Jobs of a higher priority start first.")
    max_restarts: int = Field(default=3, ge=0, le=100, description="Engine crashes answered by a new attempt.")


async def read_body(request: Request) -> bytes:
    """Return the raw body; the guard has bounded it."""
    return await request.body()


def parse_body(request: Request, raw: Annotated[bytes, Depends(read_body)]) -> Any:
    """Return the body as plain data; YAML is a spec alone."""
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media_type not in (JSON, *YAML):
        allowed = (JSON, YAML[0])
        raise UnsupportedMediaTypeError(
            f"the body is sent as {media_type!r}; allowed: {', '.join(allowed)}",
            headers={"Accept": ", ".join(allowed)},
        )
    try:
        return parse_json(raw) if media_type == JSON else {"spec": parse_document(raw)}
    except SpecError as error:
        if error.problems[0].code == "document_too_large":
            raise ContentTooLargeError(error.problems[0].message) from error
        raise BodyInvalidError("the body cannot be read", error.problems) from error


Body = Annotated[Any, Depends(parse_body)]


def find_body_problems(model: type[BaseModel], body: Any) -> list[Problem]:
    """Return what keeps the body from being a `model`, the spec inside it apart."""
    if not isinstance(body, dict):
        return [Problem("", "value_invalid", "the body must be an object", allowed=sorted(model.model_fields))]
    return find_shape_problems(model, body)


BodyModel = TypeVar("BodyModel", bound=BaseModel)


def check_body(model: type[BodyModel], body: Any) -> BodyModel:
    """Return the body as a `model`.

    Raises:
        BodyInvalidError: it is none; every problem is told.
    """
    if problems := find_body_problems(model, body):
        raise BodyInvalidError(f"the body has {len(problems)} problems; the first: {problems[0]}", problems)
    return model.model_validate(body)


def describe_json(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a body of JSON that is a `model`."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": model.model_json_schema()}}}}


def describe_body(model: type[BaseModel], example: Any) -> dict[str, Any]:
    """Return the OpenAPI description of a body that `parse_body` reads."""
    schema = model.model_json_schema()
    spec = {"$ref": "#/components/schemas/ExperimentSpec"}
    schema["properties"]["spec"] = spec
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": schema, "example": {"spec": example}},
                YAML[0]: {"schema": spec},
            },
        }
    }
