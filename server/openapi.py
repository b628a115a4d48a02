"""The API's description: what FastAPI derives, with every problem documented."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from distill_core.spec import ExperimentSpec
from server.problems import MEDIA_TYPE
from server.views import ProblemView

_DESCRIPTION = """Knowledge distillation as jobs: submit an experiment spec, watch it, download the student.

Times are RFC 3339 in UTC. Lists come in pages: `after` takes the `last_id` of the page before. Errors are problems
(RFC 9457) with a stable `code` and JSON pointers. Streams are server-sent events and go on at `Last-Event-ID`."""
_EVENT_STREAM = "text/event-stream"


def name_operation(route: APIRoute) -> str:
    """Return the operation's id: the name of the function that answers."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    document = get_openapi(
        title="Stillhouse", version=version("stillhouse"), description=_DESCRIPTION, routes=app.routes
    )
    _, definitions = models_json_schema(
        [(ProblemView, "serialization"), (ExperimentSpec, "validation")], ref_template="#/components/schemas/{model}"
    )
    schemas = document["components"]["schemas"]
    schemas |= definitions["$defs"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key: `sh_…`."},
        "session": {"type": "apiKey", "in": "cookie", "name": "stillhouse", "description": "Of POST /v1/session."},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _document_problems(operation, is_api=path.startswith("/v1/"))
            if path.startswith("/v1/") and path != "/v1/session":
                _document_access(operation)
            _document_stream(operation)
    return document


def _document_problems(operation: dict[str, Any], *, is_api: bool) -> None:
    """Give every error the shape of a problem; each API route may also refuse parameters, or fail."""
    responses: dict[str, Any] = operation["responses"]
    if "422" in responses or is_api:
        responses["422"] = {}
    if "requestBody" in operation:
        responses |= {"413": {}, "415": {}}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}}
    for status, response in responses.items():
        if status.isdigit() and int(status) >= 400:
            response["description"] = HTTPStatus(int(status)).phrase
            response["content"] = content
    responses["default"] = {"description": "Any other problem", "content": content}
    operation["responses"] = dict(sorted(responses.items()))


def _document_access(operation: dict[str, Any]) -> None:
    """Say that the operation needs a key."""
    operation["security"] = [{"key": []}, {"session": []}]
    problem = operation["responses"]["default"]
    for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        operation["responses"].setdefault(str(status.value), problem | {"description": status.phrase})


def _document_stream(operation: dict[str, Any]) -> None:
    content = operation["responses"].get("200", {}).get("content", {})
    if _EVENT_STREAM in content:
        operation["responses"]["200"]["description"] = "Server-sent events."
        content[_EVENT_STREAM] = {"schema": {"type": "string"}}
