"""How often books were held against the venue's own word, and the evidence where they disagreed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "005"
down_revision = "004"

TEXT, BIG, REAL, FLAG, WHEN = sa.String, sa.BigInteger, sa.Double, sa.Boolean, sa.DateTime


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.create_table(
        "attestations",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("minute", WHEN, "start of the minute, by our clock at receipt, UTC"),
        _set("equal_id", BIG, "times the top was held against a book ticker of the same id"),
        _set("bracketed", BIG, "… and against one in force at the book's id: the next is newer"),
        _set("mismatches", BIG, "of these, how many disagreed"),
        _set("unchecked", BIG, "books for which no book ticker was at hand"),
        _set("audited", BIG, "levels held against REST snapshots"),
        _set("audit_mismatches", BIG, "of these, how many disagreed"),
        comment="how often books were held against the venue's own word; a minute may have several rows",
    )
    op.create_table(
        "mismatches",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _set("ts", WHEN, "when it was found, our clock, UTC"),
        _set("kind", TEXT, "equal_id, bracketed (book ticker) or audit (REST snapshot)"),
        _set("refuted", FLAG, "true: the book was discarded for it; false: SUSPECT until it agrees again"),
        _set("book_id", BIG, "update id the book stood at"),
        _set("witness_id", BIG, "update id of what the venue stated"),
        _opt("next_id", BIG, "update id of the ticker after it, where bracketed"),
        *(
            _opt(
                f"{whose}{side}_{what}", REAL, f"{text} {side} {what}; of an audit the level, one side NULL"
            )
            for whose, text in (("", "ours:"), ("witness_", "the venue's:"))
            for side in ("bid", "ask")
            for what in ("px", "qty")
        ),
        comment="one row per disagreement of a book with the venue's own word: the evidence",
    )
