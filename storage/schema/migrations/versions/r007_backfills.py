"""Trades that were asked for later, and what came of asking."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r007"
down_revision = "r006"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
    op.execute("ALTER TABLE trades ALTER is_backfilled TYPE BOOLEAN USING false")
