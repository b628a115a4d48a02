"""API keys: made, found, used and revoked. What their owners send is never stored, only its sha256."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, find_dated, now
from server.jobs.ids import new_id
from server.jobs.projects import ensure_project
from server.jobs.tables import ApiKey
from server.scopes import Scope

PREFIX = "sh_"
_SHOWN = 8
_USE_NOTED_S = 60.0


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key, and the one time that what its owner sends is known."""

    key: ApiKey
    secret: str


def mint_key(
    session: Session,
    name: str,
    scopes: Collection[Scope],
    *,
    project: str | None = None,
    expires_at: datetime | None = None,
    created_by: str | None = None,
) -> MintedKey:
    """Make a key of 256 random bits; the caller commits.

    Args:
        session: a session that writes.
        name: what people call it.
        scopes: what it may do.
        project: the one project that it may see, made where it is missing; None for all.
        expires_at: when it ends by itself.
        created_by: id of the key that asks for it.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    moment = now(session)
    if project is not None:
        ensure_project(session, project)
    key = ApiKey(
        id=new_id("key"),
        prefix=secret[:_SHOWN],
        sha256=digest(secret),
        name=name,
        project=project,
        scopes=sorted(scopes),
        created_by=created_by,
        created_at=moment,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return MintedKey(key, secret)


def find_key(session: Session, secret: str) -> tuple[ApiKey, datetime] | None:
    """Return the live key that has this secret, and the time."""
    return keep_live(find_dated(session, select(ApiKey).where(ApiKey.sha256 == digest(secret))))


def keep_live(found: tuple[ApiKey, datetime] | None) -> tuple[ApiKey, datetime] | None:
    """Return the key that was found, and the time, unless it is revoked or expired."""
    if found is None:
        return None
    key, moment = found
    is_live = key.revoked_at is None and (key.expires_at is None or key.expires_at > moment)
    return found if is_live else None


def needs_note(key: ApiKey, moment: datetime) -> bool:
    """Return whether the last use on record is so old that this one should be noted."""
    return key.last_used_at is None or key.last_used_at < moment - timedelta(seconds=_USE_NOTED_S)


def note_use(session: Session, key_id: str) -> None:
    """Note that a key was used now."""
    change_rows(session, update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now(session)))


def revoke_key(session: Session, key_id: str) -> None:
    """End a key for good; revoking again changes nothing."""
    live = (ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    change_rows(session, update(ApiKey).where(*live).values(revoked_at=now(session)))


def digest(secret: str) -> str:
    """Return what is stored of a secret: of 256 random bits a plain hash gives nothing away."""
    return hashlib.sha256(secret.encode()).hexdigest()
