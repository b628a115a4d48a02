"""Ways of looking at the list of jobs that the owners of keys keep."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, lock, now
from server.jobs.errors import UnknownViewError, ViewRefusedError
from server.jobs.ids import new_id
from server.jobs.tables import SavedView

MOST_VIEWS = 200
"""Of one key; a menu of more nobody reads."""


def list_saved_views(session: Session, key_id: str) -> list[SavedView]:
    """Return the views of a key, by name."""
    query = select(SavedView).where(SavedView.key_id == key_id)
    return list(session.scalars(query.order_by(SavedView.name, SavedView.id)))


def find_saved_view(session: Session, key_id: str, view_id: str) -> SavedView:
    """Return a view of a key.

    Raises:
        UnknownViewError: the key has none of this id.
    """
    view = session.scalar(select(SavedView).where(SavedView.id == view_id, SavedView.key_id == key_id))
    if view is None:
        raise UnknownViewError(view_id)
    return view


def add_saved_view(session: Session, key_id: str, *, name: str, query: str) -> SavedView:
    """Keep a view.

    Raises:
        ViewRefusedError: the key has one of this name, or as many as it may have.
    """
    _check_name(session, key_id, name)
    count = session.scalar(select(func.count()).select_from(SavedView).where(SavedView.key_id == key_id)) or 0
    if count >= MOST_VIEWS:
        raise ViewRefusedError(f"a key keeps at most {MOST_VIEWS} views; delete one first")
    moment = now(session)
    view = SavedView(id=new_id("view"), key_id=key_id, name=name, query=query, created_at=moment, updated_at=moment)
    session.add(view)
    session.flush()
    return view


def change_saved_view(session: Session, view: SavedView, *, name: str, query: str) -> None:
    """Give a view another name or query.

    Raises:
        ViewRefusedError: its key has another one of this name.
    """
    _check_name(session, view.key_id, name, other_than=view.id)
    view.name, view.query, view.updated_at = name, query, now(session)
    session.flush()


def remove_saved_view(session: Session, view: SavedView) -> None:
    """Keep a view no longer."""
    change_rows(session, delete(SavedView).where(SavedView.id == view.id))


def _check_name(session: Session, key_id: str, name: str, other_than: str = "") -> None:
    """Refuse a name that is taken; writers of one key come one after the other."""
    lock(session, f"views.{key_id}")
    same = (SavedView.key_id == key_id, SavedView.name == name, SavedView.id != other_than)
    if session.scalar(select(SavedView.id).where(*same)) is not None:
        raise ViewRefusedError(f"there is a view {name!r} already; PUT changes it")
