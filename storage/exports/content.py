"""
The content hash of a market and a window: equal exactly when the venue said the same.

Hashed is what the venue said, in its own numbers: diffs, seeds, trades and best prices with their ids,
the venue's times, and exact prices and quantities. Not hashed is what differs between two ways of hearing
it: row order, batches, the engine, latencies, epochs, coverage, books rebuilt by us, and the nanoseconds of
receipt. Receipt only decides to which hour a message belongs.

    message   one line of text, fields by ``|``; times in µs since 1970; absent is empty; a number is the
              shortest decimal text that reads back as the same double, as Python's ``repr`` writes it;
              the numbers of a list by ``,``, in the order the venue sent them
                  d|first_id|last_id|prev_id|ts_event|bid_px|bid_qty|ask_px|ask_qty     a diff
                  s|last_id|ts_event|bid_px|bid_qty|ask_px|ask_qty                      a seed
                  t|trade_id|ts_event|ts_trade|px|qty|1 if the buyer is the maker else 0
                  b|update_id|ts_event|bid_px|bid_qty|ask_px|ask_qty                    best prices
              behind it, only where there is one: ts_transaction of d, s and b; of a trade kind=… unless it
              is market, market=market_qty unless that is qty, covers=covers_first_id-covers_last_id
    digest    SHA-256 of the line in UTF-8, lower-case hex
    part      per hour of receipt (UTC) and table: SHA-256 of its digests, sorted and joined
    content   SHA-256 of the lines ``<hour as 2026-01-31T05> <table> <rows> <part>`` of all parts that have
              rows, sorted, each ended by a newline

A store holds the diffs that made it into a book. Live and replay apply the same ones as long as the replay
loses the book where the stream lost it; a recording does not say where a connection was lost, so after a
reconnect that missed no update a replay keeps diffs that the stream, waiting for a new seed, did not need.

The hours let two stores that differ find out where, and bound the memory: one hour of one table at a
time, inside the database.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from leadline.storage.access.sql import Runs, utc_naive

ALGORITHM = "leadline-content-2"
HOUR = dt.timedelta(hours=1)

_WINDOW = """
SELECT min(a), max(z) FROM (
    SELECT min(ts_recv) AS a, max(ts_recv) AS z FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
    UNION ALL SELECT min(ts_recv), max(ts_recv) FROM seeds
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
    UNION ALL SELECT min(ts_recv), max(ts_recv) FROM trades
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
    UNION ALL SELECT min(ts_recv), max(ts_recv) FROM book_tickers
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until)
"""

_PARTS = {
    "book_tickers": """
SELECT count(*), sha256(string_agg(digest, '' ORDER BY digest)) FROM (
    SELECT sha256(concat_ws('|', 'b', update_id, coalesce(CAST(epoch_us(ts_event) AS VARCHAR), ''),
                            bid_px, bid_qty, ask_px, ask_qty, epoch_us(ts_transaction))) AS digest
    FROM book_tickers
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until)
""",
    "depth_diffs": """
SELECT count(*), sha256(string_agg(digest, '' ORDER BY digest)) FROM (
    SELECT sha256(concat_ws('|', 'd', first_id, last_id, coalesce(CAST(prev_id AS VARCHAR), ''),
                            epoch_us(ts_event), array_to_string(bid_px, ','),
                            array_to_string(bid_qty, ','), array_to_string(ask_px, ','),
                            array_to_string(ask_qty, ','), epoch_us(ts_transaction))) AS digest
    FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until)
""",
    "seeds": """
SELECT count(*), sha256(string_agg(digest, '' ORDER BY digest)) FROM (
    SELECT sha256(concat_ws('|', 's', last_id, coalesce(CAST(epoch_us(ts_event) AS VARCHAR), ''),
                            array_to_string(bid_px, ','), array_to_string(bid_qty, ','),
                            array_to_string(ask_px, ','), array_to_string(ask_qty, ','),
                            epoch_us(ts_transaction))) AS digest
    FROM seeds
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
      AND source = 'venue')
""",
    "trades": """
SELECT count(*), sha256(string_agg(digest, '' ORDER BY digest)) FROM (
    SELECT sha256(concat_ws('|', 't', trade_id, epoch_us(ts_event), epoch_us(ts_trade), px, qty,
                            CASE WHEN buyer_is_maker THEN 1 ELSE 0 END,
                            CASE WHEN kind <> 'market' THEN 'kind=' || kind END,
                            CASE WHEN market_qty <> qty THEN 'market=' || market_qty END,
                            'covers=' || covers_first_id || '-' || covers_last_id)) AS digest
    FROM trades
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until)
""",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One hour of one table; ``digest`` is lower-case hex."""

    hour: dt.datetime
    table: str
    rows: int
    digest: str

    def line(self) -> str:
        """Return the line that goes into the content hash."""
        return f"{self.hour:%Y-%m-%dT%H} {self.table} {self.rows} {self.digest}\n"


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a window: its parts in order, and the hash over them."""

    parts: tuple[Part, ...]

    @property
    def digest(self) -> str:
        """Return the content hash, lower-case hex; of a window without rows that of the empty text."""
        lines = sorted(part.line() for part in self.parts)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def rows(self) -> dict[str, int]:
        """Count the rows hashed, by table."""
        return {table: sum(p.rows for p in self.parts if p.table == table) for table in _PARTS}


def content(con: Runs, venue: str, symbol: str, since: dt.datetime, until: dt.datetime) -> Content:
    """
    Hash what ``venue`` said about ``symbol``, received in ``since .. until`` (UTC, end excluded).

    For a hash that does not change meanwhile, call it inside a transaction.
    """
    where: dict[str, object] = {"venue": venue, "symbol": symbol}
    parts = []
    for begin, end in hours_with_rows(con, venue, symbol, since, until):
        window = {**where, "since": begin, "until": end}
        for table, statement in _PARTS.items():
            rows, digest = con.execute(statement, window).fetchone()
            if rows:
                hour = begin.replace(minute=0, second=0, microsecond=0)
                parts.append(Part(hour, table, int(rows), str(digest)))
    return Content(tuple(parts))


def hours_with_rows(
    con: Runs, venue: str, symbol: str, since: dt.datetime, until: dt.datetime
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Cut the part of a window that holds rows at the full hours; both ends UTC without zone."""
    params = {"venue": venue, "symbol": symbol, "since": utc_naive(since), "until": utc_naive(until)}
    first, last = con.execute(_WINDOW, params).fetchone()
    if first is None:
        return
    begin = max(utc_naive(since), first.replace(minute=0, second=0, microsecond=0))
    while begin <= last:
        full = begin.replace(minute=0, second=0, microsecond=0) + HOUR
        yield begin, min(full, utc_naive(until))
        begin = full
