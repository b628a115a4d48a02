"""What a call to the server can end with, other than a result.

StillhouseError
├── ServerUnreachableError      nothing answers at the server's address
├── RefusedError                the server answered with a problem document
│   ├── KeyRefusedError         401, 403: the key is missing, wrong, or does not allow it
│   ├── NotFoundError           404: no such job, artifact or page
│   ├── ConflictError           409: the job's state does not allow it
│   ├── PreconditionError       412: somebody changed the job since it was seen
│   └── InvalidRequestError     422: the spec or a parameter is wrong; lists every problem
├── DamagedDownloadError        the bytes that arrived are not the artifact's
├── PartMissingError            something that only this call needs is not installed here
└── WaitTimeoutError            the job was not done in the time given
"""

from __future__ import annotations

from typing import Any

from distill_core.errors import Problem, StillhouseError


class ServerUnreachableError(StillhouseError):
    """Nothing answers at the server's address."""

    code = "server_unreachable"

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(
            f"no Stillhouse server answers at {url} ({reason}). "
            "Start one with `stillhouse up`, or name another with --url or STILLHOUSE_URL."
        )


class RefusedError(StillhouseError):
    """The server answered with a problem document (RFC 9457).

    Attributes:
        status: HTTP status.
        document: the whole problem document.
        problems: the places that it points at, one by one.
        retry_after_s: seconds after which the server wants to be asked again, where it says so.
    """

    def __init__(self, status: int, document: dict[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.document = document
        self.code = str(document.get("code") or f"http_{status}")
        self.problems = tuple(_read_problem(error) for error in document.get("errors") or ())
        self.retry_after_s = retry_after_s
        title = str(document.get("title") or f"HTTP {status}").rstrip(".")
        detail = document.get("detail")
        super().__init__(f"{title}: {detail}" if detail and detail != title else title)


class KeyRefusedError(RefusedError):
    """The key is missing, wrong, or does not allow what was asked."""


class NotFoundError(RefusedError):
    """There is no such job, artifact or page."""


class ConflictError(RefusedError):
    """The state of the job does not allow what was asked."""


class PreconditionError(RefusedError):
    """Somebody changed the job since it was seen."""


class InvalidRequestError(RefusedError):
    """The spec or a parameter is wrong; `problems` lists every place."""


class DamagedDownloadError(StillhouseError):
    """The bytes that arrived are not the artifact's; the partial file was removed."""

    code = "download_damaged"


class PartMissingError(StillhouseError):
    """Something that the bare client does without is not installed here; the message names what to install."""

    code = "part_missing"


class WaitTimeoutError(StillhouseError, TimeoutError):
    """The job was not done in the time given; it goes on."""

    code = "wait_timeout"


def build_refusal(status: int, document: dict[str, Any], retry_after_s: float | None = None) -> RefusedError:
    """Return the error that fits an HTTP status."""
    kinds: dict[int, type[RefusedError]] = {
        401: KeyRefusedError,
        403: KeyRefusedError,
        404: NotFoundError,
        409: ConflictError,
        412: PreconditionError,
        422: InvalidRequestError,
    }
    return kinds.get(status, RefusedError)(status, document, retry_after_s)


def _read_problem(error: dict[str, Any]) -> Problem:
    return Problem(
        pointer=str(error.get("pointer", "")),
        code=str(error.get("code", "invalid")),
        message=str(error.get("message", "")),
        value=error.get("value"),
        allowed=error.get("allowed"),
        nearest=tuple(error.get("nearest") or ()),
    )
