"""Sessions on SQLite or PostgreSQL: short transactions, the database's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Delete,
    Engine,
    Select,
    Update,
    create_engine,
    event,
    exc,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from server.settings import Settings

Row = TypeVar("Row")
_BUSY_TIMEOUT_MS = 10_000
_TRUSTED_S = 1.0
_LAST = "stillhouse_last"

OUTAGES = (OperationalError, InterfaceError)
"""What is raised while the database does not answer, or broke a deadlock: the same may succeed a moment later."""


class Database:
    """One engine and the two ways to use it: read, or write in a transaction that takes the lock first."""

    def __init__(self, settings: Settings) -> None:
        address = settings.database_address
        self.is_sqlite = address.startswith("sqlite")
        if self.is_sqlite:
            settings.home_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.engine = _sqlite_engine(address) if self.is_sqlite else _postgresql_engine(address, settings.lease_ttl_s)
        # PostgreSQL gives each statement its own snapshot, in a transaction or not: reads do without the two messages.
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that only reads."""
        with Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session that commits at the end; SQLite's write lock is taken at its start."""
        engine = self.engine.execution_options(stillhouse_write=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session
            for action in session.info.pop(_LAST, ()):
                action()

    def dispose(self) -> None:
        """Close every connection, as after a fork."""
        self.engine.dispose()


def now(session: Session) -> datetime:
    """Return the database's time: the clock that all leases run on."""
    return _read_clock(session.scalars(select(_clock(session))).one())


def find_dated(session: Session, query: Select[Row]) -> tuple[Row, datetime] | None:
    """Return the one row that a query finds, if any, and the database's time, in one statement."""
    found = session.execute(query.add_columns(_clock(session))).one_or_none()
    return None if found is None else (found[0], _read_clock(found[1]))


def lock(session: Session, name: str) -> None:
    """Wait for a right that lasts until the transaction ends; SQLite's writers are alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"stillhouse.{name}"})


def do_last(session: Session, action: Callable[[], object]) -> None:
    """Do something just before the commit of a session that writes: it takes a lock that others wait for."""
    session.info.setdefault(_LAST, []).append(action)


def change_rows(session: Session, statement: Update | Delete) -> int:
    """Run a plain UPDATE or DELETE and return how many rows it changed; objects read before are not refreshed."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount


def insert_into(session: Session, table: type[DeclarativeBase]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of the session's dialect, which knows ON CONFLICT."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)


def _clock(session: Session) -> ColumnElement[Any]:
    if session.get_bind().dialect.name == "sqlite":
        return func.julianday("now")
    return literal_column("clock_timestamp()", DateTime(timezone=True))


def _read_clock(value: float | datetime) -> datetime:
    """Return what the clock said: SQLite's counts days."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromtimestamp((value - 2440587.5) * 86400, UTC)


def _postgresql_engine(address: str, lease_ttl_s: float) -> Engine:
    # A peer that is gone without a word is noticed by the kernel, not waited for; one that is frozen in the middle of
    # a transaction loses it, and its locks, when its lease is over.
    patience = {
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "tcp_user_timeout": 20_000,
        "options": f"-c idle_in_transaction_session_timeout={round(lease_ttl_s * 1000)}",
    }
    engine = create_engine(address, pool_size=10, max_overflow=20, connect_args=patience)
    _ping_after_rest(engine)
    return engine


def _ping_after_rest(engine: Engine) -> None:
    """Ask a connection whether it still lives before it is used again, unless it was in use a moment ago."""

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["returned_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ping(connection: Any, record: Any, _proxy: Any) -> None:
        returned_at = record.info.get("returned_at")
        if returned_at is None or time.monotonic() - returned_at < _TRUSTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            if engine.dialect.is_disconnect(error, connection, None):
                raise exc.InvalidatePoolError from error  # all others of the pool are as old
            raise


def _sqlite_engine(address: str) -> Engine:
    engine = create_engine(address, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: see _begin
        for pragma in (
            "journal_mode=WAL",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
            "synchronous=FULL",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get("stillhouse_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine
