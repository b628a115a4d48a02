"""Which job's student a job exports, and which uploads a job reads.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and its index, and the table."""
    op.add_column("jobs", sa.Column("export_of", sa.String(length=40), nullable=True))
    op.create_index("ix_jobs_export_of", "jobs", ["export_of"], unique=False)
    op.create_table(
        "job_uploads",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("upload_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_uploads_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "upload_id", name=op.f("pk_job_uploads")),
    )
    op.create_index(op.f("ix_job_uploads_upload_id"), "job_uploads", ["upload_id"], unique=False)


def downgrade() -> None:
    """Drop them; exports become jobs like others."""
    op.drop_table("job_uploads")
    op.drop_index("ix_jobs_export_of", table_name="jobs")
    with op.batch_alter_table("jobs") as table:
        table.drop_column("export_of")
