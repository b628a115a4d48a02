"""HTTP with patience: calls that may be repeated are, while the server restarts or is busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential, wait_random

from stillhouse.client.errors import RefusedError, ServerUnreachableError, build_refusal

FIRST_CONTACT_S = 0.5
"""How long a server that has never answered is tried: long enough for a hiccup, short enough for a person."""

MAX_TRIES = 5
TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
UNBEGUN_STATUSES = frozenset({429, 503})
"""What a server answers before it has begun."""

TIMEOUT = httpx.Timeout(30.0, connect=5.0)

Params = Mapping[str, Any]


class Transport:
    """One server, reached over HTTP.

    Args:
        url: address of the server.
        key: what the owner of an API key sends; None sends nothing.
        patience_s: seconds for which a server that has answered before is tried again when it is gone.
    """

    def __init__(self, url: str, key: str | None, patience_s: float) -> None:
        self.url = url
        self._patience_s = patience_s
        self._has_answered = False
        headers = {"user-agent": "stillhouse-client"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        """Return the JSON answer to a GET."""
        return self.send("GET", path, params=params).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
        once: bool = False,
    ) -> httpx.Response:
        """Send a request and return the whole answer; it is repeated while that may help.

        Args:
            method: of HTTP.
            path: below the server's address.
            params: of the query; None is left out.
            json: body as plain data.
            content: body as it is.
            headers: further ones.
            read_timeout_s: seconds of silence that are borne.
            once: the server would do it twice: repeat only what it surely did not begin.

        Raises:
            ServerUnreachableError: nothing answers, for longer than the patience lasts.
            RefusedError: the server answered with a problem.
        """
        timeout = TIMEOUT if read_timeout_s is None else httpx.Timeout(read_timeout_s, connect=5.0)
        request = self._http.build_request(
            method, path, params=_drop_none(params), json=json, content=content, headers=headers, timeout=timeout
        )
        return self._repeat(request, stream=False, is_transient=_is_unbegun if once else _is_transient)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float,
    ) -> Iterator[httpx.Response]:
        """Open a GET whose body is read piece by piece; the body's own failures are httpx.TransportError."""
        timeout = httpx.Timeout(read_timeout_s, connect=5.0)
        request = self._http.build_request("GET", path, params=_drop_none(params), headers=headers, timeout=timeout)
        response = self._repeat(request, stream=True, is_transient=_is_transient)
        try:
            yield response
        finally:
            response.close()

    def _repeat(
        self, request: httpx.Request, *, stream: bool, is_transient: Callable[[BaseException], bool]
    ) -> httpx.Response:
        retrying = Retrying(
            retry=retry_if_exception(is_transient), wait=_choose_wait, stop=self._is_hopeless, reraise=True
        )
        return retrying(self._send_once, request, stream=stream)

    def _send_once(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        try:
            response = self._http.send(request, stream=stream)
        except httpx.TransportError as error:
            raise ServerUnreachableError(self.url, str(error) or type(error).__name__) from error
        self._has_answered = True
        if response.is_success:
            return response
        response.read()
        response.close()
        raise build_refusal(response.status_code, _read_problem_document(response), _read_retry_after(response))

    def _is_hopeless(self, state: RetryCallState) -> bool:
        if state.outcome is not None and isinstance(state.outcome.exception(), ServerUnreachableError):
            return (state.seconds_since_start or 0.0) > (self._patience_s if self._has_answered else FIRST_CONTACT_S)
        return state.attempt_number >= MAX_TRIES


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, ServerUnreachableError) or (
        isinstance(error, RefusedError) and error.status in TRANSIENT_STATUSES
    )


def _is_unbegun(error: BaseException) -> bool:
    if isinstance(error, ServerUnreachableError):
        return isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
    return isinstance(error, RefusedError) and error.status in UNBEGUN_STATUSES


_back_off = wait_exponential(multiplier=0.2, max=5.0) + wait_random(0, 0.2)


def _choose_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, RefusedError) else None
    return asked if asked is not None else _back_off(state)


def _read_problem_document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    return {"status": response.status_code, "title": response.reason_phrase, "detail": response.text[:500]}


def _read_retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), 60.0) if text.isdigit() else None


def _drop_none(params: Params | None) -> dict[str, Any]:
    return {key: value for key, value in (params or {}).items() if value is not None}
