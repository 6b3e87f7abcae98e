"""Alembic's entry: runs on the connection `storage.schema.migrate` gives it, a transaction a revision."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
