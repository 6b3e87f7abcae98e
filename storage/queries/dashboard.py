"""
One look at everything for a page: markets with how far to trust them, books, depth over time, the feed.

All of it lies between two moments and costs about the same however long the store is: no more than
`MOST_MARKETS` rows, `STRIP` pieces of time a market, `COLUMNS` samples a heat map. Times are UTC without
zone, as columns hold them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from leadline.storage.access.sql import Runs, run_sql, utc_naive
from leadline.storage.queries.rebuild import OWN_ENDS
from leadline.storage.schema.interval_order import OLDEST_FIRST

STRIP = 60  # pieces of time of a market's strip
COLUMNS = 180  # samples of a heat map
TOP = 8  # levels of a side that are shown as numbers
MOST_MARKETS = 400
FEED_PIECE_S = 2.0  # of a short span: rows come once a second, and a piece without one breaks the line
CREDIT = dt.timedelta(seconds=5)  # of a feed: its rows are stored a moment after they were written
WHOLE = 0.999  # a piece of time covered that far counts as covered

_NEWEST = """
SELECT max(ts), min(first_ts) FROM (
    SELECT max(ts_to) AS ts, min(ts_from) AS first_ts FROM coverage
    UNION ALL SELECT max(ts), min(ts) FROM book_events
    UNION ALL SELECT max(ts), min(ts) FROM signals
    UNION ALL SELECT max(ts), min(ts) FROM llm_calls
)
"""

# While a feed says that it lives, a quiet market is covered though no row of it comes: an interval that
# grows reaches to $alive. A feed that says nothing any more has no such credit.
_HELD = """held AS (
    SELECT venue, symbol, ts_from, ts_to FROM trusted_times WHERE ts_from <= $until
    UNION ALL
    SELECT venue, symbol, ts_to, greatest(ts_to, least($until, $alive)) FROM coverage
    WHERE ended_by IS NULL AND ts_from <= $until
)"""

_ALIVE = "SELECT max(ts + to_seconds(bucket_s)) FROM feed_stats WHERE ts >= $since"

_MARKETS = f"""
WITH {_HELD}, newest AS (
    SELECT venue, symbol, last(coalesce(ended_by, '') ORDER BY {OLDEST_FIRST}) AS ended_by
    FROM coverage WHERE ts_from <= $until GROUP BY ALL
), intervals AS (
    SELECT venue, symbol, min(ts_from) AS first_ts, max(ts_to) AS covered_to,
           any_value(newest.ended_by) AS ended_by,
           coalesce(sum(epoch(least(ts_to, $until) - greatest(ts_from, $since)))
                    FILTER (ts_to > $since AND ts_from < $until), 0.0) AS covered_s
    FROM held JOIN newest USING (venue, symbol) GROUP BY venue, symbol
), changes AS (
    SELECT venue, symbol, min(ts) AS first_event, max(ts) AS last_event,
           last(to_state ORDER BY rowid) AS state,
           count(*) FILTER (from_state <> 'SUSPECT' AND to_state = 'SUSPECT') AS suspects,
           count(*) FILTER (reason = 'refuted') AS refuted,
           count(*) FILTER (from_state <> 'STALE' AND to_state = 'STALE') AS stales
    FROM book_events WHERE ts >= $since AND ts <= $until GROUP BY ALL
), checks AS (
    SELECT venue, symbol, sum(equal_id + bracketed)::BIGINT AS checked,
           sum(equal_id)::BIGINT AS equal_id, sum(mismatches)::BIGINT AS mismatches,
           sum(audited)::BIGINT AS audited, sum(audit_mismatches)::BIGINT AS audit_mismatches
    FROM attestations
    WHERE "minute" >= date_trunc('minute', $since::TIMESTAMP) AND "minute" <= $until GROUP BY ALL
)
SELECT venue, symbol, coalesce(least(first_ts, first_event), first_ts, first_event) AS first_ts,
       covered_to, ended_by, coalesce(covered_s, 0.0) AS covered_s, state,
       coalesce(suspects, 0) AS suspects, coalesce(refuted, 0) AS refuted, coalesce(stales, 0) AS stales,
       coalesce(checked, 0) AS checked, coalesce(equal_id, 0) AS equal_id,
       coalesce(mismatches, 0) AS mismatches, coalesce(audited, 0) AS audited,
       coalesce(audit_mismatches, 0) AS audit_mismatches
