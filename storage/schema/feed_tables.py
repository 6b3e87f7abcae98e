"""The tables of the feed's own figures; part of the schema that `storage.schema.tables` declares."""

from __future__ import annotations

import sqlalchemy as sa

from leadline.storage.schema.columns import col, market, metadata, opt

clock = sa.Table(
    "clock",
    metadata,
    col("venue", sa.String, "for example binance-spot"),
    col("ts", sa.DateTime, "when the venue was asked, our clock, UTC"),
    col("offset_ms", sa.Double, "venue's clock minus ours, ms: add it to ours to get the venue's"),
    col("error_ms", sa.Double, "bound on the error of offset_ms, ms"),
    col("rtt_ms", sa.Double, "round trip of the question whose answer was taken, ms; 0 without one"),
    col("probes", sa.BigInteger, "how many answers, or events, the estimate was chosen from"),
    col("source", sa.String, "time: the venue's time endpoint; stream: event times alone, of a recording"),
    opt(
        "stream_ms",
        sa.Double,
        "most by which an event was ahead of its receipt, ms: a lower bound",
    ),
    opt(
        "network_p50_ms",
        sa.Double,
        "event to receipt, offset taken off, ms, median since the row before",
    ),
    opt("network_p99_ms", sa.Double, "event to receipt, offset taken off, ms, 99th percentile"),
    comment="how far the venue's clock is from ours: one row each time it was asked",
)

feed_stats = sa.Table(
    "feed_stats",
    metadata,
    col("venue", sa.String, "for example binance-spot"),
    col("ts", sa.DateTime, "start of the bucket, UTC"),
    col("bucket_s", sa.Double, "length of the bucket, seconds"),
    *(
        col(name, sa.BigInteger, f"{name.replace('_', ' ')} in the bucket")
        for name in ("frames", "bytes", "diffs", "trades", "tickers", "bad_frames", "reconnects", "resyncs")
    ),
    col("live_symbols", sa.Integer, "books LIVE at the end of the bucket"),
    col("symbols", sa.Integer, "books watched"),
    opt("to_book_p50_us", sa.Double, "receipt to book applied, µs, median"),
    opt("to_book_p99_us", sa.Double, "receipt to book applied, µs, 99th percentile"),
    opt("to_book_max_us", sa.Double, "receipt to book applied, µs, worst"),
    opt("to_durable_p50_us", sa.Double, "receipt to committed row, µs, median"),
    opt("to_durable_p99_us", sa.Double, "receipt to committed row, µs, 99th percentile"),
    col("queue_batches", sa.Integer, "batches waiting for the writer"),
    col("queue_limit", sa.Integer, "batches that may wait"),
    opt("clock_offset_us", sa.Double, "venue's clock minus ours, µs"),
    opt("clock_error_us", sa.Double, "bound on the error of clock_offset_us, µs"),
    comment="what the feed did, by bucket",
)

leg_stats = sa.Table(
    "leg_stats",
    metadata,
    col("venue", sa.String, "for example binance-spot"),
    col("ts", sa.DateTime, "as in feed_stats: of the same bucket, UTC"),
    col("bucket_s", sa.Double, "length of the bucket, seconds"),
    col("line", sa.String, "which set of streams"),
    col("leg", sa.String, "A or B: a leg keeps its name over its connections"),
    col("in_use", sa.Boolean, "whether it was in use at the end of the bucket; the other stood beside"),
    col("frames", sa.BigInteger, "frames it brought while both were there"),
    col("firsts", sa.BigInteger, "of these, brought before the other leg brought them"),
    col("holes", sa.BigInteger, "breaks in update ids of its diffs, also from one connection to the next"),
    col("lost_ids", sa.BigInteger, "update ids in them: the other leg had to have them"),
    col("ends", sa.BigInteger, "connections of it that ended, as planned or not"),
    opt("lead_p50_ms", sa.Double, "by how much it was ahead where it was first, ms, median"),
    opt("lead_p99_ms", sa.Double, "by how much it was ahead where it was first, ms, 99th percentile"),
    comment="what each of two connections with the same streams did, by bucket, while there were two",
)

_STAGES = {
    "network": "made by the venue to receipt, the offset of the clocks taken off",
    "queue": "receipt to the decoder's taking it up",
    "decode": "bytes to numbers",
    "apply": "numbers to levels set, top checked and row made",
    "durable": "row made to transaction committed",
}


def _percentiles(stage: str) -> tuple[sa.Column[float], sa.Column[float]]:
    said = _STAGES[stage]
    return (
        opt(f"{stage}_p50_us", sa.Double, f"{said}, µs, median"),
        opt(f"{stage}_p99_us", sa.Double, f"{said}, µs, 99th percentile"),
    )


latency = sa.Table(
    "latency",
    metadata,
    *market(),
    col("minute", sa.DateTime, "start of the minute in which the diffs were received, UTC"),
    col("diffs", sa.BigInteger, "diffs counted; a minute may have several rows, each of a part of them"),
    *_percentiles("network"),
    opt("network_error_us", sa.Double, "bound on the error of the clocks' offset, µs"),
    *(column for stage in ("queue", "decode", "apply", "durable") for column in _percentiles(stage)),
    comment="where the time goes from the venue to a durable row, by book and minute; within 3 %",
)
