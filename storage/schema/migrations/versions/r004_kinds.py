"""What each trade was, and the transaction times of diffs, seeds and book tickers."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.baseline import tables

revision = "r004"
down_revision = "r003"


def upgrade() -> None:
    for statements in tables(revision).values():
        for statement in statements:
            op.execute(statement)
    # Of trades stored before, only the price tells; a table that was altered takes no UPDATE until commit.
    op.execute(
        "ALTER TABLE trades ALTER kind TYPE VARCHAR USING CASE WHEN px = 0 THEN 'other' ELSE 'market' END"
    )
    op.execute("ALTER TABLE trades ALTER market_qty TYPE DOUBLE USING CASE WHEN px = 0 THEN 0 ELSE qty END")