FROM intervals FULL JOIN changes USING (venue, symbol) LEFT JOIN checks USING (venue, symbol)
WHERE covered_to >= $since OR last_event IS NOT NULL
ORDER BY list_position($symbols::VARCHAR[], symbol) NULLS LAST, venue, symbol LIMIT $most
"""  # noqa: S608  constants of this module

# A market whose last interval ended in order is not watched any more: that is no hole.
_HOLES = """
SELECT venue, symbol, cause, count(*) AS n,
       sum(epoch(least(coalesce(ts_to, $until), $until) - greatest(ts_from, $since))) AS seconds,
       max(epoch(least(coalesce(ts_to, $until), $until) - greatest(ts_from, $since))) AS longest_s
FROM coverage_holes
WHERE ts_from < $until AND coalesce(ts_to, $until) > $since
  AND NOT (is_open AND list_contains($own::VARCHAR[], cause))
GROUP BY ALL ORDER BY seconds DESC, cause
"""

_PIECES = f"""
WITH {_HELD}, pieces AS (
    SELECT n, $since::TIMESTAMP + n * to_microseconds($step_us) AS a, a + to_microseconds($step_us) AS z
    FROM range($pieces) AS r (n)
), covered AS (
    SELECT venue, symbol, n, sum(epoch(least(ts_to, z) - greatest(ts_from, a))) AS covered_s
    FROM held JOIN pieces ON ts_to > a AND ts_from < z WHERE ts_to > $since GROUP BY ALL
), holes AS (
    SELECT venue, symbol, n, string_agg(DISTINCT cause, ', ' ORDER BY cause) AS causes
    FROM coverage_holes JOIN pieces ON coalesce(ts_to, $until) > a AND ts_from < z
    WHERE coalesce(ts_to, $until) > $since AND ts_from < $until
      AND NOT (is_open AND list_contains($own::VARCHAR[], cause)) GROUP BY ALL
), misses AS (
    SELECT venue, symbol, n, count(*) AS mismatches
    FROM mismatches JOIN pieces ON ts >= a AND ts < z WHERE ts >= $since GROUP BY ALL
)
SELECT venue, symbol, n, coalesce(covered_s, 0.0) AS covered_s, coalesce(causes, '') AS causes,
       coalesce(mismatches, 0) AS mismatches
FROM covered FULL JOIN holes USING (venue, symbol, n) FULL JOIN misses USING (venue, symbol, n)
"""  # noqa: S608

_BOOKS = """
SELECT venue, symbol, ts, last_id, mid, spread_bps, imbalance, depth_bps, bid_depth, ask_depth, trusted,
       reason, uncertified, bid_px[:$top] AS bid_px, bid_qty[:$top] AS bid_qty, ask_px[:$top] AS ask_px,
       ask_qty[:$top] AS ask_qty
FROM depth_snapshots
WHERE ts >= $since AND ts <= $until AND list_contains($symbols::VARCHAR[], symbol)
QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY ts DESC) = 1
ORDER BY list_position($symbols::VARCHAR[], symbol), venue
"""

# Of each column of time the newest sample; their number is bounded, so is what they cost to draw.
_DEPTH = """
SELECT venue, symbol, ts, mid, trusted, reason, depth_bps, bid_depth, ask_depth
FROM depth_snapshots
WHERE ts >= $since AND ts <= $until AND list_contains($symbols::VARCHAR[], symbol)
QUALIFY row_number() OVER (
    PARTITION BY venue, symbol, floor(epoch(ts - $since) / $step_s) ORDER BY ts DESC) = 1
ORDER BY ts
"""

_FEED = """
SELECT floor(epoch(ts - $since) / $step_s)::BIGINT AS n, sum(frames) / sum(bucket_s) AS frames_per_s,
       sum(diffs) / sum(bucket_s) AS diffs_per_s, max(to_book_p99_us) / 1e3 AS to_book_p99_ms,
       max(to_durable_p99_us) / 1e3 AS to_durable_p99_ms
FROM feed_stats WHERE ts >= $since AND ts < $until GROUP BY n ORDER BY n
"""

_LAST_FEED = """
SELECT venue, ts, live_symbols, symbols, to_book_p50_us, to_book_p99_us, to_durable_p99_us,
       clock_offset_us, clock_error_us
