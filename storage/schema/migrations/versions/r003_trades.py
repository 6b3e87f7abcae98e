"""Runs of trades of which none is missing, and trades that came again; runs of stored trades are found."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables
from leadline.storage.schema.trade_runs import find_runs

revision = "r003"
down_revision = "r002"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
    con = op.get_bind().connection.driver_connection
    assert con is not None
    find_runs(con)
