"""A market and a window in figures: how far attested, how late, how wide, how deep."""

from __future__ import annotations

from typing import Any

from leadline.storage.access.sql import Runs, run_sql
from leadline.storage.queries.latency import stages

_WATCHED = """
SELECT round(sum(watched_s), 3) AS watched_s, count(*) AS minutes,
       count(*) FILTER (is_trusted) AS trusted_minutes,
       CASE WHEN sum(watched_s) > 0 THEN round(100 * sum(covered_s) / sum(watched_s), 4) END AS covered_pct
FROM trust WHERE venue = $venue AND symbol = $symbol AND minute >= $since AND minute < $until
"""

_ATTESTED = """
SELECT coalesce(sum(equal_id + bracketed), 0)::BIGINT AS checked,
       coalesce(sum(equal_id), 0)::BIGINT AS equal_id, coalesce(sum(bracketed), 0)::BIGINT AS bracketed,
       coalesce(sum(mismatches), 0)::BIGINT AS mismatches,
       coalesce(sum(unchecked), 0)::BIGINT AS unchecked,
       CASE WHEN checked > 0 THEN round(100 * (checked - coalesce(sum(mismatches), 0)) / checked, 4) END
           AS attested_pct,
       coalesce(sum(audited), 0)::BIGINT AS audited_levels,
       coalesce(sum(audit_mismatches), 0)::BIGINT AS audit_mismatches
FROM attestations WHERE venue = $venue AND symbol = $symbol AND minute >= $since AND minute < $until
"""

_EVIDENCE = """
SELECT ts, kind, refuted, book_id, witness_id FROM mismatches
WHERE venue = $venue AND symbol = $symbol AND ts >= $since AND ts < $until ORDER BY ts LIMIT $most
"""

# Event to receipt compares the venue's clock with ours: it is as wrong as the offset of the two.
_LATENCY = """
SELECT round(quantile_cont(to_book_ns, 0.5) / 1e3, 1) AS to_book_p50_us,
       round(quantile_cont(to_book_ns, 0.99) / 1e3, 1) AS to_book_p99_us,
       count(to_book_ns) AS measured,
       round(quantile_cont(epoch_us(ts_recv) - epoch_us(ts_event), 0.5) / 1e3, 3)
           AS event_to_receipt_p50_ms,
       round(quantile_cont(epoch_us(ts_recv) - epoch_us(ts_event), 0.99) / 1e3, 3)
           AS event_to_receipt_p99_ms
FROM depth_diffs WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
"""

_FEED = """
SELECT round(median(to_durable_p50_us), 1) AS to_durable_p50_us,
       round(max(to_durable_p99_us), 1) AS to_durable_worst_p99_us,
       arg_max(clock_offset_us, ts) AS clock_offset_us, arg_max(clock_error_us, ts) AS clock_error_us,
       min(clock_offset_us) AS least_offset_us, max(clock_offset_us) AS most_offset_us
FROM feed_stats WHERE venue = $venue AND ts >= $since AND ts < $until
"""

_CLOCK = """
SELECT count(*) AS asked, round(median(network_p50_ms), 3) AS network_p50_ms,
       round(max(network_p99_ms), 3) AS network_worst_p99_ms
FROM clock WHERE venue = $venue AND ts >= $since AND ts < $until
"""

_SPREAD = """
WITH quoted AS (
    SELECT 2e4 * (ask_px - bid_px) / (ask_px + bid_px) AS bps FROM book_tickers
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
      AND bid_px > 0 AND ask_px > 0
), sampled AS (
    SELECT spread_bps AS bps FROM depth_snapshots
    WHERE venue = $venue AND symbol = $symbol AND ts >= $since AND ts < $until AND trusted
      AND spread_bps IS NOT NULL
), chosen AS (
    SELECT bps, 'book_tickers' AS source FROM quoted
    UNION ALL SELECT bps, 'depth_snapshots' FROM sampled WHERE NOT EXISTS (FROM quoted)
)
SELECT any_value(source) AS source, count(*) AS n, round(min(bps), 4) AS least_bps,
       round(quantile_cont(bps, 0.5), 4) AS p50_bps, round(quantile_cont(bps, 0.99), 4) AS p99_bps,
       round(max(bps), 4) AS most_bps
FROM chosen
"""

# How far a book is certified was measured with each sample; a band beyond that has no figure, and neither
# has one of a sample from before that was kept.
SAMPLES = """
WITH bands AS (
    SELECT ts, mid, least(certified_bid_bps, certified_ask_bps) AS certified_bps,
           unnest(depth_bps) AS band_bps, unnest(bid_depth) AS bid_depth, unnest(ask_depth) AS ask_depth
    FROM depth_snapshots
    WHERE venue = $venue AND symbol = $symbol AND ts >= $since AND ts < $until AND trusted AND mid > 0
), samples AS (
    SELECT *, certified_bps IS NOT NULL AND bid_depth IS NOT NULL AND ask_depth IS NOT NULL AS is_certified
    FROM bands
)
"""

_DEPTH = (
    SAMPLES
    + """
SELECT band_bps, count(*) AS samples, count(*) FILTER (is_certified) AS certified,
       median(bid_depth) FILTER (is_certified) AS bid_p50,
       median(ask_depth) FILTER (is_certified) AS ask_p50,
       min(bid_depth) FILTER (is_certified) AS bid_least,
       min(ask_depth) FILTER (is_certified) AS ask_least,
       round(min(certified_bps), 2) AS least_certified_bps
FROM samples GROUP BY band_bps ORDER BY band_bps
"""
)

_EVENTS = """
SELECT reason, count(*) AS n FROM book_events
WHERE venue = $venue AND symbol = $symbol AND ts >= $since AND ts < $until GROUP BY ALL ORDER BY reason
"""

_FEED_LATENCY = ("to_durable_p50_us", "to_durable_worst_p99_us")
MOST_EVIDENCE = 100  # mismatches told one by one; the table ``mismatches`` has all


def figures(con: Runs, window: dict[str, Any]) -> dict[str, Any]:
    """Return every figure of a window; ``window``: venue, symbol, since and until (UTC, no zone)."""
    of_venue = {name: window[name] for name in ("venue", "since", "until")}
    feed = _one(con, _FEED, of_venue)
    latency = {**_one(con, _LATENCY, window), **{name: feed.pop(name) for name in _FEED_LATENCY}}
    latency["stages"] = stages(
        con, window["since"], window["until"], venue=window["venue"], symbol=window["symbol"]
    )
    attested = _one(con, _ATTESTED, window)
    audits = {name: attested.pop(name) for name in ("audited_levels", "audit_mismatches")}
    bands = run_sql(con, _DEPTH, window).dicts()
    reach = [band.pop("least_certified_bps") for band in bands]
    evidence = [
        {**row, "ts": row["ts"].isoformat() + "Z"}
        for row in run_sql(con, _EVIDENCE, {**window, "most": MOST_EVIDENCE}).dicts()
    ]
    return {
        "watched": _one(con, _WATCHED, window),
        "events": {row["reason"]: row["n"] for row in run_sql(con, _EVENTS, window).dicts()},
        "attestation": {**attested, "evidence": evidence},
        "rest_audits": audits,
        "latency": latency,
        "clock": {**feed, **_one(con, _CLOCK, of_venue)},
        "spread": _one(con, _SPREAD, window),
        "depth": {"least_certified_bps": reach[0] if reach else None, "bands": bands},
    }


def _one(con: Runs, statement: str, window: dict[str, Any]) -> dict[str, Any]:
    (row,) = run_sql(con, statement, window).dicts()
    return row
