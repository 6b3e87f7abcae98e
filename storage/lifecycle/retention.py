"""
Let old rows go, and keep what is left rebuildable.

An epoch that is still in use across the cut gets a new seed first: its book as it stood there, rebuilt by
SQL. Then its coverage shrinks, and only then its old diffs go. So a crash between two steps leaves rows too
many, never too few, and running it again finishes the work. Within an epoch ids say what is older: where
our clock was set back, rows that it dates later and whose ids are lower go too. Signals, calls and prices
stay; the texts behind signals have a time of their own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from leadline.book.errors import BadInput
from leadline.storage.access.sql import Runs, utc_naive
from leadline.storage.errors import StoreError
from leadline.storage.queries.rebuild import store_seed

# Epochs with diffs on the far side of the cut, the last of those, and whether anything newer leans on them.
_EPOCHS = """
WITH old AS (
    SELECT venue, symbol, epoch, max(last_id) AS last_id, arg_max(ts_recv, last_id) AS ts_recv
    FROM depth_diffs WHERE ts_recv < $cut GROUP BY ALL
)
SELECT old.venue, old.symbol, old.epoch, old.last_id, old.ts_recv
FROM old
WHERE EXISTS (SELECT 1 FROM depth_diffs d
              WHERE d.venue = old.venue AND d.symbol = old.symbol AND d.epoch = old.epoch
                AND d.ts_recv >= $cut)
   OR EXISTS (SELECT 1 FROM coverage c
              WHERE c.venue = old.venue AND c.symbol = old.symbol AND c.epoch = old.epoch
                AND (c.ended_by IS NULL OR c.ts_to >= $cut))
ORDER BY ALL
"""

_HAS_SEED = """
SELECT count(*) FROM seeds
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id = $last_id
"""

_SHRINK_COVERAGE = """
UPDATE coverage SET first_id = $last_id, ts_from = greatest(ts_from, $ts), mono_from_ns = NULL
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
  AND first_id < $last_id AND last_id >= $last_id
"""

# Intervals and diffs of an epoch that end where its book now begins, whatever our clock said.
_DROP_OLDER = {
    "coverage": """
DELETE FROM coverage
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id < $last_id
  AND ended_by IS NOT NULL""",
    "depth_diffs": """
DELETE FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id <= $last_id AND ts_recv >= $cut""",
}

_DROP_COVERAGE = "DELETE FROM coverage WHERE ts_to < $cut AND ended_by IS NOT NULL"

# Of each epoch the newest old seed stays when something newer still starts from it.
_DROP_SEEDS = """
DELETE FROM seeds s
WHERE s.ts_recv < $cut AND (
    EXISTS (SELECT 1 FROM seeds t
            WHERE t.venue = s.venue AND t.symbol = s.symbol AND t.epoch = s.epoch
              AND t.last_id > s.last_id AND t.ts_recv < $cut)
    OR NOT EXISTS (SELECT 1 FROM coverage c
                   WHERE c.venue = s.venue AND c.symbol = s.symbol AND c.epoch = s.epoch)
       AND NOT EXISTS (SELECT 1 FROM depth_diffs d
                       WHERE d.venue = s.venue AND d.symbol = s.symbol AND d.epoch = s.epoch))
"""

_OLDEST = """
SELECT symbol, min(ts) FROM (
    SELECT symbol, ts_recv AS ts FROM depth_diffs WHERE ts_recv < $cut
    UNION ALL SELECT symbol, ts_recv FROM seeds WHERE ts_recv < $cut
    UNION ALL SELECT symbol, ts_recv FROM trades WHERE ts_recv < $cut
    UNION ALL SELECT symbol, ts_recv FROM book_tickers WHERE ts_recv < $cut
    UNION ALL SELECT symbol, ts FROM depth_snapshots WHERE ts < $cut
    UNION ALL SELECT symbol, ts FROM book_events WHERE ts < $cut
    UNION ALL SELECT symbol, ts_from FROM coverage WHERE ts_from < $cut
) GROUP BY symbol ORDER BY symbol
"""

# The newest run of a market stays: the next trade tells whether any is missing since.
_DROP_RUNS = """
DELETE FROM trade_coverage r
WHERE r.ts_to < $cut AND EXISTS (
    SELECT 1 FROM trade_coverage later
    WHERE later.venue = r.venue AND later.symbol = r.symbol AND later.ts_trade > r.ts_trade)
"""

_SHRINK_RUNS = """
UPDATE trade_coverage AS r SET first_id = kept.first_id, ts_from = kept.ts_from
FROM (SELECT o.venue, o.symbol, o.last_id, o.ts_trade,
             min(t.trade_id) AS first_id, min(t.ts_recv) AS ts_from
      FROM trade_coverage o JOIN trades t
        ON t.venue = o.venue AND t.symbol = o.symbol AND t.trade_id BETWEEN o.first_id AND o.last_id
           AND t.ts_recv >= $cut AND t.ts_trade <= o.ts_trade
      WHERE o.ts_from < $cut AND o.ts_to >= $cut GROUP BY ALL) kept
