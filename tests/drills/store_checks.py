"""
What must be true of a store after its writer was killed, as questions in SQL; each answer is a complaint.

The witness is the list of batches that were acknowledged: their COMMIT had returned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from leadline.storage.errors import StoreError
from leadline.storage.queries.rebuild import PriceLevel, book_at

COUNTS = ("diffs", "levels", "trades", "tickers", "seeds", "events", "samples", "stats")

_STORED = {
    "diffs": "SELECT count(*) FROM depth_diffs",
    "levels": "SELECT coalesce(sum(len(bid_px) + len(ask_px)), 0)::BIGINT FROM depth_diffs",
    "trades": "SELECT count(*) FROM trades",
    "tickers": "SELECT count(*) FROM book_tickers",
    "seeds": "SELECT count(*) FROM seeds WHERE source = 'venue'",
    "events": "SELECT count(*) FROM book_events",
    "samples": "SELECT count(*) FROM depth_snapshots",
    "stats": "SELECT count(*) FROM feed_stats",
}
_BATCH = "SELECT diffs, levels, trades, tickers, seeds, events, samples, stats FROM ingest_batches"
_TOTALS = "SELECT coalesce(sum($count), 0)::BIGINT FROM ingest_batches"
_HOLES = """
    SELECT writer_id, count(*), count(DISTINCT seq), min(seq), max(seq) FROM ingest_batches
    GROUP BY writer_id HAVING count(*) <> count(DISTINCT seq) OR min(seq) <> 1 OR max(seq) <> count(*)
"""
_OPEN = "SELECT symbol, epoch FROM coverage WHERE ended_by IS NULL"
# Where the data of an epoch ends: its last diff, or its seed if it had none.
_ENDS = """
    WITH data AS (
        SELECT venue, symbol, epoch, last_id, ts_recv FROM depth_diffs
        UNION ALL SELECT venue, symbol, epoch, last_id, ts_recv FROM seeds
    ), ends AS (
        SELECT venue, symbol, epoch, max(last_id) AS last_id, max(ts_recv) AS ts FROM data GROUP BY ALL
    ), covered AS (
        SELECT venue, symbol, epoch, max(last_id) AS last_id, max(ts_to) AS ts,
            arg_max(ended_by, last_id) AS ended_by
        FROM coverage GROUP BY ALL
    )
    SELECT symbol, epoch, ends.last_id, covered.last_id, ends.ts, covered.ts, ended_by
    FROM ends FULL JOIN covered USING (venue, symbol, epoch)
"""
_IDS = """
    SELECT diffs.last_id FROM depth_diffs AS diffs JOIN coverage USING (venue, symbol, epoch)
    WHERE symbol = $symbol AND epoch = $epoch
        AND diffs.last_id BETWEEN coverage.first_id AND coverage.last_id
    ORDER BY diffs.last_id
"""
_SEED_BAND = """
    SELECT bid_px[-1], ask_px[-1] FROM seeds
    WHERE symbol = $symbol AND epoch = $epoch AND source = 'venue' ORDER BY last_id LIMIT 1
"""
_NEWEST = "SELECT symbol, max(epoch) FROM depth_diffs GROUP BY symbol ORDER BY symbol"
_EVERY = "SELECT DISTINCT symbol, epoch FROM depth_diffs ORDER BY ALL"

Truth = Callable[[str, int], dict[str, Any]]
Con = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One line of the witness."""

    writer: str
    seq: int
    rows: dict[str, int]


def read_witness(path: Path) -> list[Acknowledged]:
    """Read the witness; a line that the kill cut short is none."""
    text = path.read_bytes() if path.exists() else b""
    return [Acknowledged(**json.loads(line)) for line in text.split(b"\n")[:-1]]


def unacknowledged(con: Con, witness: list[Acknowledged]) -> int:
    """Count batches in the store whose COMMIT returned to nobody: allowed, and interesting."""
    row = con.execute("SELECT count(*) FROM ingest_batches").fetchone()
    assert row is not None
    return int(row[0]) - len(witness)


