"""The browser's session: a key is shown once, a cookie stands for it afterwards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from server.access import find_caller_key, refuse
from server.jobs.tables import ApiKey
from server.keys import find_key
from server.routes.body import body_of, describe_json
from server.routes.query import KnownQuery
from server.scopes import Scope
from server.service import ServiceOf
from server.sessions import LIFE_S, close_session, csrf_token, open_session
from server.views import SessionView

router = APIRouter(prefix="/v1/session", tags=["keys"], dependencies=[Depends(KnownQuery())])


class SessionBody(BaseModel):
    """A key that opens a session."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1, max_length=128, description="What the key's owner sends: `sh_…`.")


SentKey = Annotated[SessionBody, Depends(body_of(SessionBody))]


@router.post(
    "",
    status_code=201,
    summary="Open a session",
    responses={401: {}},
    openapi_extra=describe_json(SessionBody),
)
def open_browser_session(request: Request, service: ServiceOf, response: Response, body: SentKey) -> SessionView:
    """Exchange a key for a cookie that no script can read; writes then need the reply's `csrf_token`."""
    with service.database.write() as session:
        found = find_key(session, body.key)
        if found is not None:
            key, _ = found
            cookie = open_session(session, key.id)
            view = view_session(key, cookie)
    if found is None:
        raise refuse(request, service)
    response.set_cookie(
        service.cookie_name,
        cookie,
        max_age=LIFE_S,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return view


@router.get("", summary="Look at the session", responses={401: {}})
def read_session(request: Request, service: ServiceOf) -> SessionView:
    """Return whose key or cookie this is, if anybody's, and the token that a page's writes need."""
    key = find_caller_key(request, service)
    if key is None and "authorization" in request.headers:
        raise refuse(request, service)
    return SessionView() if key is None else view_session(key, request.cookies.get(service.cookie_name))


@router.delete("", status_code=204, summary="End the session")
def end_session(request: Request, service: ServiceOf, response: Response) -> None:
    """Forget the cookie here and in the browser; ending it again changes nothing."""
    if cookie := request.cookies.get(service.cookie_name):
        with service.database.write() as session:
            close_session(session, cookie)
    response.delete_cookie(service.cookie_name, path="/", httponly=True, samesite="strict")


def view_session(key: ApiKey, cookie: str | None) -> SessionView:
    """Show whose session it is."""
    return SessionView(
        key_id=key.id,
        name=key.name,
        project=key.project,
        scopes=[Scope(scope) for scope in key.scopes],
        csrf_token=None if cookie is None else csrf_token(cookie),
    )
