"""Keys and browser sessions, the audit, webhooks, uploads, what jobs need of one another, and reported cache entries.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "api_keys",
    "browser_sessions",
    "audit_entries",
    "webhooks",
    "webhook_deliveries",
    "uploads",
    "cache_entries",
    "job_needs",
    "facts",
)


def upgrade() -> None:
    """Make the tables, and the columns of those that are there."""
    _make_rights()
    _make_webhooks()
    _make_files()
    _make_rest()
    _add_columns()


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("projects") as table:
        table.drop_column("max_queued")
        table.drop_column("max_devices")
    op.drop_index("ix_jobs_project_name_id", table_name="jobs")
    op.drop_index("ix_jobs_cache_key", table_name="jobs")
    op.drop_index("ix_jobs_parent_id", table_name="jobs")
    with op.batch_alter_table("jobs") as table:
        for column in ("max_pending_s", "queued_at", "cache_state", "cache_key", "created_by", "notes"):
            table.drop_column(column)
    with op.batch_alter_table("blobs") as table:
        table.drop_column("unused_since")
    with op.batch_alter_table("members") as table:
        for column in ("message", "reason", "exit_code", "finished_at", "address", "heartbeat_at"):
            table.drop_column(column)
    with op.batch_alter_table("workers") as table:
        table.drop_column("clear_requested_at")
    for name in reversed(_TABLES):
        op.drop_table(name)


def _make_rights() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=True),
        sa.Column("scopes", _DOCUMENT, nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_api_keys_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    op.create_table(
        "browser_sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_browser_sessions_key_id_api_keys")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_browser_sessions")),
    )
    op.create_index(op.f("ix_browser_sessions_expires_at"), "browser_sessions", ["expires_at"], unique=False)
    op.create_index(op.f("ix_browser_sessions_key_id"), "browser_sessions", ["key_id"], unique=False)
    op.create_table(
        "audit_entries",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entries_project_seq", "audit_entries", ["project", "seq"], unique=False)


def _make_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", _DOCUMENT, nullable=False),
        sa.Column("secret", sa.String(length=255), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("num_failures", sa.Integer(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_webhooks_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_project"), "webhooks", ["project"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("payload", _DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("num_attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _MOMENT, nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id_webhooks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook_id", "event_seq", name=op.f("uq_webhook_deliveries_webhook_id_event_seq")),
    )
    op.create_index(
        "ix_webhook_deliveries_state_next_attempt_at", "webhook_deliveries", ["state", "next_attempt_at"], unique=False
    )
    op.create_index("ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"], unique=False)


def _make_files() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_uploads_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index("ix_uploads_project_id", "uploads", ["project", "id"], unique=False)
    op.create_index(op.f("ix_uploads_sha256"), "uploads", ["sha256"], unique=False)
    op.create_table(
        "cache_entries",
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("facts", _DOCUMENT, nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("num_hits", sa.Integer(), nullable=False),
        sa.Column("saved_s", sa.Double(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=False),
        sa.Column("delete_requested_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("root", "key", name=op.f("pk_cache_entries")),
    )


def _make_rest() -> None:
    op.create_table(
        "job_needs",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("needed_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_needs_job_id_jobs")),
        sa.ForeignKeyConstraint(["needed_id"], ["jobs.id"], name=op.f("fk_job_needs_needed_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "needed_id", name=op.f("pk_job_needs")),
    )
    op.create_index(op.f("ix_job_needs_needed_id"), "job_needs", ["needed_id"], unique=False)
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )


def _add_columns() -> None:
    op.add_column("blobs", sa.Column("unused_since", _MOMENT, nullable=True))
    op.add_column("jobs", sa.Column("notes", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("created_by", sa.String(length=40), nullable=True))
    op.add_column("jobs", sa.Column("cache_key", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("cache_state", sa.String(length=16), nullable=True))
    op.add_column("jobs", sa.Column("queued_at", _MOMENT, nullable=True))
    op.add_column("jobs", sa.Column("max_pending_s", sa.Double(), nullable=True))
    op.add_column("members", sa.Column("heartbeat_at", _MOMENT, nullable=True))
    op.add_column("members", sa.Column("address", sa.String(length=255), nullable=True))
    op.add_column("members", sa.Column("finished_at", _MOMENT, nullable=True))
    op.add_column("members", sa.Column("exit_code", sa.Integer(), nullable=True))
    op.add_column("members", sa.Column("reason", sa.String(length=32), nullable=True))
    op.add_column("members", sa.Column("message", sa.Text(), nullable=True))
    op.add_column("workers", sa.Column("clear_requested_at", _MOMENT, nullable=True))
    op.add_column("projects", sa.Column("max_devices", sa.Integer(), nullable=True))
    op.add_column("projects", sa.Column("max_queued", sa.Integer(), nullable=True))
    op.create_index("ix_jobs_parent_id", "jobs", ["parent_id"], unique=False)
    op.create_index("ix_jobs_project_name_id", "jobs", ["project", "name", "id"], unique=False)
    op.create_index("ix_jobs_cache_key", "jobs", ["cache_key"], unique=False)
