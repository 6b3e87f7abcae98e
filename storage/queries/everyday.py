"""Everyday questions: how many rows, which gaps, how much to trust, how the feed does, and people's SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from leadline.storage.access.sql import EPOCH, Answer, Runs, run_sql, utc_naive
from leadline.storage.schema.baseline import area_of

_ROW_COUNTS = "\nUNION ALL ".join(
    f"SELECT '{table}' AS name, count(*) AS n FROM {table}"  # noqa: S608  names of the schema
    for table in area_of()
)

_FAULTS = """
SELECT ts, venue, symbol, reason, expected_id, got_id, from_state, to_state
FROM book_events
WHERE reason IN ('gap', 'crossed') AND ts >= $since AND symbol = coalesce($symbol, symbol)
ORDER BY ts, venue, symbol
"""

_LATEST_SIGNALS = """
SELECT * FROM latest_signals WHERE list_contains($symbols::VARCHAR[], symbol) ORDER BY symbol, venue
"""

_LAST_STATS = "SELECT * FROM feed_stats ORDER BY ts DESC LIMIT $n"

# Frames of the newest minute, what was lost in the newest day, the newest leads.
_LEGS = """
WITH newest AS (SELECT max(ts) AS ts FROM leg_stats)
SELECT line, leg, arg_max(in_use, l.ts) AS in_use, max(l.ts) AS ts,
       sum(frames) FILTER (WHERE l.ts > newest.ts - INTERVAL 1 MINUTE)::BIGINT AS frames,
       sum(firsts) FILTER (WHERE l.ts > newest.ts - INTERVAL 1 MINUTE)::BIGINT AS firsts,
       sum(holes)::BIGINT AS holes_day, sum(lost_ids)::BIGINT AS lost_ids_day,
       sum(ends)::BIGINT AS ends_day,
       arg_max(lead_p50_ms, l.ts) AS lead_p50_ms, arg_max(lead_p99_ms, l.ts) AS lead_p99_ms
FROM leg_stats AS l, newest
WHERE newest.ts > $since AND l.ts > newest.ts - INTERVAL 1 DAY
GROUP BY line, leg ORDER BY line, leg
"""

# Symbols of the markets that were streamed last, without a book for a reason of their own.
_OUTCASTS = """
SELECT venue, symbol, state, reason, since FROM symbol_states
WHERE state NOT IN ('LIVE', 'DROPPED') AND state = listing ORDER BY since DESC, venue, symbol
"""

_SYMBOLS = "SELECT * FROM symbol_states"

_LAST_EVENTS = """
SELECT ts, venue, symbol, from_state, to_state, reason, expected_id, got_id FROM book_events
WHERE symbol = coalesce($symbol, symbol)
ORDER BY ts DESC LIMIT $n
"""

_LEDGER = """
SELECT count(*), coalesce(max(seq), 0), coalesce(sum(diffs), 0), coalesce(sum(levels), 0)
FROM ingest_batches WHERE writer_id = $writer_id
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one writer has in the store: batches, the highest seq, diffs and their levels."""

    batches: int
    last_seq: int
    diffs: int
    levels: int


def row_counts(con: Runs) -> dict[str, int]:
    """Count the rows of every table."""
    return {name: int(n) for name, n in con.execute(_ROW_COUNTS).fetchall()}


def faults(con: Runs, *, symbol: str | None = None, since: dt.datetime = EPOCH) -> Answer:
    """List gaps and crossed books, oldest first, with the ids expected and got."""
    return run_sql(con, _FAULTS, {"symbol": symbol, "since": since})


def events(con: Runs, *, symbol: str | None = None, n: int = 50) -> Answer:
    """List the newest ``n`` book events, newest first."""
    return run_sql(con, _LAST_EVENTS, {"symbol": symbol, "n": n})


def latest_signals(con: Runs, symbols: Sequence[str]) -> Answer:
    """Show the newest signal of each of ``symbols``."""
    return run_sql(con, _LATEST_SIGNALS, {"symbols": list(symbols)})


def latest_stats(con: Runs, *, n: int = 1) -> Answer:
    """Return the newest ``n`` rows of ``feed_stats``."""
    return run_sql(con, _LAST_STATS, {"n": n})


def outcasts(con: Runs) -> Answer:
    """List the symbols that have no book because of their listing, and why; the newest first."""
    return run_sql(con, _OUTCASTS)


def symbol_states(con: Runs) -> Answer:
    """Tell where each symbol stands, and why."""
    return run_sql(con, _SYMBOLS)


def leg_figures(con: Runs, *, since: dt.datetime) -> Answer:
    """Return figures of each leg of the newest minute with two; none if that is before ``since``."""
    return run_sql(con, _LEGS, {"since": utc_naive(since)})


def ledger(con: Runs, writer_id: str) -> Ledger:
    """Sum up what a writer has durably stored; without holes ``batches == last_seq``."""
    row = con.execute(_LEDGER, {"writer_id": writer_id}).fetchone()
    return Ledger(*(int(value) for value in row))
