"""What shock a decision was triggered by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "008"
down_revision = "007"

SHOCK = "what triggered it: kind, value, typical, threshold, last_id and ts_ns of the look"


def upgrade() -> None:
    # DuckDB adds a column and its comment in two statements.
    op.add_column("signals", sa.Column("shock", sa.JSON, nullable=True))
    op.execute(f"COMMENT ON COLUMN signals.shock IS '{SHOCK}'")