def lost_batches(con: Con, witness: list[Acknowledged]) -> Iterator[str]:
    """Complain of acknowledged batches that are not in the store as they were."""
    for one in witness:
        found = con.execute(f"{_BATCH} WHERE writer_id = ? AND seq = ?", [one.writer, one.seq]).fetchall()
        expected = [tuple(one.rows[count] for count in COUNTS)]
        if found != expected:
            yield f"batch {one.seq} of {one.writer}: acknowledged {expected}, stored {found}"


def half_batches(con: Con) -> Iterator[str]:
    """Complain when the rows of a kind are not as many as all batches together say, or one is missing."""
    for count in COUNTS:
        said = con.execute(_TOTALS.replace("$count", count)).fetchone()
        there = con.execute(_STORED[count]).fetchone()
        if said != there:
            yield f"{count}: batches say {said}, stored {there}"
    for writer, *figures in con.execute(_HOLES).fetchall():
        yield f"batches of {writer} are not 1, 2, 3 …: count, distinct, first, last are {figures}"


def loose_ends(con: Con) -> Iterator[str]:
    """Complain of coverage that does not end exactly where the data of its epoch ends."""
    for symbol, epoch in con.execute(_OPEN).fetchall():
        yield f"{symbol}: coverage of epoch {epoch} has no end"
    for symbol, epoch, last_id, covered_id, ts, covered_ts, ended_by in con.execute(_ENDS).fetchall():
        if last_id != covered_id or ts != covered_ts:
            data, coverage = f"{last_id} at {ts}", f"{covered_id} at {covered_ts}"
            yield f"{symbol}, epoch {epoch}: data ends {data}, coverage {coverage} ({ended_by})"


def wrong_books(
    con: Con, truth: Truth, rng: Random, each: int, *, every_epoch: bool = False
) -> Iterator[tuple[str, int, str]]:
    """
    Rebuild the newest epoch of each symbol, or every one, at ``each`` random ids.

    Yield symbol, id and complaint.

    The complaint is empty where the book equals the venue's within the prices the seed reached; beyond
    them a client cannot know what the venue has.
    """
    for symbol, epoch in con.execute(_EVERY if every_epoch else _NEWEST).fetchall():
        ids = [row[0] for row in con.execute(_IDS, {"symbol": symbol, "epoch": epoch}).fetchall()]
        for at_id in rng.sample(ids, min(each, len(ids))):
            there = truth(symbol, at_id)
            try:
                book = book_at(con, symbol, at_id=at_id)
            except StoreError as exc:
                yield symbol, at_id, str(exc)
                continue
            # The id that ends one epoch begins the next; the book found is of the later one.
            low, high = _seed_band(con, symbol, book.epoch)
            ours = _within(book.bids, book.asks, low, high)
            theirs = _within(_exact(there["bids"]), _exact(there["asks"]), low, high)
            same = book.last_id == there["last_id"] == at_id and ours == theirs
            yield symbol, at_id, "" if same else _difference(symbol, at_id, ours, theirs)


def _seed_band(con: Con, symbol: str, epoch: int) -> tuple[Decimal, Decimal]:
    band = con.execute(_SEED_BAND, {"symbol": symbol, "epoch": epoch}).fetchone()
    assert band is not None
    return Decimal(repr(band[0])), Decimal(repr(band[1]))


def _exact(levels: list[list[str]]) -> list[PriceLevel]:
    return [(Decimal(price), Decimal(qty)) for price, qty in levels]


def _within(
    bids: Iterable[PriceLevel], asks: Iterable[PriceLevel], low: Decimal, high: Decimal
) -> list[tuple[str, Decimal, Decimal]]:
    """Keep the levels that a seed reaching from ``low`` to ``high`` lets a client know."""
    known = [("bid", price, qty) for price, qty in bids if price >= low]
    return known + [("ask", price, qty) for price, qty in asks if price <= high]


def _difference(symbol: str, at_id: int, ours: list[Any], theirs: list[Any]) -> str:
    extra, missing = set(ours) - set(theirs), set(theirs) - set(ours)
    return (
        f"{symbol} at {at_id}: {len(ours)} levels against {len(theirs)}; "
        f"not at the venue {sorted(extra)[:3]}, not with us {sorted(missing)[:3]}"
    )
