"""Depth snapshots know how far from the mid they are certified, and why a figure beyond that is NULL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "009"
down_revision = "008"

COLUMNS = (
    ("certified_bid_bps", sa.Double, "how far below mid every bid is known; 10,000: all there are"),
    ("certified_ask_bps", sa.Double, "how far above mid every ask is known; 10,000: all there are"),
    ("uncertified", sa.String, "why depths or imbalance are NULL: they reach beyond that"),
)


def upgrade() -> None:
    for name, kind, comment in COLUMNS:
        op.add_column("depth_snapshots", sa.Column(name, kind, nullable=True))
        op.execute(f"COMMENT ON COLUMN depth_snapshots.{name} IS '{comment}'")
