"""People: their keys, browsers and writes, the webhooks that tell them, and facts of the installation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.jobs.tables.base import Sequence, Table


class ApiKey(Table):
    """A right to use the API; what its owner sends is never stored, only its sha256."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    prefix: Mapped[str] = mapped_column(String(16))  # its first characters, to tell keys apart
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    project: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))  # the one it may see; null for all
    scopes: Mapped[list[Any]]
    created_by: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # at most once a minute
    revoked_at: Mapped[datetime | None]


class BrowserSession(Table):
    """A browser that showed a key once, and carries a cookie since."""

    __tablename__ = "browser_sessions"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the cookie
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Table):
    """A write that a person made, committed with what it changed."""

    __tablename__ = "audit_entries"
    seq: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    project: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))  # the key's id
    action: Mapped[str] = mapped_column(String(64))  # name of the operation: submit, cancel, …
    target: Mapped[str | None] = mapped_column(String(255))  # id of what it was done to
    request_id: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(64))  # of the peer
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_audit_entries_project_seq", "project", "seq"), {"sqlite_autoincrement": True})


class SavedView(Table):
    """A way of looking at the list of jobs, kept by the owner of a key."""

    __tablename__ = "saved_views"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    name: Mapped[str]
    query: Mapped[str] = mapped_column(Text)  # of the dashboard's address
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("key_id", "name"),)


class Webhook(Table):
    """An address that is told of a project's events."""

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    types: Mapped[list[Any]]  # of events: job.succeeded, …
    secret: Mapped[str]  # signs; has to be known to sign
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    cursor: Mapped[int] = mapped_column(BigInteger)  # number of the last event that it was asked about
    num_failures: Mapped[int]  # deliveries given up in a row
    disabled_reason: Mapped[str | None] = mapped_column(Text)  # why the service switched it off
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class WebhookDelivery(Table):
    """One message to a webhook, and how it went."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    event_seq: Mapped[int | None] = mapped_column(BigInteger)  # null for a test
    type: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))  # pending, delivered, failed
    num_attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    status_code: Mapped[int | None]  # of the last answer
    error: Mapped[str | None] = mapped_column(Text)  # why there was none, or not a good one
    duration_ms: Mapped[float | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("webhook_id", "event_seq"),
        Index("ix_webhook_deliveries_state_next_attempt_at", "state", "next_attempt_at"),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    )


class Fact(Table):
    """What is true of the whole installation: its id, for one."""

    __tablename__ = "facts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
