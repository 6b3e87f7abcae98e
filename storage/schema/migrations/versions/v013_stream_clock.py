"""A recording's clock is estimated too, from event times alone; ``trust`` shows what ``clock`` knows."""

from __future__ import annotations

from alembic import op

revision = "013"
down_revision = "012"

_COMMENTS = {
    "rtt_ms": "round trip of the question whose answer was taken, ms; 0 without one",
    "probes": "how many answers, or events, the estimate was chosen from",
    "source": "time: the venue''s time endpoint; stream: event times alone, of a recording",
}


def upgrade() -> None:
    for column, comment in _COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN clock.{column} IS '{comment}'")
