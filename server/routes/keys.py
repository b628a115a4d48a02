"""API keys: made, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from server.access import CallerOf
from server.jobs.database import now
from server.jobs.tables import ApiKey
from server.keys import mint_key, revoke_key
from server.problems import NotFoundError
from server.routes.body import ProjectName, body_of, describe_json
from server.routes.query import KnownQuery, Limit
from server.scopes import Scope
from server.service import ReadSession
from server.views import KeyView, MintedKeyView, Page, cut_page
from server.writing import WriteSession, name_target

router = APIRouter(prefix="/v1/api-keys", tags=["keys"], dependencies=[Depends(KnownQuery())])


class KeyBody(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=255, description="What people call it.")
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="What it may do.")
    project: ProjectName | None = Field(default=None, description="The one project that it may see; all if left out.")
    expires_in_s: int | None = Field(default=None, ge=60, le=10**9, description="Seconds until it ends by itself.")


@router.get("", summary="List keys")
def list_keys(
    session: ReadSession,
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last key of the page before.")] = None,
) -> Page[KeyView]:
    """Return a page of keys, the newest first, revoked ones as well; nobody can read what their owners send."""
    query = select(ApiKey).order_by(ApiKey.id.desc()).limit(limit + 1)
    found = session.scalars(query if after is None else query.where(ApiKey.id < after))
    return cut_page([KeyView.model_validate(key) for key in found], limit)


@router.post("", status_code=201, summary="Make a key", openapi_extra=describe_json(KeyBody))
def make_key(
    request: Request, session: WriteSession, caller: CallerOf, body: Annotated[KeyBody, Depends(body_of(KeyBody))]
) -> MintedKeyView:
    """Make a key. The reply alone holds the `secret` that its owner sends."""
    expires_at = None if body.expires_in_s is None else now(session) + timedelta(seconds=body.expires_in_s)
    minted = mint_key(
        session, body.name, set(body.scopes), project=body.project, expires_at=expires_at, created_by=caller.key_id
    )
    name_target(request, minted.key.id)
    return MintedKeyView(**KeyView.model_validate(minted.key).model_dump(), secret=minted.secret)


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses={404: {}})
def revoke(session: WriteSession, key_id: str) -> None:
    """End a key for good, and every browser's session that it opened; revoking again changes nothing."""
    if session.get(ApiKey, key_id) is None:
        raise NotFoundError(f"there is no key {key_id!r}")
    revoke_key(session, key_id)
