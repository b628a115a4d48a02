"""What jobs share with their controls and peers, and saved views.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns, which old jobs leave empty, and the table."""
    op.add_column("jobs", sa.Column("control_key", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("peer_key", sa.String(length=64), nullable=True))
    op.create_index("ix_jobs_project_control_key_id", "jobs", ["project", "control_key", "id"], unique=False)
    op.create_table(
        "saved_views",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_saved_views_key_id_api_keys")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("key_id", "name", name=op.f("uq_saved_views_key_id_name")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("saved_views")
    op.drop_index("ix_jobs_project_control_key_id", table_name="jobs")
    with op.batch_alter_table("jobs") as table:
        table.drop_column("peer_key")
        table.drop_column("control_key")
