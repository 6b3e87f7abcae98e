"""How far the venue's clock is from ours, with the bound on the error, and what the network takes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "007"
down_revision = "006"

TEXT, BIG, REAL, WHEN = sa.String, sa.BigInteger, sa.Double, sa.DateTime


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.create_table(
        "clock",
        _set("venue", TEXT, "for example binance-spot"),
        _set("ts", WHEN, "when the venue was asked, our clock, UTC"),
        _set("offset_ms", REAL, "venue's clock minus ours, ms: add it to ours to get the venue's"),
        _set("error_ms", REAL, "bound on the error of offset_ms, ms"),
        _set("rtt_ms", REAL, "round trip of the question whose answer was taken, ms"),
        _set("probes", BIG, "how many answers the surest was chosen from"),
        _set("source", TEXT, "what was asked: time is the venue's time endpoint"),
        _opt("stream_ms", REAL, "most by which an event was ahead of its receipt, ms: a lower bound"),
        _opt("network_p50_ms", REAL, "event to receipt, offset taken off, ms, median since the row before"),
        _opt("network_p99_ms", REAL, "event to receipt, offset taken off, ms, 99th percentile"),
        comment="how far the venue's clock is from ours: one row each time it was asked",
    )
