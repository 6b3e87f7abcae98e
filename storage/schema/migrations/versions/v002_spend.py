"""The ledger of calls, prices with peaks and shutdown dates, claims, notices; holds live in the ledger."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"

TEXT, INT, BIG, REAL, FLAG, WHEN = sa.String, sa.Integer, sa.BigInteger, sa.Double, sa.Boolean, sa.DateTime
USD, LIMIT = sa.Numeric(18, 12), sa.Numeric(18, 6)

# Rows of these go to a temporary table and back: DuckDB cannot add a column that must be filled.
KEPT_CALLS = """
INSERT INTO llm_calls BY NAME
SELECT row_number() OVER (ORDER BY ts, call_id) AS seq, * EXCLUDE (cost_usd), 'answer' AS purpose,
       '' AS flow, '' AS symbol, coalesce(prompt_tokens, 0) AS prompt_tokens_max,
       coalesce(completion_tokens, 0) AS completion_tokens_max, coalesce(cost_usd, 0) AS held_usd,
       ts AS expires_at, 'settled' AS state, cost_usd
FROM kept_llm_calls
"""
KEPT_PRICES = "INSERT INTO prices BY NAME SELECT * FROM kept_prices"


def _key(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    for name in ("llm_calls", "prices"):
        op.execute(f"CREATE TEMP TABLE kept_{name} AS FROM {name}")
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP TABLE reservations")  # becomes a view; nothing has held money yet
    _calls()
    _prices()
    op.create_table(
        "claims",
        _key("key", TEXT, "symbol, book state, prompt, model and time bucket in one"),
        _set("claimer", TEXT, "who works on it, or did"),
        _set("ts", WHEN, "when claimed, UTC"),
        _set("expires_at", WHEN, "after it another may take over if there is no answer, UTC"),
        _opt("signal_id", TEXT, "the signal that answers it; NULL while there is none"),
        comment="one row per question that is asked once, however often it is tried",
    )
    op.create_table(
        "notices",
        _key("kind", TEXT, "the event's name"),
        _key("subject", TEXT, "what it is about, with its window or threshold"),
        _set("ts", WHEN, "when it was said, UTC"),
        comment="what has been said once and need not be said again",
    )
    op.execute(
        "COMMENT ON COLUMN budgets.scope IS 'all, or provider:… model:provider/name flow:… symbol:…'"
    )
    op.execute(KEPT_CALLS)
    op.execute(KEPT_PRICES)
    for name in ("llm_calls", "prices"):
        op.execute(f"DROP TABLE kept_{name}")


def _calls() -> None:
    op.create_table(
        "llm_calls",
        _key("seq", BIG, "1, 2, 3 … in the order of reservation"),
        _set("call_id", TEXT, "made by us, unique"),
        _opt("signal_id", TEXT, "the signal it was made for"),
        _set("ts", WHEN, "when about to be sent, UTC; the window of a budget it counts in"),
        _set("attempt", INT, "1 for the first of a signal"),
        _set("purpose", TEXT, "answer, or repair of one that could not be read"),
        _set("flow", TEXT, "which flow pays"),
        _set("symbol", TEXT, "which symbol it is about"),
        _set("provider", TEXT, "who was called"),
        _set("model_requested", TEXT, "as asked for"),
        _set("prompt_tokens_max", BIG, "most prompt tokens it could be billed for"),
        _set("completion_tokens_max", BIG, "most completion tokens it could be billed for"),
        _set("held_usd", USD, "most it could cost, reserved before it was sent, USD"),
        _set("expires_at", WHEN, "after it the call cannot be under way any more, UTC"),
        _set("state", TEXT, "open; settled; expired: nobody said what came of it, the hold is spent"),
        _opt("settled_at", WHEN, "when its outcome was booked, UTC"),
        _opt("was_sent", FLAG, "false: it failed before a byte left us; NULL where unknown"),
        _opt("model_served", TEXT, "as the provider reported"),
        _opt("status", INT, "HTTP status; NULL when no answer came"),
        _opt("error", TEXT, "what went wrong"),
        _opt("latency_ms", REAL, "request to answer, ms"),
        _opt("prompt_tokens", BIG, "tokens sent, cached ones included"),
        _opt("cached_tokens", BIG, "of them billed as cached"),
        _opt("completion_tokens", BIG, "tokens received, reasoning ones included"),
        _opt("reasoning_tokens", BIG, "of them spent on reasoning"),
        _opt("usage_source", TEXT, "reported or estimated; NULL where nothing is known"),
        _opt("cost_usd", USD, "by our price book, USD; NULL while open or where no price is known"),
        _opt("cost_source", TEXT, "price:…, hold, not_sent, refused or unknown_price:…"),
        _opt("provider_cost_usd", USD, "what the provider says it cost, USD"),
        comment="one row per HTTP attempt, from before it is sent: the ledger",
    )


def _prices() -> None:
    op.create_table(
        "prices",
        _key("provider", TEXT, "who asks the price"),
        _key("model", TEXT, "for which model; * for all that have no row of their own"),
        _key("valid_from", WHEN, "from this moment, UTC"),
        _opt("valid_to", WHEN, "until this moment, UTC; NULL while it holds"),
        _set("input", LIMIT, "USD per million prompt tokens"),
        _opt("cached", LIMIT, "USD per million cached prompt tokens; NULL: as input"),
        _set("output", LIMIT, "USD per million completion tokens"),
        _opt("reasoning", LIMIT, "USD per million reasoning tokens; NULL: as output"),
        _opt("peak_hours", TEXT, "such as Mon-Fri 01-04 06-10, UTC; NULL: none"),
        _opt("peak_factor", LIMIT, "all prices times this in peak hours"),
        _opt("shutdown_at", WHEN, "when the model is switched off, UTC, as announced"),
        _set("source", TEXT, "where the price was read"),
        _set("checked_at", WHEN, "when it was read, UTC"),
        _opt("book", TEXT, "fingerprint of a row from the price book; NULL: yours, and it wins"),
        comment="dated prices of models",
    )
