"""
The tables, declared once; `storage.schema.migrations` brings a file to this shape and a test compares them.

Rules that keep crash recovery, remote catalogues and DuckLake working with DuckDB 1.5: everything in
schema ``main``, no DEFAULT expressions, no foreign keys, sequences, enums or secondary indexes, and a
primary key only where a table stays small. Times are TIMESTAMP in UTC to the µs; ``recv_ns`` keeps the
nanoseconds. Prices and quantities of books are DOUBLE (exact for the venue's decimals up to 15 digits),
money is DECIMAL, never a float.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from leadline.storage.schema.columns import DOUBLES, USD, USD_LIMIT, metadata
from leadline.storage.schema.columns import col as _col
from leadline.storage.schema.columns import market as _market
from leadline.storage.schema.columns import opt as _opt
from leadline.storage.schema.feed_tables import clock, feed_stats, latency, leg_stats
from leadline.storage.schema.score_tables import labels, signal_pairs, signal_scores

__all__ = [
    "clock",
    "feed_stats",
    "labels",
    "latency",
    "leg_stats",
    "metadata",
    "signal_pairs",
    "signal_scores",
]


def _sides(what: str) -> tuple[sa.Column[Any], ...]:
    return (
        _col("bid_px", DOUBLES, f"{what}: bid prices, in quote units"),
        _col("bid_qty", DOUBLES, f"{what}: bid quantities, in base units or contracts"),
        _col("ask_px", DOUBLES, f"{what}: ask prices, in quote units"),
        _col("ask_qty", DOUBLES, f"{what}: ask quantities, in base units or contracts"),
    )


_EPOCH = "µs since 1970 of the seed's receipt: an unbroken run from one seed"
_RECV_NS = "our clock at receipt, ns since 1970 UTC"

depth_diffs = sa.Table(
    "depth_diffs",
    metadata,
    *_market(),
    _col("epoch", sa.BigInteger, _EPOCH),
    _col("ts_event", sa.DateTime, "venue's clock, UTC"),
    _col("ts_recv", sa.DateTime, "our clock at receipt, UTC"),
    _col("recv_ns", sa.BigInteger, _RECV_NS),
    _col("first_id", sa.BigInteger, "U: first update id in the diff"),
    _col("last_id", sa.BigInteger, "u: last update id in the diff"),
    _opt("prev_id", sa.BigInteger, "pu: last_id of the diff before; futures only"),
    *_sides("changed levels, 0 deletes"),
    _opt("to_book_ns", sa.BigInteger, "receipt to book applied, ns; NULL where not measured"),
    comment="one row per diff applied to a book",
)

seeds = sa.Table(
    "seeds",
    metadata,
    *_market(),
    _col("epoch", sa.BigInteger, _EPOCH),
    _opt("ts_event", sa.DateTime, "venue's clock, UTC; spot sends none"),
    _col("ts_recv", sa.DateTime, "our clock at receipt, UTC; of the last diff applied when rebuilt"),
    _col("recv_ns", sa.BigInteger, _RECV_NS),
    _col("last_id", sa.BigInteger, "lastUpdateId: the book is as it stood after this update"),
    *_sides("the whole book, best first"),
    _col("source", sa.String, "venue: REST snapshot; rebuilt: by SQL from an older seed and its diffs"),
    comment="one row per book that later diffs apply to",
)

trades = sa.Table(
    "trades",
    metadata,
    *_market(),
    _col("ts_event", sa.DateTime, "venue's clock when sent, UTC"),
    _col("ts_recv", sa.DateTime, "our clock at receipt, UTC"),
    _col("recv_ns", sa.BigInteger, _RECV_NS),
    _col("ts_trade", sa.DateTime, "venue's clock when traded, UTC"),
    _col("trade_id", sa.BigInteger, "venue's trade id"),
    _col("px", sa.Double, "price, in quote units"),
    _col("qty", sa.Double, "quantity, in base units or contracts"),
    _col("buyer_is_maker", sa.Boolean, "true: the aggressor sold"),
    comment="one row per trade the venue sent",
)

book_tickers = sa.Table(
    "book_tickers",
    metadata,
    *_market(),
    _opt("ts_event", sa.DateTime, "venue's clock, UTC; spot sends none"),
    _col("ts_recv", sa.DateTime, "our clock at receipt, UTC"),
    _col("recv_ns", sa.BigInteger, _RECV_NS),
    _col("update_id", sa.BigInteger, "in the id space of the diffs"),
    _col("bid_px", sa.Double, "best bid, in quote units"),
    _col("bid_qty", sa.Double, "quantity at the best bid"),
    _col("ask_px", sa.Double, "best ask, in quote units"),
    _col("ask_qty", sa.Double, "quantity at the best ask"),
    comment="one row per best-price message the venue sent",
)

depth_snapshots = sa.Table(
    "depth_snapshots",
    metadata,
    *_market(),
    _opt("epoch", sa.BigInteger, _EPOCH),
    _col("ts", sa.DateTime, "our clock when sampled, UTC"),
    _col("last_id", sa.BigInteger, "update id the book stood at; -1 for none"),
    *_sides("top levels, best first"),
    _opt("mid", sa.Double, "middle of the spread, in quote units"),
    _opt("spread_bps", sa.Double, "spread over mid, in basis points"),
    _opt("imbalance", sa.Double, "(bid - ask) / (bid + ask) quantity of the levels kept, -1 to 1"),
    _opt("weighted_mid", sa.Double, "mid weighted by the opposite side's top size, in quote units"),
    _col("depth_bps", DOUBLES, "half-widths of the bands around mid, in basis points"),
    _col("bid_depth", DOUBLES, "bid quantity within each band"),
    _col("ask_depth", DOUBLES, "ask quantity within each band"),
    _col("trusted", sa.Boolean, "whether the book was LIVE"),
    _col("reason", sa.String, "why it was not; empty when trusted"),
    _opt("certified_bid_bps", sa.Double, "how far below mid every bid is known; 10,000: all there are"),
    _opt("certified_ask_bps", sa.Double, "how far above mid every ask is known; 10,000: all there are"),
    _opt("uncertified", sa.String, "why depths or imbalance are NULL: they reach beyond that"),
    comment="our own periodic look at a book",
)

book_events = sa.Table(
    "book_events",
    metadata,
    *_market(),
    _col("ts", sa.DateTime, "our clock, UTC"),
    _col("from_state", sa.String, "state before"),
    _col("to_state", sa.String, "state after"),
    _col("reason", sa.String, "gap, crossed, session_lost, ready and so on"),
    _opt("expected_id", sa.BigInteger, "id that should have come"),
    _opt("got_id", sa.BigInteger, "id that came"),
    comment="one row per change of a book's state and per fault",
)

coverage = sa.Table(
    "coverage",
    metadata,
    *_market(),
    _col("epoch", sa.BigInteger, _EPOCH),
    _col("ts_from", sa.DateTime, "first moment the book may be trusted, UTC"),
    _col("ts_to", sa.DateTime, "receipt of the last stored diff, UTC"),
    _col("first_id", sa.BigInteger, "first update id at which the book may be trusted"),
    _col("last_id", sa.BigInteger, "update id of the last stored diff"),
    _opt("ended_by", sa.String, "reason it ended; NULL while it grows; crash when its writer died"),
    comment="one row per interval in which a book may be trusted",
)

attestations = sa.Table(
    "attestations",
    metadata,
    *_market(),
    _col("minute", sa.DateTime, "start of the minute, by our clock at receipt, UTC"),
    _col("equal_id", sa.BigInteger, "times the top was held against a book ticker of the same id"),
    _col("bracketed", sa.BigInteger, "… and against one in force at the book's id: the next is newer"),
    _col("mismatches", sa.BigInteger, "of these, how many disagreed"),
    _col("unchecked", sa.BigInteger, "books for which no book ticker was at hand"),
    _col("audited", sa.BigInteger, "levels held against REST snapshots and partial depth"),
    _col("audit_mismatches", sa.BigInteger, "of these, how many disagreed"),
    comment="how often books were held against the venue's own word; a minute may have several rows",
)

mismatches = sa.Table(
    "mismatches",
    metadata,
    *_market(),
    _col("epoch", sa.BigInteger, _EPOCH),
    _col("ts", sa.DateTime, "when it was found, our clock, UTC"),
    _col(
        "kind",
        sa.String,
        "equal_id, bracketed (book ticker), audit (REST snapshot), depth20 (partial depth)",
    ),
    _col(
        "refuted", sa.Boolean, "true: the book was discarded for it; false: SUSPECT until it agrees again"
    ),
    _col("book_id", sa.BigInteger, "update id the book stood at"),
    _col("witness_id", sa.BigInteger, "update id of what the venue stated"),
    _opt("next_id", sa.BigInteger, "update id of the ticker after it, where bracketed"),
    *(
        _opt(
            f"{whose}{side}_{what}",
            sa.Double,
            f"{text} {side} {what}; of an audit the level, one side NULL",
        )
        for whose, text in (("", "ours:"), ("witness_", "the venue's:"))
        for side in ("bid", "ask")
        for what in ("px", "qty")
    ),
    comment="one row per disagreement of a book with the venue's own word: the evidence",
)

signals = sa.Table(
    "signals",
    metadata,
    _col("signal_id", sa.String, "made by us, unique", primary_key=True),
    _col("ts", sa.DateTime, "moment of decision, UTC: nothing received later was looked at"),
    *_market(),
    _opt("epoch", sa.BigInteger, _EPOCH),
    _col("kind", sa.String, "llm, challenger (asked in shadow), baseline, or rescore of an old question"),
    _col("trigger", sa.String, "schedule, shock, manual or rescore"),
    _col("provider", sa.String, "who serves the model; baseline for rules of ours"),
    _col("model_requested", sa.String, "as asked for; of a baseline its rule"),
    _opt("model_served", sa.String, "as the provider reported"),
    _col("lineage", sa.String, "provider/model that decided: what a score may be kept of"),
    _col("is_switched", sa.Boolean, "another model than the one asked for answered"),
    _opt("prompt_version", sa.String, "which prompt"),
    _opt("prompt_hash", sa.String, "of the prompt's file and of the code that fills it"),
    _col("outcome", sa.String, "ok, abstained, invalid, error, or refused_… (untrusted, stale, budget …)"),
    _opt("reason", sa.String, "why there is no direction"),
    _opt("direction", sa.String, "bullish, bearish or neutral; NULL unless the outcome is ok"),
    _opt("confidence", sa.Double, "0 to 1; of a baseline the share of its earlier calls that came true"),
    _opt("reasoning", sa.String, "the model's words"),
    _opt("horizon_s", sa.BigInteger, "how far ahead it looks, seconds"),
    _opt("ttl_s", sa.Double, "how long after ts it may be acted on, seconds"),
    _opt("features", sa.JSON, "figures shown, by name with units; missing says why one is null"),
    _opt("features_hash", sa.String, "equal figures, equal hash"),
    _opt("last_id", sa.BigInteger, "update id the book stood at"),
    _opt("mid_at_snapshot", sa.Double, "mid at ts, in quote units"),
    _opt("mid_at_arrival", sa.Double, "mid when the answer came; NULL where the book was not LIVE then"),
    _opt("ts_arrival", sa.DateTime, "when the answer came, UTC"),
    _opt("moved_spreads", sa.Double, "move of the mid until the answer came, in spreads as of ts"),
    _opt("is_overtaken", sa.Boolean, "the mid moved too far meanwhile, or the book left LIVE"),
    _opt("latency_ms", sa.Double, "ask to answer, waits included, ms"),
    _opt("attempts", sa.Integer, "HTTP attempts"),
    _opt("prompt_tokens", sa.BigInteger, "over all attempts, cached ones included"),
    _opt("cached_tokens", sa.BigInteger, "of them billed as cached"),
    _opt("completion_tokens", sa.BigInteger, "over all attempts"),
    _opt("cost_usd", USD, "over all attempts as booked in llm_calls, else held there, USD"),
    _opt("decision_key", sa.String, "what is asked once: symbol, prompt, model, time bucket; see claims"),
    _opt("rescore_of", sa.String, "signal_id of the signal whose question this is"),
    _opt(
        "shock",
        sa.JSON,
        "what triggered it: kind, value, typical, threshold, last_id and ts_ns of the look",
    ),
    # A failure is never a neutral.
    sa.CheckConstraint("(outcome = 'ok') = (direction IS NOT NULL)"),
    sa.CheckConstraint("direction IS NULL OR direction IN ('bullish', 'bearish', 'neutral')"),
    comment="one row per decision, whatever came of it",
)

llm_texts = sa.Table(
    "llm_texts",
    metadata,
    _col("signal_id", sa.String, "the signal it belongs to"),
    _col("ts", sa.DateTime, "moment of decision, UTC"),
    _col("request_hash", sa.String, "equal model, prompt and settings, equal hash"),
    _col("messages", sa.JSON, "the conversation sent: role and content of each turn"),
    _opt("answer", sa.String, "the model's words as they came; NULL when none came"),
    _opt("capability", sa.String, "what held the answer to its form: json_schema, json_object or plain"),
    comment="what was sent to a model and what it said, while kept",
)

llm_calls = sa.Table(
    "llm_calls",
    metadata,
    # The order of reservation: two at once ask for the same number and one of them has to ask again,
    # which is what makes budgets exact (storage/spend/ledger.py).
    _col("seq", sa.BigInteger, "1, 2, 3 … in the order of reservation", primary_key=True),
    _col("call_id", sa.String, "made by us, unique"),
    _opt("signal_id", sa.String, "the signal it was made for"),
    _col("ts", sa.DateTime, "when about to be sent, UTC; the window of a budget it counts in"),
    _col("attempt", sa.Integer, "1 for the first of a signal"),
    _col("purpose", sa.String, "answer, or repair of one that could not be read"),
    _col("flow", sa.String, "which flow pays"),
    _col("symbol", sa.String, "which symbol it is about"),
    _col("provider", sa.String, "who was called"),
    _col("model_requested", sa.String, "as asked for"),
    _col("prompt_tokens_max", sa.BigInteger, "most prompt tokens it could be billed for"),
    _col("completion_tokens_max", sa.BigInteger, "most completion tokens it could be billed for"),
    _col("held_usd", USD, "most it could cost, reserved before it was sent, USD"),
    _col("expires_at", sa.DateTime, "after it the call cannot be under way any more, UTC"),
    _col("state", sa.String, "open; settled; expired: nobody said what came of it, the hold is spent"),
    _opt("settled_at", sa.DateTime, "when its outcome was booked, UTC"),
    _opt("was_sent", sa.Boolean, "false: it failed before a byte left us; NULL where unknown"),
    _opt("model_served", sa.String, "as the provider reported"),
    _opt("status", sa.Integer, "HTTP status; NULL when no answer came"),
    _opt("error", sa.String, "what went wrong"),
    _opt("latency_ms", sa.Double, "request to answer, ms"),
    _opt("prompt_tokens", sa.BigInteger, "tokens sent, cached ones included"),
    _opt("cached_tokens", sa.BigInteger, "of them billed as cached"),
    _opt("completion_tokens", sa.BigInteger, "tokens received, reasoning ones included"),
    _opt("reasoning_tokens", sa.BigInteger, "of them spent on reasoning"),
    _opt("usage_source", sa.String, "reported or estimated; NULL where nothing is known"),
    _opt("cost_usd", USD, "by our price book, USD; NULL while open or where no price is known"),
    _opt("cost_source", sa.String, "price:…, hold, not_sent, refused or unknown_price:…"),
    _opt("provider_cost_usd", USD, "what the provider says it cost, USD"),
    comment="one row per HTTP attempt, from before it is sent: the ledger",
)

prices = sa.Table(
    "prices",
    metadata,
    _col("provider", sa.String, "who asks the price", primary_key=True),
    _col("model", sa.String, "for which model; * for all that have no row of their own", primary_key=True),
    _col("valid_from", sa.DateTime, "from this moment, UTC", primary_key=True),
    _opt("valid_to", sa.DateTime, "until this moment, UTC; NULL while it holds"),
    _col("input", USD_LIMIT, "USD per million prompt tokens"),
    _opt("cached", USD_LIMIT, "USD per million cached prompt tokens; NULL: as input"),
    _col("output", USD_LIMIT, "USD per million completion tokens"),
    _opt("reasoning", USD_LIMIT, "USD per million reasoning tokens; NULL: as output"),
    _opt("peak_hours", sa.String, "such as Mon-Fri 01-04 06-10, UTC; NULL: none"),
    _opt("peak_factor", USD_LIMIT, "all prices times this in peak hours"),
    _opt("shutdown_at", sa.DateTime, "when the model is switched off, UTC, as announced"),
    _col("source", sa.String, "where the price was read"),
    _col("checked_at", sa.DateTime, "when it was read, UTC"),
    _opt("book", sa.String, "fingerprint of a row from the price book; NULL: yours, and it wins"),
    comment="dated prices of models",
)

budgets = sa.Table(
    "budgets",
    metadata,
    _col("scope", sa.String, "all, or provider:… model:provider/name flow:… symbol:…", primary_key=True),
    _col("window", sa.String, "hour, day or month, UTC", primary_key=True),
    _col("limit_usd", USD_LIMIT, "cap on spend and holds within the window, USD"),
    _col("updated_at", sa.DateTime, "when set, UTC"),
    comment="caps on spend",
)

claims = sa.Table(
    "claims",
    metadata,
    _col("key", sa.String, "symbol, book state, prompt, model and time bucket in one", primary_key=True),
    _col("claimer", sa.String, "who works on it, or did"),
    _col("ts", sa.DateTime, "when claimed, UTC"),
    _col("expires_at", sa.DateTime, "after it another may take over if there is no answer, UTC"),
    _opt("signal_id", sa.String, "the signal that answers it; NULL while there is none"),
    comment="one row per question that is asked once, however often it is tried",
)

notices = sa.Table(
    "notices",
    metadata,
    _col("kind", sa.String, "the event's name", primary_key=True),
    _col("subject", sa.String, "what it is about, with its window or threshold", primary_key=True),
    _col("ts", sa.DateTime, "when it was said, UTC"),
    comment="what has been said once and need not be said again",
)

ingest_batches = sa.Table(
    "ingest_batches",
    metadata,
    _col("writer_id", sa.String, "one life of one writer"),
    _col("seq", sa.BigInteger, "1, 2, 3 … without holes"),
    _col("ts", sa.DateTime, "when its transaction began, UTC"),
    _opt("oldest_recv_ns", sa.BigInteger, "receipt of its oldest message, ns since 1970 UTC"),
    *(
        _col(name, sa.BigInteger, f"{name} stored")
        for name in ("diffs", "levels", "trades", "tickers", "seeds", "events", "samples", "stats")
    ),
    comment="one row per batch, in the transaction that stored it",
)
