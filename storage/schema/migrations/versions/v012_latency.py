"""Where the time goes from the venue to a durable row, stage by stage, by book and minute."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "012"
down_revision = "011"

TEXT, BIG, REAL, WHEN = sa.String, sa.BigInteger, sa.Double, sa.DateTime


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def _two(stage: str, said: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        _opt(f"{stage}_p50_us", REAL, f"{said}, µs, median"),
        _opt(f"{stage}_p99_us", REAL, f"{said}, µs, 99th percentile"),
    )


def upgrade() -> None:
    op.create_table(
        "latency",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("minute", WHEN, "start of the minute in which the diffs were received, UTC"),
        _set("diffs", BIG, "diffs counted; a minute may have several rows, each of a part of them"),
        *_two("network", "made by the venue to receipt, the offset of the clocks taken off"),
        _opt("network_error_us", REAL, "bound on the error of the clocks' offset, µs"),
        *_two("queue", "receipt to the decoder's taking it up"),
        *_two("decode", "bytes to numbers"),
        *_two("apply", "numbers to levels set, top checked and row made"),
        *_two("durable", "row made to transaction committed"),
        comment="where the time goes from the venue to a durable row, by book and minute; within 3 %",
    )
