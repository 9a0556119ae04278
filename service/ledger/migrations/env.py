"""Alembic environment: runs migrations on the connection that `service.ledger.schema` passes."""

from alembic import context

from service.ledger.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
