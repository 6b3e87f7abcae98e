"""Every table of the first release; ``migrations/r001/*.sql`` declare them."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r001"
down_revision = None


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