WHERE r.venue = kept.venue AND r.symbol = kept.symbol AND r.last_id = kept.last_id
  AND r.ts_trade = kept.ts_trade
"""

_DROP_TEXTS = "DELETE FROM llm_texts WHERE ts < $cut"

_DROPS = {
    "depth_diffs": "DELETE FROM depth_diffs WHERE ts_recv < $cut",
    "trades": "DELETE FROM trades WHERE ts_recv < $cut",
    "trade_coverage": _DROP_RUNS,
    "trade_repeats": "DELETE FROM trade_repeats WHERE ts_recv < $cut",
    "trade_backfills": "DELETE FROM trade_backfills WHERE ts < $cut",
    "book_tickers": "DELETE FROM book_tickers WHERE ts_recv < $cut",
    "depth_snapshots": "DELETE FROM depth_snapshots WHERE ts < $cut",
    "book_events": "DELETE FROM book_events WHERE ts < $cut",
    "attestations": "DELETE FROM attestations WHERE minute < $cut",
    "mismatches": "DELETE FROM mismatches WHERE ts < $cut",
    "clock_steps": "DELETE FROM clock_steps WHERE ts < $cut",
    "clock": "DELETE FROM clock WHERE ts < $cut",
    "feed_stats": "DELETE FROM feed_stats WHERE ts < $cut",
    "latency": "DELETE FROM latency WHERE minute < $cut",
    "leg_stats": "DELETE FROM leg_stats WHERE ts < $cut",
    "addresses": "DELETE FROM addresses WHERE ts < $cut",
    "ingest_batches": "DELETE FROM ingest_batches WHERE ts < $cut",
}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went: rows by table, and how many seeds were rebuilt so that the rest can stand."""

    rows: dict[str, int]
    seeds_rebuilt: int
    unfollowed: tuple[str, ...]  # epochs that could not be followed to the cut; their coverage ends there


def prune(con: Runs, *, keep_days: float, now: dt.datetime) -> Pruned:
    """
    Delete rows received more than ``keep_days`` before ``now``; ``con`` must be able to write.

    May run while a stream writes. The file does not shrink, its space is used again.
    """
    if keep_days < 0:
        raise BadInput(f"keep_days: expected 0 or more, got {keep_days}")
    cut = {"cut": utc_naive(now) - dt.timedelta(days=keep_days)}
    rebuilt, before = 0, dict.fromkeys(_DROP_OLDER, 0)
    unfollowed: list[str] = []
    for venue, symbol, epoch, last_id, ts_recv in con.execute(_EPOCHS, cut).fetchall():
        where = {"venue": venue, "symbol": symbol, "epoch": epoch, "last_id": last_id}
        if con.execute(_HAS_SEED, where).fetchone()[0] == 0:
            try:
                store_seed(con, venue, symbol, epoch, last_id)
            except StoreError as exc:
                unfollowed.append(str(exc))  # a part of it was lost before: it cannot get worse
                continue
            rebuilt += 1
        con.execute(_SHRINK_COVERAGE, {**where, "ts": ts_recv})
        if older := _count(con, _DROP_OLDER["coverage"], where):
            before["coverage"] += older
            before["depth_diffs"] += _count(con, _DROP_OLDER["depth_diffs"], {**where, **cut})
    con.execute(_SHRINK_RUNS, cut)
    rows = {"coverage": _count(con, _DROP_COVERAGE, cut)}
    rows |= {table: _count(con, statement, cut) for table, statement in _DROPS.items()}
    rows = {table: n + before.get(table, 0) for table, n in rows.items()}
    rows["seeds"] = _count(con, _DROP_SEEDS, cut)
    # A transaction of the stream may be open at this instant; the next automatic checkpoint does it then.
    with contextlib.suppress(duckdb.TransactionException):
        con.execute("CHECKPOINT")
    return Pruned(rows, rebuilt, tuple(unfollowed))


def prune_texts(con: Runs, *, keep_days: float, now: dt.datetime) -> int:
    """Delete what was sent to models and what they said more than ``keep_days`` before ``now``."""
    if keep_days < 0:
        raise BadInput(f"keep_texts_days: expected 0 or more, got {keep_days}")
    return _count(con, _DROP_TEXTS, {"cut": utc_naive(now) - dt.timedelta(days=keep_days)})


def oldest(con: Runs, *, before: dt.datetime) -> dict[str, dt.datetime]:
    """Return the oldest moment (UTC) of each symbol that has rows from ``before`` a moment."""
    return dict(con.execute(_OLDEST, {"cut": utc_naive(before)}).fetchall())


def _count(con: Runs, statement: str, params: Mapping[str, object]) -> int:
    row = con.execute(statement, params).fetchone()
    return int(row[0]) if row else 0
