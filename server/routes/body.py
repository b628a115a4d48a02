"""Request bodies: JSON or YAML, parsed in one place that refuses what no database or browser can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from distill_core.errors import Problem, SpecError
from distill_core.spec import parse_document, parse_json
from distill_core.spec.shape import find_shape_problems
from server.problems import BodyInvalidError, ContentTooLargeError, UnsupportedMediaTypeError, count_problems

JSON = "application/json"
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")

Checked = TypeVar("Checked", bound=BaseModel)
Label = Annotated[str, Field(max_length=255)]
LabelKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")]
ProjectName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
JobName = Annotated[str, Field(min_length=1, max_length=255)]
Priority = Annotated[int, Field(ge=-1000, le=1000)]
MaxRestarts = Annotated[int, Field(ge=0, le=100)]
MAX_LABELS = 64


class SpecBody(BaseModel):
    """A spec to look at."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    spec: dict[str, Any] = Field(description="The experiment spec.")


class JobBody(SpecBody):
    """A job to submit."""

    name: JobName | None = Field(default=None, description="Title; the spec's if left out.")
    labels: dict[LabelKey, Label] = Field(
        default_factory=dict, max_length=MAX_LABELS, description="Words to find it by."
    )
    project: ProjectName | None = Field(default=None, description="Room of the job; the key's if left out.")
    priority: Priority = Field(default=0, description="Jobs of a higher priority start first.")
    max_restarts: MaxRestarts = Field(default=3, description="Engine crashes answered by a new attempt.")
    max_pending_s: float | None = Field(
        default=None, gt=0, le=366 * 86400, description="Seconds in the queue after which the job fails; none: never."
    )


class DrainBody(BaseModel):
    """How a worker is to be drained."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    now: bool = Field(
        default=False, description="Let what it runs save a checkpoint and go back to the queue, not go on to its end."
    )


class LimitsBody(BaseModel):
    """How much of the service a project may take."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_devices: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="Devices that its jobs may hold at once; none: no limit."
    )
    max_queued: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="Jobs that may wait at once; none: no limit."
    )


class ProjectBody(LimitsBody):
    """A project to make."""

    id: ProjectName = Field(description="Name: lower-case letters, digits, ., _ and -.")


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


def parse_optional_body(request: Request, raw: Annotated[bytes, Depends(read_body)]) -> Any:
    """Return the body as plain data, an empty object where none was sent."""
    return parse_body(request, raw) if raw else {}


OptionalBody = Annotated[Any, Depends(parse_optional_body)]


def find_body_problems(model: type[BaseModel], body: Any) -> list[Problem]:
    """Return what keeps the body from being a `model`, the spec inside it apart."""
    if not isinstance(body, dict):
        return [Problem("", "value_invalid", "the body must be an object", allowed=sorted(model.model_fields))]
    return find_shape_problems(model, body)


def check_body(model: type[Checked], body: Any) -> Checked:
    """Return the body as a `model`.

    Raises:
        BodyInvalidError: it holds other things than it may; every problem is told.
    """
    if problems := find_body_problems(model, body):
        raise BodyInvalidError(count_problems(problems, "body"), problems)
    return model.model_validate(body)


def body_of(model: type[Checked]) -> Callable[[Any], Checked]:
    """Return a dependency that gives the body as a `model`, or refuses it with every problem at once."""

    def read(body: Body) -> Checked:
        return check_body(model, body)

    return read


def optional_body_of(model: type[Checked]) -> Callable[[Any], Checked]:
    """Return a dependency like that of `body_of`, for which no body at all is an empty one."""

    def read(body: OptionalBody) -> Checked:
        return check_body(model, body)

    return read


def describe_json(model: type[BaseModel], example: Any = None, *, is_required: bool = True) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON body."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)  # a view of the same resource describes them already
    content = {"schema": schema} | ({} if example is None else {"example": example})
    return {"requestBody": {"required": is_required, "content": {JSON: content}}}


def describe_body(model: type[BaseModel], example: Any, *, may_be_uploaded: bool = False) -> dict[str, Any]:
    """Return the OpenAPI description of a body that `parse_body` reads."""
    schema = model.model_json_schema()
    if may_be_uploaded:
        schema["properties"]["upload"] = {"type": "string", "description": "In the spec's place: an upload of one."}
        schema["anyOf"] = [{"required": [name]} for name in ("spec", "upload")]
        schema["required"] = [name for name in schema["required"] if name != "spec"]
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
