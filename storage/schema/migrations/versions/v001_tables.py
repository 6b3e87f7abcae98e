"""Every table of the first release."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None

TEXT, INT, BIG, REAL, FLAG, WHEN = sa.String, sa.Integer, sa.BigInteger, sa.Double, sa.Boolean, sa.DateTime
LIST, USD, LIMIT = sa.ARRAY(sa.Double), sa.Numeric(18, 12), sa.Numeric(18, 6)


def _key(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.create_table(
        "depth_diffs",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _set("ts_event", WHEN, "venue's clock, UTC"),
        _set("ts_recv", WHEN, "our clock at receipt, UTC"),
        _set("recv_ns", BIG, "our clock at receipt, ns since 1970 UTC"),
        _set("first_id", BIG, "U: first update id in the diff"),
        _set("last_id", BIG, "u: last update id in the diff"),
        _opt("prev_id", BIG, "pu: last_id of the diff before; futures only"),
        _set("bid_px", LIST, "changed levels, 0 deletes: bid prices, in quote units"),
        _set("bid_qty", LIST, "changed levels, 0 deletes: bid quantities, in base units or contracts"),
        _set("ask_px", LIST, "changed levels, 0 deletes: ask prices, in quote units"),
        _set("ask_qty", LIST, "changed levels, 0 deletes: ask quantities, in base units or contracts"),
        _opt("to_book_ns", BIG, "receipt to book applied, ns; NULL where not measured"),
        comment="one row per diff applied to a book",
    )
    op.create_table(
        "seeds",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _opt("ts_event", WHEN, "venue's clock, UTC; spot sends none"),
        _set("ts_recv", WHEN, "our clock at receipt, UTC; of the last diff applied when rebuilt"),
        _set("recv_ns", BIG, "our clock at receipt, ns since 1970 UTC"),
        _set("last_id", BIG, "lastUpdateId: the book is as it stood after this update"),
        _set("bid_px", LIST, "the whole book, best first: bid prices, in quote units"),
        _set("bid_qty", LIST, "the whole book, best first: bid quantities, in base units or contracts"),
        _set("ask_px", LIST, "the whole book, best first: ask prices, in quote units"),
        _set("ask_qty", LIST, "the whole book, best first: ask quantities, in base units or contracts"),
        _set("source", TEXT, "venue: REST snapshot; rebuilt: by SQL from an older seed and its diffs"),
        comment="one row per book that later diffs apply to",
    )
    op.create_table(
        "trades",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("ts_event", WHEN, "venue's clock when sent, UTC"),
        _set("ts_recv", WHEN, "our clock at receipt, UTC"),
        _set("recv_ns", BIG, "our clock at receipt, ns since 1970 UTC"),
        _set("ts_trade", WHEN, "venue's clock when traded, UTC"),
        _set("trade_id", BIG, "venue's trade id"),
        _set("px", REAL, "price, in quote units"),
        _set("qty", REAL, "quantity, in base units or contracts"),
        _set("buyer_is_maker", FLAG, "true: the aggressor sold"),
        comment="one row per trade the venue sent",
    )
    op.create_table(
        "book_tickers",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _opt("ts_event", WHEN, "venue's clock, UTC; spot sends none"),
        _set("ts_recv", WHEN, "our clock at receipt, UTC"),
        _set("recv_ns", BIG, "our clock at receipt, ns since 1970 UTC"),
        _set("update_id", BIG, "in the id space of the diffs"),
        _set("bid_px", REAL, "best bid, in quote units"),
        _set("bid_qty", REAL, "quantity at the best bid"),
        _set("ask_px", REAL, "best ask, in quote units"),
        _set("ask_qty", REAL, "quantity at the best ask"),
        comment="one row per best-price message the venue sent",
    )
    op.create_table(
        "depth_snapshots",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _opt("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _set("ts", WHEN, "our clock when sampled, UTC"),
        _set("last_id", BIG, "update id the book stood at; -1 for none"),
        _set("bid_px", LIST, "top levels, best first: bid prices, in quote units"),
        _set("bid_qty", LIST, "top levels, best first: bid quantities, in base units or contracts"),
        _set("ask_px", LIST, "top levels, best first: ask prices, in quote units"),
        _set("ask_qty", LIST, "top levels, best first: ask quantities, in base units or contracts"),
        _opt("mid", REAL, "middle of the spread, in quote units"),
        _opt("spread_bps", REAL, "spread over mid, in basis points"),
        _opt("imbalance", REAL, "(bid - ask) / (bid + ask) quantity of the levels kept, -1 to 1"),
        _opt("weighted_mid", REAL, "mid weighted by the opposite side's top size, in quote units"),
        _set("depth_bps", LIST, "half-widths of the bands around mid, in basis points"),
        _set("bid_depth", LIST, "bid quantity within each band"),
        _set("ask_depth", LIST, "ask quantity within each band"),
        _set("trusted", FLAG, "whether the book was LIVE"),
        _set("reason", TEXT, "why it was not; empty when trusted"),
        comment="our own periodic look at a book",
    )
    op.create_table(
        "book_events",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("ts", WHEN, "our clock, UTC"),
        _set("from_state", TEXT, "state before"),
        _set("to_state", TEXT, "state after"),
        _set("reason", TEXT, "gap, crossed, session_lost, ready and so on"),
        _opt("expected_id", BIG, "id that should have come"),
        _opt("got_id", BIG, "id that came"),
        comment="one row per change of a book's state and per fault",
    )
    op.create_table(
        "coverage",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _set("ts_from", WHEN, "first moment the book may be trusted, UTC"),
        _set("ts_to", WHEN, "receipt of the last stored diff, UTC"),
        _set("first_id", BIG, "first update id at which the book may be trusted"),
        _set("last_id", BIG, "update id of the last stored diff"),
        _opt("ended_by", TEXT, "reason it ended; NULL while it grows; crash when its writer died"),
        comment="one row per interval in which a book may be trusted",
    )
    op.create_table(
        "signals",
        _key("signal_id", TEXT, "made by us, unique"),
        _set("ts", WHEN, "when asked, UTC"),
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _opt("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _set("provider", TEXT, "who served the model"),
        _set("model_requested", TEXT, "as asked for"),
        _opt("model_served", TEXT, "as the provider reported"),
        _set("prompt_version", TEXT, "which prompt"),
        _set("outcome", TEXT, "ok, abstained, error, refused_untrusted, refused_budget and so on"),
        _opt("direction", TEXT, "up, down or flat"),
        _opt("confidence", REAL, "0 to 1"),
        _opt("reasoning", TEXT, "the model's words"),
        _opt("features", sa.JSON, "what it was shown"),
        _opt("last_id", BIG, "update id the book stood at"),
        _opt("mid_at_snapshot", REAL, "mid when asked, in quote units"),
        _opt("mid_at_arrival", REAL, "mid when the answer came, in quote units"),
        _opt("ttl_s", REAL, "how long it claims to hold, seconds"),
        _opt("latency_ms", REAL, "ask to answer, ms"),
        _opt("prompt_tokens", BIG, "over all attempts"),
        _opt("completion_tokens", BIG, "over all attempts"),
        _opt("cost_usd", USD, "over all attempts, USD"),
        comment="one row per decision asked for",
    )
    op.create_table(
        "llm_calls",
        _key("call_id", TEXT, "made by us, unique"),
        _opt("signal_id", TEXT, "the signal it was made for"),
        _set("ts", WHEN, "when sent, UTC"),
        _set("attempt", INT, "1 for the first"),
        _set("provider", TEXT, "who was called"),
        _set("model_requested", TEXT, "as asked for"),
        _opt("model_served", TEXT, "as the provider reported"),
        _opt("status", INT, "HTTP status; NULL when no answer came"),
        _opt("error", TEXT, "what went wrong"),
        _opt("latency_ms", REAL, "request to answer, ms"),
        _opt("prompt_tokens", BIG, "tokens sent"),
        _opt("cached_tokens", BIG, "of them billed as cached"),
        _opt("completion_tokens", BIG, "tokens received"),
        _opt("usage_source", TEXT, "reported or estimated"),
        _opt("cost_usd", USD, "USD"),
        _opt("cost_source", TEXT, "which price made the cost"),
        comment="one row per HTTP attempt",
    )
    op.create_table(
        "prices",
        _key("provider", TEXT, "who asks the price"),
        _key("model", TEXT, "for which model"),
        _key("valid_from", WHEN, "from this moment, UTC"),
        _opt("valid_to", WHEN, "until this moment, UTC; NULL while it holds"),
        _set("input", LIMIT, "USD per million prompt tokens"),
        _opt("cached", LIMIT, "USD per million cached prompt tokens"),
        _set("output", LIMIT, "USD per million completion tokens"),
        _set("source", TEXT, "where the price was read"),
        _set("checked_at", WHEN, "when it was read, UTC"),
        comment="dated list prices of models",
    )
    op.create_table(
        "budgets",
        _key("scope", TEXT, "all, or provider:… model:… symbol:…"),
        _key("window", TEXT, "hour, day or month, UTC"),
        _set("limit_usd", LIMIT, "cap on spend and holds within the window, USD"),
        _set("updated_at", WHEN, "when set, UTC"),
        comment="caps on spend",
    )
    op.create_table(
        "reservations",
        _key("reservation_id", TEXT, "made by us, unique"),
        _opt("signal_id", TEXT, "the signal it holds money for"),
        _set("scope", TEXT, "the budget it counts against"),
        _set("ts", WHEN, "when held, UTC"),
        _set("expires_at", WHEN, "when an orphaned hold no longer counts, UTC"),
        _set("held_usd", USD, "most it may cost, USD"),
        _opt("settled_usd", USD, "what it did cost, USD; NULL while held"),
        _opt("settled_at", WHEN, "when settled or released, UTC"),
        comment="money held while a call is under way",
    )
    op.create_table(
        "feed_stats",
        _set("venue", TEXT, "for example binance-spot"),
        _set("ts", WHEN, "start of the bucket, UTC"),
        _set("bucket_s", REAL, "length of the bucket, seconds"),
        _set("frames", BIG, "frames in the bucket"),
        _set("bytes", BIG, "bytes in the bucket"),
        _set("diffs", BIG, "diffs in the bucket"),
        _set("trades", BIG, "trades in the bucket"),
        _set("tickers", BIG, "tickers in the bucket"),
        _set("bad_frames", BIG, "bad frames in the bucket"),
        _set("reconnects", BIG, "reconnects in the bucket"),
        _set("resyncs", BIG, "resyncs in the bucket"),
        _set("live_symbols", INT, "books LIVE at the end of the bucket"),
        _set("symbols", INT, "books watched"),
        _opt("to_book_p50_us", REAL, "receipt to book applied, µs, median"),
        _opt("to_book_p99_us", REAL, "receipt to book applied, µs, 99th percentile"),
        _opt("to_book_max_us", REAL, "receipt to book applied, µs, worst"),
        _opt("to_durable_p50_us", REAL, "receipt to committed row, µs, median"),
        _opt("to_durable_p99_us", REAL, "receipt to committed row, µs, 99th percentile"),
        _set("queue_batches", INT, "batches waiting for the writer"),
        _set("queue_limit", INT, "batches that may wait"),
        _opt("clock_offset_us", REAL, "venue's clock minus ours, µs"),
        _opt("clock_error_us", REAL, "bound on the error of clock_offset_us, µs"),
        comment="what the feed did, by bucket",
    )
    op.create_table(
        "ingest_batches",
        _set("writer_id", TEXT, "one life of one writer"),
        _set("seq", BIG, "1, 2, 3 … without holes"),
        _set("ts", WHEN, "when its transaction began, UTC"),
        _opt("oldest_recv_ns", BIG, "receipt of its oldest message, ns since 1970 UTC"),
        _set("diffs", BIG, "diffs stored"),
        _set("levels", BIG, "levels stored"),
        _set("trades", BIG, "trades stored"),
        _set("tickers", BIG, "tickers stored"),
        _set("seeds", BIG, "seeds stored"),
        _set("events", BIG, "events stored"),
        _set("samples", BIG, "samples stored"),
        _set("stats", BIG, "stats stored"),
        comment="one row per batch, in the transaction that stored it",
    )
