"""Runs migrations on the connection that `server.migrate` hands over; there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from server.jobs.tables import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