FROM feed_stats WHERE ts >= $since AND ts <= $until
QUALIFY row_number() OVER (PARTITION BY venue ORDER BY ts DESC) = 1 ORDER BY venue
"""

_EVIDENCE = """
SELECT ts, venue, symbol, kind, refuted, book_id, witness_id, bid_px, witness_bid_px, bid_qty,
       witness_bid_qty, ask_px, witness_ask_px, ask_qty, witness_ask_qty
FROM mismatches WHERE ts >= $since AND ts <= $until ORDER BY ts DESC LIMIT $most
"""


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at, UTC without zone."""

    since: dt.datetime
    until: dt.datetime

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.until - self.since).total_seconds()

    @property
    def params(self) -> dict[str, Any]:
        """Its ends as parameters."""
        return {"since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class Hole:
    """Times of a span in which a market was not covered for one reason."""

    cause: str
    n: int
    seconds: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a market's strip: the share of it that is covered, None where nobody watched."""

    covered: float | None = None
    causes: str = ""
    mismatches: int = 0


@dataclass(frozen=True, slots=True)
class MarketTrust:
    """How far one market may be believed within a span."""

    venue: str
    symbol: str
    watched_s: float
    covered_s: float
    covered_to: dt.datetime | None
    ended_by: str  # empty while covered, or before it ever was
    state: str | None  # as the newest event of the span says
    suspects: int
    refuted: int
    stales: int
    checked: int  # times the top was held against the venue's word
    equal_id: int
    mismatches: int
    audited: int
    audit_mismatches: int
    silent_s: float = 0.0  # since anything was heard, where its interval grows
    holes: tuple[Hole, ...] = ()
    strip: tuple[Piece, ...] = ()

    @property
    def covered_share(self) -> float | None:
        """Share of the time watched that is covered, 0 to 1."""
        return min(self.covered_s / self.watched_s, 1.0) if self.watched_s > 0 else None

    @property
    def is_covered_now(self) -> bool:
        """Whether its newest interval still grows."""
        return self.covered_to is not None and not self.ended_by

    @property
    def ended_in_order(self) -> bool:
        """Whether watching it ended because we wanted to."""
        return self.ended_by in OWN_ENDS - {"crash"}


@dataclass(frozen=True, slots=True)
class Sample:
    """
    Depth at one moment: quantity within each band around the mid, half-widths in bps.

    None where it is not known that far out, or the book was not trusted then.
    """

    ts: dt.datetime
    mid: float | None
    trusted: bool
    reason: str
    bands_bps: tuple[float, ...] = ()
    bids: tuple[float | None, ...] = ()
    asks: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed:
    """The feed over time: one value a piece of the span, None where nothing was measured."""

    frames_per_s: list[float | None] = field(default_factory=lambda: [None] * STRIP)
    diffs_per_s: list[float | None] = field(default_factory=lambda: [None] * STRIP)
    to_book_p99_ms: list[float | None] = field(default_factory=lambda: [None] * STRIP)
    to_durable_p99_ms: list[float | None] = field(default_factory=lambda: [None] * STRIP)


def known_span(con: Runs) -> Span | None:
    """Return from when to when anything is known; None of an empty store."""
    newest, oldest = con.execute(_NEWEST).fetchone()
    return None if newest is None else Span(oldest or newest, newest)


def span_to(known: Span, until: dt.datetime, back: dt.timedelta) -> Span:
    """Return the last ``back`` before ``until`` (UTC), or less where there is less; never empty."""
    until = utc_naive(until)
    since = max(until - back, min(known.since, until))
    return Span(min(since, until - dt.timedelta(seconds=1)), until)


def markets(con: Runs, span: Span, symbols: Sequence[str]) -> list[MarketTrust]:
    """Tell of each market watched within a span how far it may be believed; ``symbols`` come first."""
    heard = con.execute(_ALIVE, {"since": span.since}).fetchone()[0]
    alive = {"alive": span.since if heard is None else heard + CREDIT}
    where = {**span.params, "own": sorted(OWN_ENDS - {"crash"})}
    asked = {**span.params, **alive, "symbols": list(symbols), "most": MOST_MARKETS}
    found = run_sql(con, _MARKETS, asked).dicts()
    holes: dict[tuple[str, str], list[Hole]] = defaultdict(list)
    for venue, symbol, cause, n, seconds, longest_s in con.execute(_HOLES, where).fetchall():
        holes[venue, symbol].append(Hole(cause, n, seconds, longest_s))
    step_s = span.seconds / STRIP
    pieces: dict[tuple[str, str], dict[int, tuple[float, str, int]]] = defaultdict(dict)
    asked = {**where, **alive, "pieces": STRIP, "step_us": max(1, round(step_s * 1e6))}
    for venue, symbol, n, covered_s, causes, mismatches in con.execute(_PIECES, asked).fetchall():
        pieces[venue, symbol][n] = (covered_s, causes, mismatches)
    return [_market(row, span, holes, pieces) for row in found]


def _market(
    row: dict[str, Any],
    span: Span,
    holes: dict[tuple[str, str], list[Hole]],
    pieces: dict[tuple[str, str], dict[int, tuple[float, str, int]]],
) -> MarketTrust:
    key = (row["venue"], row["symbol"])
    ended_by = row["ended_by"] or ""
    since = max(span.since, row["first_ts"] or span.since)
    over = ended_by in OWN_ENDS and ended_by != "crash"
    until = min(span.until, row["covered_to"]) if over else span.until
    grows = row["covered_to"] is not None and not ended_by
    given = {name: row[name] for name in MarketTrust.__slots__ if name in row and name != "ended_by"}
    return MarketTrust(
        **given,
        ended_by=ended_by,
        watched_s=max(0.0, (until - since).total_seconds()),
        silent_s=max(0.0, (span.until - row["covered_to"]).total_seconds()) if grows else 0.0,
        holes=tuple(holes.get(key, ())),
        strip=_strip(span, since, until, pieces.get(key, {})),
    )


def _strip(
    span: Span, since: dt.datetime, until: dt.datetime, told: dict[int, tuple[float, str, int]]
) -> tuple[Piece, ...]:
    step_s = span.seconds / STRIP
    first, last = ((moment - span.since).total_seconds() for moment in (since, until))
    made = []
    for n in range(STRIP):
        watched_s = min(last, (n + 1) * step_s) - max(first, n * step_s)
        covered_s, causes, mismatches = told.get(n, (0.0, "", 0))
        share = None if watched_s <= 0 else max(0.0, min(covered_s / watched_s, 1.0))
        made.append(Piece(share, causes, mismatches))
    return tuple(made)


def books(con: Runs, span: Span, symbols: Sequence[str]) -> list[dict[str, Any]]:
    """Return the newest sample of each of ``symbols`` within a span, with its `TOP` levels."""
    return run_sql(con, _BOOKS, {**span.params, "symbols": list(symbols), "top": TOP}).dicts()


def depth(con: Runs, span: Span, symbols: Sequence[str]) -> dict[tuple[str, str], list[Sample]]:
    """Return samples by venue and symbol over a span, oldest first, at most `COLUMNS` of each."""
    where = {**span.params, "symbols": list(symbols), "step_s": span.seconds / COLUMNS * (1 + 1e-9)}
    found: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for venue, symbol, ts, mid, trusted, reason, *arrays in con.execute(_DEPTH, where).fetchall():
        found[venue, symbol].append(Sample(ts, mid, trusted, reason, *map(tuple, arrays)))
    return dict(sorted(found.items(), key=lambda one: list(symbols).index(one[0][1])))


def feed(con: Runs, span: Span) -> Feed:
    """Return frames and diffs a second and the worst p99 of each piece of a span."""
    pieces = max(1, min(STRIP, int(span.seconds / FEED_PIECE_S)))
    columns: list[list[float | None]] = [[None] * pieces for _ in range(4)]
    for n, *figures in con.execute(_FEED, {**span.params, "step_s": span.seconds / pieces}).fetchall():
        for column, figure in zip(columns, figures, strict=True):
            column[min(n, pieces - 1)] = figure
    return Feed(*columns)


def feed_now(con: Runs, span: Span) -> list[dict[str, Any]]:
    """Return the newest figures of each venue's feed within a span."""
    return run_sql(con, _LAST_FEED, span.params).dicts()


def evidence(con: Runs, span: Span, *, most: int = 20) -> list[dict[str, Any]]:
    """List the newest disagreements with the venue's own word, the newest first."""
    return run_sql(con, _EVIDENCE, {**span.params, "most": most}).dicts()
