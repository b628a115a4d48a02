"""Sessions on SQLite or PostgreSQL: short transactions, the database's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    DateTime,
    Delete,
    Engine,
    Update,
    create_engine,
    event,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from server.settings import Settings

_BUSY_TIMEOUT_MS = 10_000

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

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that only reads."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session that commits at the end; SQLite's write lock is taken at its start."""
        engine = self.engine.execution_options(stillhouse_write=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close every connection, as after a fork."""
        self.engine.dispose()


def now(session: Session) -> datetime:
    """Return the database's time: the clock that all leases run on."""
    if session.get_bind().dialect.name == "sqlite":
        days = session.scalar(select(func.julianday("now")))
        return datetime.fromtimestamp((float(days or 0.0) - 2440587.5) * 86400, UTC)
    moment = session.scalars(select(literal_column("clock_timestamp()", DateTime(timezone=True)))).one()
    return moment.astimezone(UTC)


def lock(session: Session, name: str) -> None:
    """Wait for a right that lasts until the transaction ends; SQLite's writers are alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"stillhouse.{name}"})


def change_rows(session: Session, statement: Update | Delete) -> int:
    """Run a plain UPDATE or DELETE and return how many rows it changed; objects read before are not refreshed."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount


def insert_into(session: Session, table: type[DeclarativeBase]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of the session's dialect, which knows ON CONFLICT."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)


def _postgresql_engine(address: str, lease_ttl_s: float) -> Engine:
    # A peer that is gone without a word is noticed by the kernel, not waited for; one that is frozen in the middle of
    # a transaction loses it, and its locks, when its lease is over.
    patience = {
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "tcp_user_timeout": 20_000,
        "options": f"-c idle_in_transaction_session_timeout={round(lease_ttl_s * 1000)}",
    }
    return create_engine(address, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=patience)


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
