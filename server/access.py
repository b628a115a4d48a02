"""Who calls: the key behind a request, the project that it may see, what it may do, and how often."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request
from sqlalchemy import select

from server.jobs.errors import UnknownJobError, UnknownSweepError
from server.jobs.tables import ApiKey, Artifact, Job, Sweep
from server.keys import find_key, needs_note, note_use
from server.problems import CsrfError, ForbiddenError, NotFoundError, UnauthorizedError
from server.scopes import Scope
from server.service import Service, ServiceOf
from server.sessions import csrf_token, find_session_key

DEFAULT_PROJECT = "default"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a key, as far as one request goes.

    Attributes:
        key_id: id of the key.
        project: the one project that it may see; None for all.
        scopes: what it may do.
    """

    key_id: str
    project: str | None
    scopes: frozenset[Scope]

    @property
    def home(self) -> str:
        """The project that it works in where it names none."""
        return self.project or DEFAULT_PROJECT

    def may(self, scope: Scope) -> bool:
        """Return whether it holds a right."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def identify(request: Request, service: ServiceOf) -> Caller:
    """Return who sends a request: by `Authorization: Bearer`, else by a browser's cookie.

    Raises:
        UnauthorizedError: neither is there, or it is not valid.
        CsrfError: a page writes without the session's token.
        TooManyRequestsError: the key, or the address without one, has called too often.
    """
    key = find_caller_key(request, service)
    if key is None:
        raise refuse(request, service)
    service.limits.count(key.id)
    return Caller(key.id, key.project, frozenset(map(Scope, key.scopes)))


def refuse(request: Request, service: Service) -> UnauthorizedError:
    """Count a request without a valid key, and return its refusal.

    Raises:
        TooManyRequestsError: its address has sent too many.
    """
    service.limits.count_failure(request.client.host if request.client else "")
    return UnauthorizedError(
        "the key is missing, mistyped, revoked or expired; send it as `Authorization: Bearer sh_…`, "
        "and make one with `stillhouse key create`",
        headers={"WWW-Authenticate": "Bearer"},
    )


CallerOf = Annotated[Caller, Depends(identify)]


class Access:
    """Lets a request pass to the routes of a router if its caller may: the scope, and the project of what it names.

    Args:
        read: needed by routes that only look.
        write: needed by the others.
    """

    def __init__(self, read: Scope = Scope.JOBS_READ, write: Scope = Scope.JOBS_WRITE) -> None:
        self.read, self.write = read, write

    async def __call__(self, request: Request, service: ServiceOf, caller: CallerOf) -> None:
        """Check one request."""
        scope = self.read if request.method in SAFE_METHODS else self.write
        if not caller.may(scope):
            held = ", ".join(sorted(caller.scopes)) or "none"
            raise ForbiddenError(f"this needs the scope {scope}; the key {caller.key_id} holds: {held}")
        if caller.project is not None:
            await to_thread.run_sync(_check_project, service, caller, request.path_params)


def find_caller_key(request: Request, service: Service) -> ApiKey | None:
    """Return the live key behind a request's header or cookie, and note that it was used."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(service.cookie_name)
    if kind.lower() != "bearer" and not cookie:
        return None
    with service.database.read() as session:
        if kind.lower() == "bearer":
            found = find_key(session, secret.strip())
        else:
            found = find_session_key(session, cookie or "")
    if found is None:
        return None
    key, moment = found
    if kind.lower() != "bearer":
        _check_csrf(request, cookie or "")
    if needs_note(key, moment):
        with service.database.write() as session:
            note_use(session, key.id)
    return key


def _check_csrf(request: Request, cookie: str) -> None:
    sent = request.headers.get(CSRF_HEADER, "")
    if request.method not in SAFE_METHODS and not hmac.compare_digest(sent.encode(), csrf_token(cookie).encode()):
        raise CsrfError(f"a page that writes sends the session's token as {CSRF_HEADER}; GET /v1/session tells it")


def _check_project(service: Service, caller: Caller, names: dict[str, Any]) -> None:
    """Refuse jobs, artifacts and sweeps of other projects as if they were not there."""
    with service.database.read() as session:
        if job_id := names.get("job_id"):
            owner = session.scalar(select(Job.project).where(Job.id == job_id))
            if owner is not None and owner != caller.project:
                raise UnknownJobError(job_id)
        if sweep_id := names.get("sweep_id"):
            owner = session.scalar(select(Sweep.project).where(Sweep.id == sweep_id))
            if owner is not None and owner != caller.project:
                raise UnknownSweepError(sweep_id)
        if artifact_id := names.get("artifact_id"):
            owning = select(Job.project).join(Artifact, Artifact.job_id == Job.id)
            owner = session.scalar(owning.where(Artifact.id == artifact_id))
            if owner is not None and owner != caller.project:
                raise NotFoundError(f"there is no artifact {artifact_id!r}")
