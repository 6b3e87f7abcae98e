"""What each of two connections that carry the same streams did, by bucket."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "010"
down_revision = "009"

TEXT, BIG, REAL, WHEN = sa.String, sa.BigInteger, sa.Double, sa.DateTime


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.create_table(
        "leg_stats",
        _set("venue", TEXT, "for example binance-spot"),
        _set("ts", WHEN, "as in feed_stats: of the same bucket, UTC"),
        _set("bucket_s", REAL, "length of the bucket, seconds"),
        _set("line", TEXT, "which set of streams"),
        _set("leg", TEXT, "A or B: a leg keeps its name over its connections"),
        _set(
            "in_use", sa.Boolean, "whether it was in use at the end of the bucket; the other stood beside"
        ),
        _set("frames", BIG, "frames it brought while both were there"),
        _set("firsts", BIG, "of these, brought before the other leg brought them"),
        _set("holes", BIG, "breaks in update ids of its diffs, also from one connection to the next"),
        _set("lost_ids", BIG, "update ids in them: the other leg had to have them"),
        _set("ends", BIG, "connections of it that ended, as planned or not"),
        _opt("lead_p50_ms", REAL, "by how much it was ahead where it was first, ms, median"),
        _opt("lead_p99_ms", REAL, "by how much it was ahead where it was first, ms, 99th percentile"),
        comment="what each of two connections with the same streams did, by bucket, while there were two",
    )
