"""What a person looks at first: health by book, latency over time, the last samples and signals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from leadline.storage.access.sql import Runs, run_sql, utc_naive

RECENT = dt.timedelta(seconds=60)
BLOCK = dt.timedelta(minutes=5)
BLOCKS = 12  # an hour

_RECENT = """
SELECT symbol, count(*) AS diffs, max(ts_recv) AS newest,
       quantile_cont(to_book_ns, 0.5) / 1e6 AS p50_ms, quantile_cont(to_book_ns, 0.99) / 1e6 AS p99_ms,
       quantile_cont(epoch_us(ts_recv) - epoch_us(ts_event), 0.5) / 1e3 AS venue_ms
FROM depth_diffs WHERE venue = $venue AND ts_recv >= $since GROUP BY symbol
"""

_TODAY = """
SELECT symbol, count(*) FILTER (reason = 'gap') AS gaps,
       count(*) FILTER (from_state = 'LIVE' AND to_state <> 'LIVE') AS losses
FROM book_events WHERE venue = $venue AND ts >= $midnight GROUP BY symbol
"""

# Seconds of each block that trusted intervals cover, for the blocks that have any.
_TRUSTED = """
WITH blocks AS (
    SELECT n, $first::TIMESTAMP + n * to_seconds($block_s) AS b FROM range($blocks) AS r (n)
)
SELECT symbol, n, sum(epoch(least(ts_to, b + to_seconds($block_s)) - greatest(ts_from, b))) AS covered_s
FROM trusted_times JOIN blocks ON ts_to > b AND ts_from < b + to_seconds($block_s)
WHERE venue = $venue GROUP BY symbol, n
"""

_LATENCY = """
SELECT floor(epoch($until::TIMESTAMP - ts) / $step_s)::BIGINT AS ago,
       sum(frames) / sum(bucket_s) AS frames_per_s, max(to_book_p99_us) / 1e3 AS to_book_p99_ms,
       max(to_durable_p99_us) / 1e3 AS to_durable_p99_ms
FROM feed_stats WHERE venue = $venue AND ts > $since AND ts <= $until GROUP BY ago
"""

_DEPTH = """
SELECT symbol, list(mid ORDER BY ts) AS mids, last(ts ORDER BY ts) AS ts, last(mid ORDER BY ts) AS mid,
       last(spread_bps ORDER BY ts) AS spread_bps, last(imbalance ORDER BY ts) AS imbalance,
       last(trusted ORDER BY ts) AS trusted, last(reason ORDER BY ts) AS reason,
       last(depth_bps ORDER BY ts) AS depth_bps, last(bid_depth ORDER BY ts) AS bid_depth,
       last(ask_depth ORDER BY ts) AS ask_depth
