"""Runs the revisions on the connection that `database.migrate` opened and locked."""

from __future__ import annotations

from alembic import context

from argus_pipeline.database.models import SCHEMA, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
