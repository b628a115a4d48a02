"""What every request passes first: its id and log line, the host and origin it claims, its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distill_core.spec import MAX_BYTES
from server.answers import respond, to_problem
from server.problems import (
    ContentTooLargeError,
    ForeignOriginError,
    MalformedRequestError,
    ProblemError,
    QueryInvalidError,
)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HEADERS_OF_TRUSTED = _HEADERS | {"cross-origin-opener-policy": "same-origin"}
"""For addresses that a browser trusts; on others it ignores the last one, and complains of it on every page."""
_log = structlog.get_logger()


class RequestLog:
    """Names each request, logs and counts how it was answered, and turns a crash into a problem."""

    def __init__(self, app: ASGIApp, note: Callable[[str, str, int, float], None]) -> None:
        self._app = app
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, _HEADERS_OF_TRUSTED if _is_trusted(scope) else _HEADERS)
        start = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                _log.exception("the request failed", method=scope["method"], path=scope["path"])
                if answer.status is not None:
                    raise  # it is too late for a problem: the connection is cut
                await respond(scope, to_problem(error))(scope, receive, answer)
            duration_s = (answer.ended_at or time.perf_counter()) - start
            self._note(scope["method"], _route_of(scope), answer.status or 0, duration_s)
            if scope["path"] not in _QUIET_PATHS:
                duration_ms = round(duration_s * 1000, 1)
                facts = {"method": scope["method"], "path": scope["path"], "status": answer.status}
                _log.info("request", **facts, duration_ms=duration_ms)


class Guard:
    """Refuses what no route should see: foreign hosts and origins, NUL, bodies that are too large."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str], max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._hosts = {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer with the problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            self._check_origin(scope, headers)
            _check_text(scope)
            bounded = _bound_body(headers, receive, self._max_bytes(scope))
        except ProblemError as problem:
            await respond(scope, problem)(scope, receive, send)
            return
        await self._app(scope, bounded, send)

    def _check_host(self, headers: Headers) -> None:
        host = _name_of(f"//{headers.get('host', '')}")
        if "*" not in self._hosts and host not in self._hosts:
            raise MalformedRequestError(
                f"the request was sent to the host {host!r}; allowed: {', '.join(sorted(self._hosts))} "
                "(STILLHOUSE_ALLOWED_HOSTS)"
            )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Let a page change things only if it came from the address that it writes to."""
        origin = headers.get("origin")
        if scope["method"] in _SAFE_METHODS or origin is None:
            return
        if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise ForeignOriginError(f"the origin {origin[:200]!r} is not this server's")

    def _max_bytes(self, scope: Scope) -> int:
        """Return how large the body may be: the bytes of an upload, which are never held, or a document."""
        is_upload = scope["method"] == "PATCH" and scope["path"].startswith("/v1/uploads/")
        return self._max_upload_bytes if is_upload else MAX_BYTES


class _Answer:
    """Sends an answer with the headers that all have, and remembers its status and when all of it was sent."""

    def __init__(self, send: Send, request_id: str, headers: Mapping[str, str]) -> None:
        self._send, self._headers = send, {**headers, "x-request-id": request_id}
        self.status: int | None = None
        self.ended_at: float | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended_at = time.perf_counter()


def _is_trusted(scope: Scope) -> bool:
    """Return whether a browser trusts the address that it sees, even behind a proxy: it tells no other of fetches."""
    return "sec-fetch-site" in Headers(scope=scope)


def _route_of(scope: Scope) -> str:
    """Return the template of the route that answered: paths themselves are without number."""
    return str(getattr(scope.get("route"), "path", "none"))


def _name_of(address: str) -> str:
    """Return the host of an address without its port, an IPv6 one in brackets."""
    try:
        name = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return f"[{name}]" if ":" in name else name


def _check_text(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
        raise QueryInvalidError("the address holds NUL, which nothing here can hold")


def _bound_body(headers: Headers, receive: Receive, max_bytes: int) -> Receive:
    """Return a `receive` that refuses to read more than a body may have."""
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(declared[:20], max_bytes)
    received = 0

    async def receive_bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise _too_large(f"more than {max_bytes}", max_bytes)
        return message

    return receive_bounded


def _too_large(size: str, max_bytes: int) -> ContentTooLargeError:
    return ContentTooLargeError(f"the body has {size} bytes; at most {max_bytes} are allowed")
