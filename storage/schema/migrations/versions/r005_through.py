"""Until when the store holds what the stream had taken in, batch by batch."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r005"
down_revision = "r004"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
