"""
Does the store keep its promises? Questions whose right answer is known beforehand.

Each function returns what contradicts a promise, or the facts a caller compares with another source.
Diffs of spot tile the ids; those of futures name the diff before them. Both are asked here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NamedTuple

from leadline.storage.access.sql import Answer, Runs, run_sql
from leadline.storage.queries.chain import GAP, GAP_AFTER_START, OVERLAP, before

# Diffs that a book in an interval needs beyond the first id at which it was trusted.
_COVERED_DIFFS = """
    SELECT d.venue, d.symbol, d.epoch, d.first_id, d.last_id, d.prev_id, c.ts_from, c.first_id AS start_id
    FROM depth_diffs d JOIN coverage c
      ON d.venue = c.venue AND d.symbol = c.symbol AND d.epoch = c.epoch
     AND d.last_id > c.first_id AND d.last_id <= c.last_id"""

_UNTILED = f"""
SELECT venue, symbol, epoch, before_id, first_id, last_id
FROM (SELECT *, {before("venue", "symbol", "epoch", "ts_from")} AS before_id FROM ({_COVERED_DIFFS}))
WHERE {GAP} OR {OVERLAP}
ORDER BY ALL
"""  # noqa: S608  constants of this folder

_ENDS = """
SELECT c.venue, c.symbol, c.epoch, c.first_id, c.last_id, max(d.last_id) AS newest_diff
FROM coverage c LEFT JOIN depth_diffs d
  ON d.venue = c.venue AND d.symbol = c.symbol AND d.epoch = c.epoch
 AND d.last_id <= c.last_id AND d.last_id > c.first_id
GROUP BY ALL
HAVING c.last_id <> coalesce(max(d.last_id), c.first_id)
"""

_COPIES = """
SELECT venue, symbol, epoch, last_id, count(*) AS copies
FROM depth_diffs GROUP BY ALL HAVING count(*) > 1
"""

# Of all diffs of a market, whichever stream stored them: ids between two of them that nobody stored, and
# ids that two of them carry. Inside coverage only, where a stream promises something.
_CHAIN = f"""
SELECT venue, symbol, epoch_before, epoch, before_id, first_id, last_id
FROM (
    SELECT *, {before("venue", "symbol", column="epoch")} AS epoch_before,
           {before("venue", "symbol")} AS before_id, before_id AS start_id
    FROM (SELECT DISTINCT venue, symbol, epoch, first_id, last_id, prev_id FROM ({_COVERED_DIFFS})))
"""  # noqa: S608
_LOST = f"{_CHAIN} WHERE {GAP_AFTER_START} ORDER BY ALL"
_DOUBLED = f"{_CHAIN} WHERE {OVERLAP} ORDER BY ALL"

_COVERED = f"""
SELECT count(*) AS diffs, coalesce(sum(last_id - first_id + 1), 0) AS ids FROM ({_COVERED_DIFFS})
"""  # noqa: S608

_FALSE_TRUST = """
SELECT s.venue, s.symbol, s.ts, s.last_id,
       CASE WHEN len(s.bid_px) = 0 OR len(s.ask_px) = 0 THEN 'one-sided'
            WHEN s.bid_px[1] >= s.ask_px[1] THEN 'crossed'
            ELSE 'outside coverage' END AS wrong
FROM depth_snapshots s
WHERE s.trusted AND (
    len(s.bid_px) = 0 OR len(s.ask_px) = 0 OR s.bid_px[1] >= s.ask_px[1]
    OR NOT EXISTS (
        SELECT 1 FROM coverage c
        WHERE c.venue = s.venue AND c.symbol = s.symbol AND c.epoch = s.epoch
          AND s.last_id BETWEEN c.first_id AND c.last_id))
"""

_FAULTS = """
SELECT venue, symbol, reason, expected_id, got_id FROM book_events
WHERE reason = $reason ORDER BY ts, venue, symbol
"""

_INTERVALS = "SELECT symbol, first_id, last_id, ended_by FROM coverage ORDER BY ALL"

_SAMPLES = """
SELECT venue, symbol, last_id, bid_px, bid_qty, ask_px, ask_qty FROM depth_snapshots
WHERE trusted AND ts >= $since ORDER BY ts, symbol
"""

_TICKERS = """
SELECT t.venue, t.symbol, t.update_id, t.bid_px, t.bid_qty, t.ask_px, t.ask_qty
FROM book_tickers t
JOIN depth_diffs d ON d.venue = t.venue AND d.symbol = t.symbol AND d.last_id = t.update_id
JOIN coverage c ON c.venue = d.venue AND c.symbol = d.symbol AND c.epoch = d.epoch
 AND d.last_id BETWEEN c.first_id AND c.last_id
WHERE t.ts_recv >= $since
ORDER BY hash(t.update_id + $seed) LIMIT $n
"""

_ATTESTED = "SELECT coalesce(sum(equal_id), 0), coalesce(sum(mismatches), 0) FROM attestations"

_IDS = """
SELECT d.venue, d.symbol, d.last_id
FROM depth_diffs d JOIN coverage c
  ON d.venue = c.venue AND d.symbol = c.symbol AND d.epoch = c.epoch
 AND d.last_id BETWEEN c.first_id AND c.last_id
