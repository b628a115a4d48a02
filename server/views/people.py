"""What the API shows of keys, sessions and the audit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.scopes import Scope
from server.views.base import Moment, View


class KeyView(View):
    """A key, as people tell keys apart."""

    object: Literal["api_key"] = "api_key"
    id: str
    name: str
    prefix: str = Field(description="First characters of what its owner sends.")
    project: str | None = Field(description="The one project that it may see; null for all.")
    scopes: list[Scope]
    created_by: str | None = Field(description="Key that made it.")
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None = Field(description="To the minute.")
    revoked_at: Moment | None


class MintedKeyView(KeyView):
    """A key that was just made."""

    secret: str = Field(description="What its owner sends; it cannot be read again.")


class SessionView(View):
    """Who is signed in."""

    object: Literal["session"] = "session"
    key_id: str | None = Field(default=None, description="Null for nobody.")
    name: str | None = None
    project: str | None = None
    scopes: list[Scope] = Field(default_factory=list)
    csrf_token: str | None = Field(
        default=None, description="What a page's writes carry as X-CSRF-Token; null without a cookie."
    )


class AuditView(View):
    """A write that somebody made."""

    object: Literal["audit_entry"] = "audit_entry"
    seq: int
    actor: str = Field(description="Id of the key.")
    action: str = Field(description="Name of the operation.")
    target: str | None
    project: str | None = Field(description="Of the key.")
    request_id: str | None
    address: str | None
    created_at: Moment
