"""Sessions of browsers: a key is shown once, a cookie that scripts cannot read stands for it afterwards."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, find_dated, insert_into, now
from server.jobs.tables import ApiKey, BrowserSession, Fact
from server.keys import digest, keep_live

LIFE_S = 30 * 24 * 3600
_INSTALLATION = "installation"


def open_session(session: Session, key_id: str) -> str:
    """Open a session for a key and return its cookie; sessions that are over are forgotten on the way."""
    moment = now(session)
    change_rows(session, delete(BrowserSession).where(BrowserSession.expires_at <= moment))
    cookie = secrets.token_urlsafe(32)
    session.add(
        BrowserSession(
            sha256=digest(cookie),
            key_id=key_id,
            created_at=moment,
            expires_at=moment + timedelta(seconds=LIFE_S),
        )
    )
    return cookie


def find_session_key(session: Session, cookie: str) -> tuple[ApiKey, datetime] | None:
    """Return the live key behind a cookie that is not over, and the time."""
    opened = session.scalar(select(BrowserSession).where(BrowserSession.sha256 == digest(cookie)))
    if opened is None:
        return None
    found = keep_live(find_dated(session, select(ApiKey).where(ApiKey.id == opened.key_id)))
    return found if found is not None and opened.expires_at > found[1] else None


def close_session(session: Session, cookie: str) -> None:
    """End a session; ending it again changes nothing."""
    change_rows(session, delete(BrowserSession).where(BrowserSession.sha256 == digest(cookie)))


def csrf_token(cookie: str) -> str:
    """Return what a page must send with every write: only who opened the session can know it."""
    return hmac.new(cookie.encode(), b"stillhouse csrf", "sha256").hexdigest()


def read_installation(session: Session) -> str:
    """Return the installation's id, drawn at the first call.

    The cookie's name holds it, since all ports of a host share their cookies.
    """
    drawn = {"name": _INSTALLATION, "value": secrets.token_hex(4)}
    session.execute(insert_into(session, Fact).values(drawn).on_conflict_do_nothing())
    return session.scalars(select(Fact.value).where(Fact.name == _INSTALLATION)).one()