FROM depth_snapshots WHERE venue = $venue AND ts >= $since GROUP BY symbol
ORDER BY list_position($symbols::VARCHAR[], symbol), symbol LIMIT $most
"""

_LADDER = """
SELECT bid_px, bid_qty, ask_px, ask_qty FROM depth_snapshots
WHERE venue = $venue AND symbol = $symbol AND ts >= $since AND trusted ORDER BY ts DESC LIMIT 1
"""

_SIGNALS = "SELECT * FROM latest_signals ORDER BY ts DESC, symbol LIMIT $most"

_SIGNAL_COUNTS = """
SELECT outcome, count(*) AS n FROM signals WHERE ts >= $since GROUP BY outcome ORDER BY n DESC, outcome
"""


@dataclass(slots=True)
class BookHealth:
    """What the store knows of one book; ``trusted``: share of each of the last `BLOCKS`, 0 to 1."""

    diffs: int = 0  # in the last `RECENT`
    newest: dt.datetime | None = None
    p50_ms: float | None = None  # receive to book
    p99_ms: float | None = None
    venue_ms: float | None = None  # venue's clock to ours, median: one way delay plus clock difference
    gaps_today: int = 0
    losses_today: int = 0  # how often it left LIVE
    trusted: list[float | None] = field(default_factory=lambda: [None] * BLOCKS)


@dataclass(frozen=True, slots=True)
class Latency:
    """Figures over time, oldest first, one per step; None where nothing was measured, but not at first."""

    frames_per_s: list[float | None]
    to_book_p99_ms: list[float | None]
    to_durable_p99_ms: list[float | None]


@dataclass(frozen=True, slots=True)
class Ladder:
    """Levels of the newest trusted sample, best first: ``(price, quantity)``."""

    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


def book_health(con: Runs, venue: str, now: dt.datetime) -> dict[str, BookHealth]:
    """Return by symbol what the last minute, hour and day (UTC) were like."""
    now = utc_naive(now)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found: dict[str, BookHealth] = {}
    recent = con.execute(_RECENT, {"venue": venue, "since": now - RECENT})
    for symbol, *figures in recent.fetchall():
        found[symbol] = BookHealth(*figures)
    for symbol, gaps, losses in con.execute(_TODAY, {"venue": venue, "midnight": midnight}).fetchall():
        book = found.setdefault(symbol, BookHealth())
        book.gaps_today, book.losses_today = gaps, losses
    block_s = BLOCK.total_seconds()
    params = {"venue": venue, "first": now - BLOCKS * BLOCK, "block_s": block_s, "blocks": BLOCKS}
    for symbol, n, covered_s in con.execute(_TRUSTED, params).fetchall():
        found.setdefault(symbol, BookHealth()).trusted[n] = max(0.0, min(covered_s / block_s, 1.0))
    return found


def latency(con: Runs, venue: str, now: dt.datetime, *, steps: int = 60, step_s: float = 30.0) -> Latency:
    """Return frames a second and the worst p99 of each of the last ``steps`` steps."""
    until = utc_naive(now)
    since = until - dt.timedelta(seconds=steps * step_s)
    params = {"venue": venue, "since": since, "until": until, "step_s": step_s}
    columns: list[list[float | None]] = [[None] * steps for _ in range(3)]
    for ago, *figures in con.execute(_LATENCY, params).fetchall():
        for column, figure in zip(columns, figures, strict=True):
            if 0 <= ago < steps:
                column[steps - 1 - ago] = figure
    first = next((n for n, figure in enumerate(columns[0]) if figure is not None), steps - 1)
    return Latency(*(column[min(first, steps - 2) :] for column in columns))


def last_depth(
    con: Runs, venue: str, symbols: Sequence[str], since: dt.datetime, *, most: int
) -> list[dict[str, Any]]:
    """Return the newest sample of each book and all its mids since ``since``; ``symbols`` come first."""
    params = {"venue": venue, "symbols": list(symbols), "since": utc_naive(since), "most": most}
    return run_sql(con, _DEPTH, params).dicts()


def ladder(con: Runs, venue: str, symbol: str, since: dt.datetime) -> Ladder | None:
    """Return the levels of the newest trusted sample since ``since``, if there is one."""
    params = {"venue": venue, "symbol": symbol, "since": utc_naive(since)}
    row = con.execute(_LADDER, params).fetchone()
    if row is None:
        return None
    bid_px, bid_qty, ask_px, ask_qty = row
    return Ladder(list(zip(bid_px, bid_qty, strict=True)), list(zip(ask_px, ask_qty, strict=True)))


def last_signals(con: Runs, *, most: int) -> list[dict[str, Any]]:
    """Return the newest signal of each market, the newest first."""
    return run_sql(con, _SIGNALS, {"most": most}).dicts()


def signal_outcomes(con: Runs, since: dt.datetime) -> dict[str, int]:
    """Count decisions by outcome, the most frequent first."""
    rows = con.execute(_SIGNAL_COUNTS, {"since": utc_naive(since)}).fetchall()
    return {str(outcome): int(n) for outcome, n in rows}
