"""Alembic runs inside the connection (and transaction) that `migrate` hands it; there is no offline mode."""

from alembic import context

from gateway.adapters.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="ledger_version",
    render_as_batch=True,
)
context.run_migrations()
