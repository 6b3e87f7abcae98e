"""Addresses of the venue that refused us, and bans."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r006"
down_revision = "r005"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
