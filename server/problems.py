"""Problems: every answer of the API that is an error, in the form of RFC 9457.

ProblemError
├── MalformedRequestError       400
├── UnauthorizedError           401
├── ForbiddenError              403
│   ├── ForeignOriginError
│   ├── CsrfError
│   └── MetricsForbiddenError
├── NotFoundError               404
├── MethodNotAllowedError       405
├── MoveConflictError           409
├── ExportConflictError         409
├── ProjectExistsError          409
├── QuotaReachedError           409
├── WebhookConflictError        409
├── ViewConflictError           409
├── SweepConflictError          409
├── UploadConflictError         409
├── UploadInUseError            409
├── ContentGoneError            410
├── PreconditionFailedError     412
├── ContentTooLargeError        413
├── UnsupportedMediaTypeError   415
├── RangeNotSatisfiableError    416
├── TooManyRequestsError        429
├── UnprocessableError          422
│   ├── SpecInvalidError
│   ├── BodyInvalidError
│   ├── QueryInvalidError
│   ├── UploadInvalidError
│   └── IdempotencyKeyReusedError
└── NotReadyError               503
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from distill_core.errors import Problem

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """The server failed."""

    status: ClassVar[int] = 500
    code = "internal_error"

    def __init__(
        self,
        detail: str,
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    @property
    def title(self) -> str:
        """The kind of problem in a sentence: the first line of the class's docstring."""
        return (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")


class MalformedRequestError(ProblemError):
    """The request cannot be read."""

    status = 400
    code = "request_malformed"


class UnauthorizedError(ProblemError):
    """The request carries no valid key."""

    status = 401
    code = "key_invalid"


class ForbiddenError(ProblemError):
    """The key does not allow this."""

    status = 403
    code = "scope_missing"


class ForeignOriginError(ForbiddenError):
    """A page of another site may not change anything here."""

    code = "origin_foreign"


class CsrfError(ForbiddenError):
    """The page did not send the session's token."""

    code = "csrf_token_invalid"


class MetricsForbiddenError(ForbiddenError):
    """The metrics are not for everybody."""

    code = "metrics_forbidden"


class NotFoundError(ProblemError):
    """There is no such thing."""

    status = 404
    code = "not_found"


class MethodNotAllowedError(ProblemError):
    """The address does not take this method."""

    status = 405
    code = "method_not_allowed"


class MoveConflictError(ProblemError):
    """The job's state does not allow this."""

    status = 409
    code = "move_refused"


class ExportConflictError(ProblemError):
    """The job has no student to export."""

    status = 409
    code = "not_exportable"


class ProjectExistsError(ProblemError):
    """There is a project of this name already."""

    status = 409
    code = "project_exists"


class QuotaReachedError(ProblemError):
    """The project has no room for this job."""

    status = 409
    code = "quota_exceeded"


class WebhookConflictError(ProblemError):
    """The webhook is switched off."""

    status = 409
    code = "webhook_off"


class ViewConflictError(ProblemError):
    """The view cannot be kept."""

    status = 409
    code = "view_refused"


class SweepConflictError(ProblemError):
    """No trial of the sweep can do what was asked."""

    status = 409
    code = "sweep_refused"


class UploadConflictError(ProblemError):
    """The upload stands elsewhere."""

    status = 409
    code = "upload_offset"


class UploadInUseError(ProblemError):
    """Jobs that are not over read the upload."""

    status = 409
    code = "upload_needed"


class ContentGoneError(ProblemError):
    """The bytes are not in the artifact store any more."""

    status = 410
    code = "artifact_missing"


class PreconditionFailedError(ProblemError):
    """The thing is not what it was when the client looked."""

    status = 412
    code = "precondition_failed"


class ContentTooLargeError(ProblemError):
    """The body is too large."""

    status = 413
    code = "content_too_large"


class UnsupportedMediaTypeError(ProblemError):
    """The body's media type is not understood."""

    status = 415
    code = "media_type_unsupported"


class RangeNotSatisfiableError(ProblemError):
    """The range lies outside the content."""

    status = 416
    code = "range_not_satisfiable"


class UnprocessableError(ProblemError):
    """The request asks for something that cannot be."""

    status = 422
    code = "unprocessable"


class SpecInvalidError(UnprocessableError):
    """The spec asks for something that cannot be."""

    code = "spec_invalid"


class BodyInvalidError(UnprocessableError):
    """The body is not what this address takes."""

    code = "body_invalid"


class QueryInvalidError(UnprocessableError):
    """The parameters of the request are not what this address takes."""

    code = "query_invalid"


class UploadInvalidError(UnprocessableError):
    """The file is not what was announced."""

    code = "upload_invalid"


class IdempotencyKeyReusedError(UnprocessableError):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"


class TooManyRequestsError(ProblemError):
    """The caller has sent too many requests."""

    status = 429
    code = "rate_limited"


class NotReadyError(ProblemError):
    """The service cannot take requests."""

    status = 503
    code = "not_ready"


def count_problems(problems: Sequence[Problem], what: str) -> str:
    """Return the sentence that tells of several problems by the first."""
    count = len(problems)
    return f"the {what} has {count} problem{'s' if count != 1 else ''}; the first: {problems[0]}"
