"""
The tables, declared once; `storage.migrations` brings a file to this shape and a test compares them.

Rules that keep crash recovery, remote catalogues and DuckLake working with DuckDB 1.5: everything in
schema ``main``, no DEFAULT expressions, no foreign keys, sequences, enums or secondary indexes, and a
primary key only where a table stays small. Times are TIMESTAMP in UTC to the µs; ``recv_ns`` keeps the
nanoseconds. Prices and quantities of books are DOUBLE (exact for the venue's decimals up to 15 digits),
money is DECIMAL, never a float.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

metadata = sa.MetaData()

DOUBLES = sa.ARRAY(sa.Double)
USD = sa.Numeric(18, 12)  # one row's cost; the price of one token has up to 12 decimals
USD_LIMIT = sa.Numeric(18, 6)


def _col(
    name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], comment: str, **rest: Any
) -> sa.Column[Any]:
    """Make a column that must be filled; ``nullable`` or ``primary_key`` by keyword."""
    rest.setdefault("nullable", False)
    return sa.Column(name, kind, comment=comment, autoincrement=False, **rest)


def _opt(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], comment: str) -> sa.Column[Any]:
    """Make a column that may be NULL."""
    return _col(name, kind, comment, nullable=True)


def _market() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        _col("venue", sa.String, "for example binance-spot"),
        _col("symbol", sa.String, "as the venue writes it, upper case"),
    )


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

signals = sa.Table(
    "signals",
    metadata,
    _col("signal_id", sa.String, "made by us, unique", primary_key=True),
    _col("ts", sa.DateTime, "when asked, UTC"),
    *_market(),
    _opt("epoch", sa.BigInteger, _EPOCH),
    _col("provider", sa.String, "who served the model"),
    _col("model_requested", sa.String, "as asked for"),
    _opt("model_served", sa.String, "as the provider reported"),
    _col("prompt_version", sa.String, "which prompt"),
    _col("outcome", sa.String, "ok, abstained, error, refused_untrusted, refused_budget and so on"),
    _opt("direction", sa.String, "up, down or flat"),
    _opt("confidence", sa.Double, "0 to 1"),
    _opt("reasoning", sa.String, "the model's words"),
    _opt("features", sa.JSON, "what it was shown"),
    _opt("last_id", sa.BigInteger, "update id the book stood at"),
    _opt("mid_at_snapshot", sa.Double, "mid when asked, in quote units"),
    _opt("mid_at_arrival", sa.Double, "mid when the answer came, in quote units"),
    _opt("ttl_s", sa.Double, "how long it claims to hold, seconds"),
    _opt("latency_ms", sa.Double, "ask to answer, ms"),
    _opt("prompt_tokens", sa.BigInteger, "over all attempts"),
    _opt("completion_tokens", sa.BigInteger, "over all attempts"),
    _opt("cost_usd", USD, "over all attempts, USD"),
    comment="one row per decision asked for",
)

llm_calls = sa.Table(
    "llm_calls",
    metadata,
    _col("call_id", sa.String, "made by us, unique", primary_key=True),
    _opt("signal_id", sa.String, "the signal it was made for"),
    _col("ts", sa.DateTime, "when sent, UTC"),
    _col("attempt", sa.Integer, "1 for the first"),
    _col("provider", sa.String, "who was called"),
    _col("model_requested", sa.String, "as asked for"),
    _opt("model_served", sa.String, "as the provider reported"),
    _opt("status", sa.Integer, "HTTP status; NULL when no answer came"),
    _opt("error", sa.String, "what went wrong"),
    _opt("latency_ms", sa.Double, "request to answer, ms"),
    _opt("prompt_tokens", sa.BigInteger, "tokens sent"),
    _opt("cached_tokens", sa.BigInteger, "of them billed as cached"),
    _opt("completion_tokens", sa.BigInteger, "tokens received"),
    _opt("usage_source", sa.String, "reported or estimated"),
    _opt("cost_usd", USD, "USD"),
    _opt("cost_source", sa.String, "which price made the cost"),
    comment="one row per HTTP attempt",
)

prices = sa.Table(
    "prices",
    metadata,
    _col("provider", sa.String, "who asks the price", primary_key=True),
    _col("model", sa.String, "for which model", primary_key=True),
    _col("valid_from", sa.DateTime, "from this moment, UTC", primary_key=True),
    _opt("valid_to", sa.DateTime, "until this moment, UTC; NULL while it holds"),
    _col("input", USD_LIMIT, "USD per million prompt tokens"),
    _opt("cached", USD_LIMIT, "USD per million cached prompt tokens"),
    _col("output", USD_LIMIT, "USD per million completion tokens"),
    _col("source", sa.String, "where the price was read"),
    _col("checked_at", sa.DateTime, "when it was read, UTC"),
    comment="dated list prices of models",
)

budgets = sa.Table(
    "budgets",
    metadata,
    _col("scope", sa.String, "all, or provider:… model:… symbol:…", primary_key=True),
    _col("window", sa.String, "hour, day or month, UTC", primary_key=True),
    _col("limit_usd", USD_LIMIT, "cap on spend and holds within the window, USD"),
    _col("updated_at", sa.DateTime, "when set, UTC"),
    comment="caps on spend",
)

reservations = sa.Table(
    "reservations",
    metadata,
    _col("reservation_id", sa.String, "made by us, unique", primary_key=True),
    _opt("signal_id", sa.String, "the signal it holds money for"),
    _col("scope", sa.String, "the budget it counts against"),
    _col("ts", sa.DateTime, "when held, UTC"),
    _col("expires_at", sa.DateTime, "when an orphaned hold no longer counts, UTC"),
    _col("held_usd", USD, "most it may cost, USD"),
    _opt("settled_usd", USD, "what it did cost, USD; NULL while held"),
    _opt("settled_at", sa.DateTime, "when settled or released, UTC"),
    comment="money held while a call is under way",
)

feed_stats = sa.Table(
    "feed_stats",
    metadata,
    _col("venue", sa.String, "for example binance-spot"),
    _col("ts", sa.DateTime, "start of the bucket, UTC"),
    _col("bucket_s", sa.Double, "length of the bucket, seconds"),
    *(
        _col(name, sa.BigInteger, f"{name.replace('_', ' ')} in the bucket")
        for name in ("frames", "bytes", "diffs", "trades", "tickers", "bad_frames", "reconnects", "resyncs")
    ),
    _col("live_symbols", sa.Integer, "books LIVE at the end of the bucket"),
    _col("symbols", sa.Integer, "books watched"),
    _opt("to_book_p50_us", sa.Double, "receipt to book applied, µs, median"),
    _opt("to_book_p99_us", sa.Double, "receipt to book applied, µs, 99th percentile"),
    _opt("to_book_max_us", sa.Double, "receipt to book applied, µs, worst"),
    _opt("to_durable_p50_us", sa.Double, "receipt to committed row, µs, median"),
    _opt("to_durable_p99_us", sa.Double, "receipt to committed row, µs, 99th percentile"),
    _col("queue_batches", sa.Integer, "batches waiting for the writer"),
    _col("queue_limit", sa.Integer, "batches that may wait"),
    _opt("clock_offset_us", sa.Double, "venue's clock minus ours, µs"),
    _opt("clock_error_us", sa.Double, "bound on the error of clock_offset_us, µs"),
    comment="what the feed did, by bucket",
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
