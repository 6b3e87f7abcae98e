"""Every table of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None

DOUBLES = sa.ARRAY(sa.Double)


def upgrade() -> None:
    op.create_table(
        "depth_diffs",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column(
            "epoch",
            sa.BigInteger,
            nullable=False,
            comment="µs since 1970 of the seed's receipt: an unbroken run from one seed",
        ),
        sa.Column("ts_event", sa.DateTime, nullable=False, comment="venue's clock, UTC"),
        sa.Column("ts_recv", sa.DateTime, nullable=False, comment="our clock at receipt, UTC"),
        sa.Column(
            "recv_ns", sa.BigInteger, nullable=False, comment="our clock at receipt, ns since 1970 UTC"
        ),
        sa.Column("first_id", sa.BigInteger, nullable=False, comment="U: first update id in the diff"),
        sa.Column("last_id", sa.BigInteger, nullable=False, comment="u: last update id in the diff"),
        sa.Column(
            "prev_id", sa.BigInteger, nullable=True, comment="pu: last_id of the diff before; futures only"
        ),
        sa.Column(
            "bid_px",
            DOUBLES,
            nullable=False,
            comment="absolute quantities of changed levels, 0 deletes: bid prices, in quote units",
        ),
        sa.Column(
            "bid_qty",
            DOUBLES,
            nullable=False,
            comment="absolute quantities of changed levels, 0 deletes: bid quantities, in base units or contracts",
        ),
        sa.Column(
            "ask_px",
            DOUBLES,
            nullable=False,
            comment="absolute quantities of changed levels, 0 deletes: ask prices, in quote units",
        ),
        sa.Column(
            "ask_qty",
            DOUBLES,
            nullable=False,
            comment="absolute quantities of changed levels, 0 deletes: ask quantities, in base units or contracts",
        ),
        sa.Column(
            "to_book_ns",
            sa.BigInteger,
            nullable=True,
            comment="receipt to book applied, ns; NULL where not measured",
        ),
        comment="one row per diff applied to a book",
    )
    op.create_table(
        "seeds",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column(
            "epoch",
            sa.BigInteger,
            nullable=False,
            comment="µs since 1970 of the seed's receipt: an unbroken run from one seed",
        ),
        sa.Column("ts_event", sa.DateTime, nullable=True, comment="venue's clock, UTC; spot sends none"),
        sa.Column(
            "ts_recv",
            sa.DateTime,
            nullable=False,
            comment="our clock at receipt, UTC; of the last diff applied when rebuilt",
        ),
        sa.Column(
            "recv_ns", sa.BigInteger, nullable=False, comment="our clock at receipt, ns since 1970 UTC"
        ),
        sa.Column(
            "last_id",
            sa.BigInteger,
            nullable=False,
            comment="lastUpdateId: the book is as it stood after this update",
        ),
        sa.Column(
            "bid_px",
            DOUBLES,
            nullable=False,
            comment="the whole book, best first: bid prices, in quote units",
        ),
        sa.Column(
            "bid_qty",
            DOUBLES,
            nullable=False,
            comment="the whole book, best first: bid quantities, in base units or contracts",
        ),
        sa.Column(
            "ask_px",
            DOUBLES,
            nullable=False,
            comment="the whole book, best first: ask prices, in quote units",
        ),
        sa.Column(
            "ask_qty",
            DOUBLES,
            nullable=False,
            comment="the whole book, best first: ask quantities, in base units or contracts",
        ),
        sa.Column(
            "source",
            sa.String,
            nullable=False,
            comment="venue: REST snapshot; rebuilt: by SQL from an older seed and its diffs",
        ),
        comment="one row per book that later diffs apply to",
    )
    op.create_table(
        "trades",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column("ts_event", sa.DateTime, nullable=False, comment="venue's clock when sent, UTC"),
        sa.Column("ts_recv", sa.DateTime, nullable=False, comment="our clock at receipt, UTC"),
        sa.Column(
            "recv_ns", sa.BigInteger, nullable=False, comment="our clock at receipt, ns since 1970 UTC"
        ),
        sa.Column("ts_trade", sa.DateTime, nullable=False, comment="venue's clock when traded, UTC"),
        sa.Column("trade_id", sa.BigInteger, nullable=False, comment="venue's trade id"),
        sa.Column("px", sa.Double, nullable=False, comment="price, in quote units"),
        sa.Column("qty", sa.Double, nullable=False, comment="quantity, in base units or contracts"),
        sa.Column("buyer_is_maker", sa.Boolean, nullable=False, comment="true: the aggressor sold"),
        comment="one row per trade the venue sent",
    )
    op.create_table(
        "book_tickers",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column("ts_event", sa.DateTime, nullable=True, comment="venue's clock, UTC; spot sends none"),
        sa.Column("ts_recv", sa.DateTime, nullable=False, comment="our clock at receipt, UTC"),
        sa.Column(
            "recv_ns", sa.BigInteger, nullable=False, comment="our clock at receipt, ns since 1970 UTC"
        ),
        sa.Column("update_id", sa.BigInteger, nullable=False, comment="in the id space of the diffs"),
        sa.Column("bid_px", sa.Double, nullable=False, comment="best bid, in quote units"),
        sa.Column("bid_qty", sa.Double, nullable=False, comment="quantity at the best bid"),
        sa.Column("ask_px", sa.Double, nullable=False, comment="best ask, in quote units"),
        sa.Column("ask_qty", sa.Double, nullable=False, comment="quantity at the best ask"),
        comment="one row per best-price message the venue sent",
    )
    op.create_table(
        "depth_snapshots",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column(
            "epoch",
            sa.BigInteger,
            nullable=True,
            comment="µs since 1970 of the seed's receipt: an unbroken run from one seed",
        ),
        sa.Column("ts", sa.DateTime, nullable=False, comment="our clock when sampled, UTC"),
        sa.Column(
            "last_id", sa.BigInteger, nullable=False, comment="update id the book stood at; -1 for none"
        ),
        sa.Column(
            "bid_px", DOUBLES, nullable=False, comment="top levels, best first: bid prices, in quote units"
        ),
        sa.Column(
            "bid_qty",
            DOUBLES,
            nullable=False,
            comment="top levels, best first: bid quantities, in base units or contracts",
        ),
        sa.Column(
            "ask_px", DOUBLES, nullable=False, comment="top levels, best first: ask prices, in quote units"
        ),
        sa.Column(
            "ask_qty",
            DOUBLES,
            nullable=False,
            comment="top levels, best first: ask quantities, in base units or contracts",
        ),
        sa.Column("mid", sa.Double, nullable=True, comment="middle of the spread, in quote units"),
        sa.Column("spread_bps", sa.Double, nullable=True, comment="spread over mid, in basis points"),
        sa.Column(
            "imbalance",
            sa.Double,
            nullable=True,
            comment="(bid - ask) / (bid + ask) quantity of the levels kept, -1 to 1",
        ),
        sa.Column(
            "weighted_mid",
            sa.Double,
            nullable=True,
            comment="mid weighted by the opposite side's top size, in quote units",
        ),
        sa.Column(
            "depth_bps",
            DOUBLES,
            nullable=False,
            comment="half-widths of the bands around mid, in basis points",
        ),
        sa.Column("bid_depth", DOUBLES, nullable=False, comment="bid quantity within each band"),
        sa.Column("ask_depth", DOUBLES, nullable=False, comment="ask quantity within each band"),
        sa.Column("trusted", sa.Boolean, nullable=False, comment="whether the book was LIVE"),
        sa.Column("reason", sa.String, nullable=False, comment="why it was not; empty when trusted"),
        comment="our own periodic look at a book",
    )
    op.create_table(
        "book_events",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column("ts", sa.DateTime, nullable=False, comment="our clock, UTC"),
        sa.Column("from_state", sa.String, nullable=False, comment="state before"),
        sa.Column("to_state", sa.String, nullable=False, comment="state after"),
        sa.Column(
            "reason", sa.String, nullable=False, comment="gap, crossed, session_lost, ready and so on"
        ),
        sa.Column("expected_id", sa.BigInteger, nullable=True, comment="id that should have come"),
        sa.Column("got_id", sa.BigInteger, nullable=True, comment="id that came"),
        comment="one row per change of a book's state and per fault",
    )
    op.create_table(
        "coverage",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column(
            "epoch",
            sa.BigInteger,
            nullable=False,
            comment="µs since 1970 of the seed's receipt: an unbroken run from one seed",
        ),
        sa.Column(
            "ts_from", sa.DateTime, nullable=False, comment="first moment the book may be trusted, UTC"
        ),
        sa.Column("ts_to", sa.DateTime, nullable=False, comment="receipt of the last stored diff, UTC"),
        sa.Column(
            "first_id",
            sa.BigInteger,
            nullable=False,
            comment="first update id at which the book may be trusted",
        ),
        sa.Column("last_id", sa.BigInteger, nullable=False, comment="update id of the last stored diff"),
        sa.Column(
            "ended_by",
            sa.String,
            nullable=True,
            comment="reason it ended; NULL while it grows; crash when its writer died",
        ),
        comment="one row per interval in which a book may be trusted",
    )
    op.create_table(
        "signals",
        sa.Column(
            "signal_id", sa.String, primary_key=True, autoincrement=False, comment="made by us, unique"
        ),
        sa.Column("ts", sa.DateTime, nullable=False, comment="when asked, UTC"),
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("symbol", sa.String, nullable=False, comment="as the venue writes it, upper case"),
        sa.Column(
            "epoch",
            sa.BigInteger,
            nullable=True,
            comment="µs since 1970 of the seed's receipt: an unbroken run from one seed",
        ),
        sa.Column("provider", sa.String, nullable=False, comment="who served the model"),
        sa.Column("model_requested", sa.String, nullable=False, comment="as asked for"),
        sa.Column("model_served", sa.String, nullable=True, comment="as the provider reported"),
        sa.Column("prompt_version", sa.String, nullable=False, comment="which prompt"),
        sa.Column(
            "outcome",
            sa.String,
            nullable=False,
            comment="ok, abstained, error, refused_untrusted, refused_budget and so on",
        ),
        sa.Column("direction", sa.String, nullable=True, comment="up, down or flat"),
        sa.Column("confidence", sa.Double, nullable=True, comment="0 to 1"),
        sa.Column("reasoning", sa.String, nullable=True, comment="the model's words"),
        sa.Column("features", sa.JSON, nullable=True, comment="what it was shown"),
        sa.Column("last_id", sa.BigInteger, nullable=True, comment="update id the book stood at"),
        sa.Column("mid_at_snapshot", sa.Double, nullable=True, comment="mid when asked, in quote units"),
        sa.Column(
            "mid_at_arrival", sa.Double, nullable=True, comment="mid when the answer came, in quote units"
        ),
        sa.Column("ttl_s", sa.Double, nullable=True, comment="how long it claims to hold, seconds"),
        sa.Column("latency_ms", sa.Double, nullable=True, comment="ask to answer, ms"),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=True, comment="over all attempts"),
        sa.Column("completion_tokens", sa.BigInteger, nullable=True, comment="over all attempts"),
        sa.Column("cost_usd", sa.Numeric(18, 12), nullable=True, comment="over all attempts, USD"),
        comment="one row per decision asked for",
    )
    op.create_table(
        "llm_calls",
        sa.Column(
            "call_id", sa.String, primary_key=True, autoincrement=False, comment="made by us, unique"
        ),
        sa.Column("signal_id", sa.String, nullable=True, comment="the signal it was made for"),
        sa.Column("ts", sa.DateTime, nullable=False, comment="when sent, UTC"),
        sa.Column("attempt", sa.Integer, nullable=False, comment="1 for the first"),
        sa.Column("provider", sa.String, nullable=False, comment="who was called"),
        sa.Column("model_requested", sa.String, nullable=False, comment="as asked for"),
        sa.Column("model_served", sa.String, nullable=True, comment="as the provider reported"),
        sa.Column("status", sa.Integer, nullable=True, comment="HTTP status; NULL when no answer came"),
        sa.Column("error", sa.String, nullable=True, comment="what went wrong"),
        sa.Column("latency_ms", sa.Double, nullable=True, comment="request to answer, ms"),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=True, comment="tokens sent"),
        sa.Column("cached_tokens", sa.BigInteger, nullable=True, comment="of them billed as cached"),
        sa.Column("completion_tokens", sa.BigInteger, nullable=True, comment="tokens received"),
        sa.Column("usage_source", sa.String, nullable=True, comment="reported or estimated"),
        sa.Column("cost_usd", sa.Numeric(18, 12), nullable=True, comment="USD"),
        sa.Column("cost_source", sa.String, nullable=True, comment="which price made the cost"),
        comment="one row per HTTP attempt",
    )
    op.create_table(
        "prices",
        sa.Column(
            "provider", sa.String, primary_key=True, autoincrement=False, comment="who asks the price"
        ),
        sa.Column("model", sa.String, primary_key=True, autoincrement=False, comment="for which model"),
        sa.Column(
            "valid_from",
            sa.DateTime,
            primary_key=True,
            autoincrement=False,
            comment="from this moment, UTC",
        ),
        sa.Column(
            "valid_to", sa.DateTime, nullable=True, comment="until this moment, UTC; NULL while it holds"
        ),
        sa.Column("input", sa.Numeric(18, 6), nullable=False, comment="USD per million prompt tokens"),
        sa.Column(
            "cached", sa.Numeric(18, 6), nullable=True, comment="USD per million cached prompt tokens"
        ),
        sa.Column("output", sa.Numeric(18, 6), nullable=False, comment="USD per million completion tokens"),
        sa.Column("source", sa.String, nullable=False, comment="where the price was read"),
        sa.Column("checked_at", sa.DateTime, nullable=False, comment="when it was read, UTC"),
        comment="dated list prices of models",
    )
    op.create_table(
        "budgets",
        sa.Column(
            "scope",
            sa.String,
            primary_key=True,
            autoincrement=False,
            comment="all, or provider:… model:… symbol:…",
        ),
        sa.Column(
            "window", sa.String, primary_key=True, autoincrement=False, comment="hour, day or month, UTC"
        ),
        sa.Column(
            "limit_usd",
            sa.Numeric(18, 6),
            nullable=False,
            comment="cap on spend and holds within the window, USD",
        ),
        sa.Column("updated_at", sa.DateTime, nullable=False, comment="when set, UTC"),
        comment="caps on spend",
    )
    op.create_table(
        "reservations",
        sa.Column(
            "reservation_id", sa.String, primary_key=True, autoincrement=False, comment="made by us, unique"
        ),
        sa.Column("signal_id", sa.String, nullable=True, comment="the signal it holds money for"),
        sa.Column("scope", sa.String, nullable=False, comment="the budget it counts against"),
        sa.Column("ts", sa.DateTime, nullable=False, comment="when held, UTC"),
        sa.Column(
            "expires_at", sa.DateTime, nullable=False, comment="when an orphaned hold no longer counts, UTC"
        ),
        sa.Column("held_usd", sa.Numeric(18, 12), nullable=False, comment="most it may cost, USD"),
        sa.Column(
            "settled_usd",
            sa.Numeric(18, 12),
            nullable=True,
            comment="what it did cost, USD; NULL while held",
        ),
        sa.Column("settled_at", sa.DateTime, nullable=True, comment="when settled or released, UTC"),
        comment="money held while a call is under way",
    )
    op.create_table(
        "feed_stats",
        sa.Column("venue", sa.String, nullable=False, comment="for example binance-spot"),
        sa.Column("ts", sa.DateTime, nullable=False, comment="start of the bucket, UTC"),
        sa.Column("bucket_s", sa.Double, nullable=False, comment="length of the bucket, seconds"),
        sa.Column("frames", sa.BigInteger, nullable=False, comment="frames in the bucket"),
        sa.Column("bytes", sa.BigInteger, nullable=False, comment="bytes in the bucket"),
        sa.Column("diffs", sa.BigInteger, nullable=False, comment="diffs in the bucket"),
        sa.Column("trades", sa.BigInteger, nullable=False, comment="trades in the bucket"),
        sa.Column("tickers", sa.BigInteger, nullable=False, comment="tickers in the bucket"),
        sa.Column("bad_frames", sa.BigInteger, nullable=False, comment="bad frames in the bucket"),
        sa.Column("reconnects", sa.BigInteger, nullable=False, comment="reconnects in the bucket"),
        sa.Column("resyncs", sa.BigInteger, nullable=False, comment="resyncs in the bucket"),
        sa.Column(
            "live_symbols", sa.Integer, nullable=False, comment="books LIVE at the end of the bucket"
        ),
        sa.Column("symbols", sa.Integer, nullable=False, comment="books watched"),
        sa.Column(
            "to_book_p50_us", sa.Double, nullable=True, comment="receipt to book applied, µs, median"
        ),
        sa.Column(
            "to_book_p99_us",
            sa.Double,
            nullable=True,
            comment="receipt to book applied, µs, 99th percentile",
        ),
        sa.Column("to_book_max_us", sa.Double, nullable=True, comment="receipt to book applied, µs, worst"),
        sa.Column(
            "to_durable_p50_us", sa.Double, nullable=True, comment="receipt to committed row, µs, median"
        ),
        sa.Column(
            "to_durable_p99_us",
            sa.Double,
            nullable=True,
            comment="receipt to committed row, µs, 99th percentile",
        ),
        sa.Column("queue_batches", sa.Integer, nullable=False, comment="batches waiting for the writer"),
        sa.Column("queue_limit", sa.Integer, nullable=False, comment="batches that may wait"),
        sa.Column("clock_offset_us", sa.Double, nullable=True, comment="venue's clock minus ours, µs"),
        sa.Column(
            "clock_error_us", sa.Double, nullable=True, comment="bound on the error of clock_offset_us, µs"
        ),
        comment="what the feed did, by bucket",
    )
    op.create_table(
        "ingest_batches",
        sa.Column("writer_id", sa.String, nullable=False, comment="one life of one writer"),
        sa.Column("seq", sa.BigInteger, nullable=False, comment="1, 2, 3 … without holes"),
        sa.Column("ts", sa.DateTime, nullable=False, comment="when its transaction began, UTC"),
        sa.Column(
            "oldest_recv_ns",
            sa.BigInteger,
            nullable=True,
            comment="receipt of its oldest message, ns since 1970 UTC",
        ),
        sa.Column("diffs", sa.BigInteger, nullable=False, comment="diffs stored"),
        sa.Column("levels", sa.BigInteger, nullable=False, comment="levels stored"),
        sa.Column("trades", sa.BigInteger, nullable=False, comment="trades stored"),
        sa.Column("tickers", sa.BigInteger, nullable=False, comment="tickers stored"),
        sa.Column("seeds", sa.BigInteger, nullable=False, comment="seeds stored"),
        sa.Column("events", sa.BigInteger, nullable=False, comment="events stored"),
        sa.Column("samples", sa.BigInteger, nullable=False, comment="samples stored"),
        sa.Column("stats", sa.BigInteger, nullable=False, comment="stats stored"),
        comment="one row per batch, in the transaction that stored it",
    )
