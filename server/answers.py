"""From any error to the answer that tells of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from distill_core.errors import Problem
from server.artifacts import ArtifactMissingError
from server.jobs.errors import (
    JobError,
    MoveRefusedError,
    NotExportableError,
    QuotaExceededError,
    SweepRefusedError,
    UnknownJobError,
    UnknownSweepError,
    UnknownUploadError,
    UnknownViewError,
    UnknownWebhookError,
    UploadNeededError,
    ViewRefusedError,
    WebhookOffError,
)
from server.problems import (
    MEDIA_TYPE,
    ContentGoneError,
    ExportConflictError,
    MalformedRequestError,
    MethodNotAllowedError,
    MoveConflictError,
    NotFoundError,
    ProblemError,
    QueryInvalidError,
    QuotaReachedError,
    SweepConflictError,
    UploadInUseError,
    ViewConflictError,
    WebhookConflictError,
)


class ProblemResponse(JSONResponse):
    """A problem as JSON that any client can read, whatever the request held."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Write ASCII alone: lone surrogates are escaped, and what is not finite becomes text."""
        return json.dumps(_speakable(content), allow_nan=False, separators=(",", ":")).encode("ascii")


async def answer_problem(request: Request, error: Exception) -> Response:
    """Answer any error that has a place in the tree, or is known to belong there."""
    problem = to_problem(error)
    if isinstance(problem, MethodNotAllowedError) and (route := request.scope.get("route")):
        methods = request.app.openapi()["paths"][route.path_format]  # one path may have several routes
        problem.headers["Allow"] = ", ".join(sorted(map(str.upper, methods)))
        problem.detail = f"allowed here: {problem.headers['Allow']}"
    return respond(request.scope, problem)


def respond(scope: Mapping[str, Any], problem: ProblemError) -> ProblemResponse:
    """Return the answer that tells of `problem`."""
    content: dict[str, Any] = {
        "type": f"urn:stillhouse:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": scope.get("path", ""),
        "code": problem.code,
        "errors": [entry.as_dict() for entry in problem.problems],
        **problem.members,
    }
    if request_id := scope.get("state", {}).get("request_id"):
        content["request_id"] = request_id
    return ProblemResponse(content, problem.status, problem.headers)


_PLAIN: dict[type[JobError], type[ProblemError]] = {
    UnknownJobError: NotFoundError,
    UnknownWebhookError: NotFoundError,
    UnknownUploadError: NotFoundError,
    UnknownViewError: NotFoundError,
    UnknownSweepError: NotFoundError,
    WebhookOffError: WebhookConflictError,
    ViewRefusedError: ViewConflictError,
    SweepRefusedError: SweepConflictError,
    NotExportableError: ExportConflictError,
}
"""What a job transaction refuses, as the API tells it in the same words."""


def to_problem(error: Exception) -> ProblemError:
    """Return the problem that an error means for whoever sent the request."""
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            return QueryInvalidError("the request's parameters are not valid", _parameter_problems(error))
        case JobError() if (kind := _PLAIN.get(type(error))) is not None:
            return kind(str(error))
        case MoveRefusedError():
            members = {"state": str(error.state), "allowed": list(error.allowed)}
            return MoveConflictError(str(error), members=members)
        case UploadNeededError():
            return UploadInUseError(str(error), members={"job_ids": error.job_ids})
        case QuotaExceededError():
            return QuotaReachedError(str(error), members={"limit": error.limit, "limit_value": error.value})
        case ArtifactMissingError():
            return ContentGoneError(str(error))
        case HTTPException():
            return _from_http(error)
        case _:
            return ProblemError("the request could not be answered; the server's log says why")


def _from_http(error: HTTPException) -> ProblemError:
    kinds: dict[int, type[ProblemError]] = {404: NotFoundError, 405: MethodNotAllowedError}
    kind = kinds.get(error.status_code, MalformedRequestError if error.status_code < 500 else ProblemError)
    phrase = HTTPStatus(error.status_code).phrase
    detail = {
        404: "there is nothing at this address",
        405: "the dashboard's pages can only be read",
    }.get(error.status_code, phrase if error.detail == phrase else str(error.detail))
    return kind(detail, headers=error.headers)


def _parameter_problems(error: RequestValidationError) -> list[Problem]:
    """Tell FastAPI's validation errors as problems; the pointer leads into the parameters by name."""
    return [
        Problem(
            pointer="".join(f"/{step}" for step in details["loc"][1:]),
            code="parameter_missing" if details["type"] == "missing" else "parameter_invalid",
            message=details["msg"],
            value=None if details["type"] == "missing" else details.get("input"),
            allowed=", ".join(f"{key}: {value}" for key, value in details.get("ctx", {}).items()) or None,
        )
        for details in error.errors()
    ]


def _speakable(value: Any) -> Any:
    """Return the value with everything that JSON cannot say turned into text."""
    if isinstance(value, Mapping):
        return {str(key): _speakable(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_speakable(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)[:200]
