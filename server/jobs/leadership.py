"""A named right that one process holds at a time, by the database's clock."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, insert_into, now
from server.jobs.tables import Lease


def hold(session: Session, name: str, owner: str, ttl_s: float) -> bool:
    """Take or keep the right `name` for `ttl_s` seconds; False while another process holds it."""
    moment = now(session)
    expiry = moment + timedelta(seconds=ttl_s)
    insert = insert_into(session, Lease).values(name=name, owner=owner, token=0, expires_at=moment)
    session.execute(insert.on_conflict_do_nothing())
    free = (Lease.name == name, or_(Lease.owner == owner, Lease.expires_at <= moment))
    values = {"owner": owner, "expires_at": expiry, "token": Lease.token + 1}
    return bool(change_rows(session, update(Lease).where(*free).values(values)))


def let_go(session: Session, name: str, owner: str) -> None:
    """Give the right back, so that another process need not wait for its end."""
    held = (Lease.name == name, Lease.owner == owner)
    change_rows(session, update(Lease).where(*held).values(expires_at=now(session)))
