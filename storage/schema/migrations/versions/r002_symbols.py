"""What the venue lists of each symbol over time, and which symbols were added or dropped."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r002"
down_revision = "r001"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
