"""A sequence besides our clock, the steps of our clock, and the clocks as batches were handed over."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r008"
down_revision = "r007"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
