"""Books are held against partial depth too, where a setting says so."""

from __future__ import annotations

from alembic import op

revision = "014"
down_revision = "013"

_COMMENTS = {
    "attestations.audited": "levels held against REST snapshots and partial depth",
    "mismatches.kind": "equal_id, bracketed (book ticker), audit (REST snapshot), depth20 (partial depth)",
}


def upgrade() -> None:
    for column, comment in _COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
