"""Which job's student a job exports.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("jobs", sa.Column("export_of", sa.String(length=40), nullable=True))
    op.create_index("ix_jobs_export_of", "jobs", ["export_of"], unique=False)


def downgrade() -> None:
    """Drop them; exports become jobs like others."""
    op.drop_index("ix_jobs_export_of", table_name="jobs")
    with op.batch_alter_table("jobs") as table:
        table.drop_column("export_of")