WHERE d.ts_recv >= $since
QUALIFY row_number() OVER (PARTITION BY d.venue, d.symbol ORDER BY hash(d.last_id + $seed)) <= $n
ORDER BY ALL
"""

_RANGES = """
SELECT venue, symbol, epoch, list_min(bid_px), list_max(ask_px), len(bid_px), len(ask_px)
FROM seeds WHERE source = 'venue'
QUALIFY row_number() OVER (PARTITION BY venue, symbol, epoch ORDER BY last_id) = 1
"""

_LATENCIES = """
SELECT sum(frames),
       max(to_book_p50_us), max(to_book_p99_us), max(to_durable_p50_us), max(to_durable_p99_us),
       median(to_book_p50_us), median(to_book_p99_us), median(to_durable_p50_us), median(to_durable_p99_us)
FROM feed_stats
"""


@dataclass(frozen=True, slots=True)
class Covered:
    """How much trusted coverage holds."""

    diffs: int
    ids: int


def untiled(con: Runs) -> Answer:
    """List diffs in trusted coverage that leave a hole before them or overlap; none is the promise."""
    return run_sql(con, _UNTILED)


def wrong_ends(con: Runs) -> Answer:
    """List intervals that do not end with their last stored diff; none is the promise."""
    return run_sql(con, _ENDS)


def copies(con: Runs) -> Answer:
    """List diffs that are stored more than once in an epoch; none is the promise."""
    return run_sql(con, _COPIES)


def lost_ids(con: Runs) -> Answer:
    """List diffs before which ids are missing, from the first trusted diff of a market to its last."""
    return run_sql(con, _LOST)


def doubled_ids(con: Runs) -> Answer:
    """List diffs whose first id another trusted diff before them carries already, of any stream."""
    return run_sql(con, _DOUBLED)


def covered(con: Runs) -> Covered:
    """Count the diffs in trusted coverage, and the update ids they carry."""
    diffs, ids = con.execute(_COVERED).fetchone()
    return Covered(int(diffs), int(ids))


def false_trust(con: Runs) -> Answer:
    """List samples that say they can be trusted and cannot; none is the promise."""
    return run_sql(con, _FALSE_TRUST)


def faults(con: Runs, reason: str) -> list[tuple[str, str, int | None, int | None]]:
    """List (venue, symbol, expected id, got id) of all events of one reason."""
    rows = run_sql(con, _FAULTS, {"reason": reason}).rows
    return [(venue, symbol, expected, got) for venue, symbol, _, expected, got in rows]


class Covering(NamedTuple):
    """The ids of one interval of coverage, and why it ended; None while it grows."""

    symbol: str
    first_id: int
    last_id: int
    ended_by: str | None


def intervals(con: Runs) -> list[Covering]:
    """List all intervals of coverage, by symbol and ids."""
    return [Covering(*row) for row in run_sql(con, _INTERVALS).rows]


def trusted_samples(con: Runs, since: dt.datetime) -> Answer:
    """Return the trusted samples from ``since`` (UTC) on, with their levels."""
    return run_sql(con, _SAMPLES, {"since": since})


def random_ids(con: Runs, since: dt.datetime, *, n: int, seed: int) -> list[tuple[str, str, int]]:
    """Choose up to ``n`` diffs of each market in trusted coverage; (venue, symbol, last_id)."""
    return [tuple(row) for row in run_sql(con, _IDS, {"since": since, "n": n, "seed": seed}).rows]


def random_tickers(con: Runs, since: dt.datetime, *, n: int, seed: int) -> Answer:
    """Choose up to ``n`` book tickers whose id is also the last id of a diff in trusted coverage."""
    return run_sql(con, _TICKERS, {"since": since, "n": n, "seed": seed})


def attested(con: Runs) -> tuple[int, int]:
    """Return how many tops were compared at equal ids as they streamed, and how many of all differed."""
    row = con.execute(_ATTESTED).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


@dataclass(frozen=True, slots=True)
class SeedRange:
    """Lowest bid and highest ask of a seed, and how many levels it had on each side."""

    lowest: float | None
    highest: float | None
    bids: int
    asks: int


def seed_ranges(con: Runs) -> dict[tuple[str, str, int], SeedRange]:
    """Return the price range of every epoch's seed, by (venue, symbol, epoch)."""
    rows = con.execute(_RANGES).fetchall()
    return {(venue, symbol, epoch): SeedRange(*rest) for venue, symbol, epoch, *rest in rows}


def latencies(con: Runs) -> dict[str, Any]:
    """Sum up ``feed_stats``: frames, and the worst and the usual bucket's latencies in µs."""
    row = con.execute(_LATENCIES).fetchone()
    worst = ("to_book_p50_us", "to_book_p99_us", "to_durable_p50_us", "to_durable_p99_us")
    names = ("frames", *(f"worst_{name}" for name in worst), *(f"usual_{name}" for name in worst))
    return dict(zip(names, row, strict=True))
