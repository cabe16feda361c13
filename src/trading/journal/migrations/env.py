"""What alembic runs: the steps, on the connection and inside the transaction that the caller has opened."""

from alembic import context

from src.trading.journal.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
