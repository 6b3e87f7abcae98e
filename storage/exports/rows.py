"""
What a format without update ids can carry of a market: changes of levels, trades and best prices, in order.

Depth comes from trusted intervals only. Each begins with the whole book as it stood when it could first be
trusted (the venue's seed and the diffs that had been waiting for it), or as it stood when the window opens;
then every later diff level by level; and where it ended and another one follows within the window, a row
that says so. What lies between two intervals is in no row. The last book stands until the window ends.

All times of the venue are of one clock, the matching engine's: ``T`` of futures' diffs and trades alike,
``cts`` and ``T`` of Bybit. Spot diffs have only the time at which they were sent, ``E``.

Of trades, only what met the book is carried.

Both clocks are kept from running back, as readers demand: a time is never less than the one before it of
its own stream. `Carried` hashes the rows without our clock, so it is the same live, replayed and read back
from any file that carries them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.storage.access.connect import Connection
from leadline.storage.access.sql import EPOCH, ns_of, utc_naive
from leadline.storage.errors import StoreError
from leadline.storage.exports.content import hours_with_rows
from leadline.storage.exports.covered import cut, intervals
from leadline.storage.queries.chain import CLOCK_STEP, FUTURE, GAP, before
from leadline.storage.queries.coverage import TrustedInterval
from leadline.storage.queries.rebuild import book_of_epoch

CHANGE, SNAPSHOT, END = 0, 1, 2  # of DEPTH["kind"]
BID, ASK = 0, 1

Rows = NDArray[np.void]

DEPTH = np.dtype(
    [
        ("ts_us", "<i8"),  # the matching engine's clock; where the venue sends none, when it told so
        ("recv_ns", "<i8"),
        ("id", "<i8"),  # last update id of the diff, or of the book
        ("kind", "u1"),
        ("side", "u1"),
        ("px", "<f8"),
        ("qty", "<f8"),
    ]
)
TRADES = np.dtype(
    [
        ("ts_us", "<i8"),
        ("recv_ns", "<i8"),
        ("id", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("buyer_is_maker", "u1"),
    ]
)
TICKERS = np.dtype(
    [
        ("ts_us", "<i8"),  # receipt where the venue sends none
        ("recv_ns", "<i8"),
        ("bid_px", "<f8"),
        ("bid_qty", "<f8"),
        ("ask_px", "<f8"),
        ("ask_qty", "<f8"),
    ]
)

# What of each is hashed. A snapshot has no time of the venue's own on spot, so none counts.
_HASHED = {
    "depth": np.dtype([("ts_us", "<i8"), ("kind", "u1"), ("side", "u1"), ("px", "<f8"), ("qty", "<f8")]),
    "trades": np.dtype(
        [("ts_us", "<i8"), ("id", "<i8"), ("px", "<f8"), ("qty", "<f8"), ("buyer_is_maker", "u1")]
    ),
    "book_tickers": np.dtype(
        [("bid_px", "<f8"), ("bid_qty", "<f8"), ("ask_px", "<f8"), ("ask_qty", "<f8")]
    ),
}

# All diffs up to the newest received before ``until``, in the order of their ids.
_DIFFS = f"""
SELECT epoch_us(coalesce(ts_transaction, ts_event)) AS ts_us, recv_ns, last_id AS id,
       bid_px, bid_qty, ask_px, ask_qty, {GAP} AS is_gap
FROM (
    SELECT *, $after_id AS start_id, {before()} AS before_id,
           max(last_id) FILTER (ts_recv < $until) OVER () AS newest
    FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
      AND last_id > $after_id AND last_id <= $last_id AND ts_recv >= $rows_from AND ts_recv < $rows_to)
WHERE last_id <= newest ORDER BY last_id
"""  # noqa: S608  constants of `storage.queries.chain`

# The venue's clock when the book stood there: of the diff that brought it there, else of the next.
_EVENT_TIME = """
SELECT epoch_us(coalesce(max(coalesce(ts_transaction, ts_event)) FILTER (WHERE last_id <= $id),
                         min(coalesce(ts_transaction, ts_event)) FILTER (WHERE last_id > $id)))
FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
  AND ts_recv >= $since AND ts_recv < $until
"""
_AROUND = dt.timedelta(minutes=10)

# What met the book, and nothing else: a queue in the book shrinks by no other trade.
_TRADES = """
SELECT epoch_us(ts_trade) AS ts_us, recv_ns, trade_id AS id, px, market_qty AS qty,
       CAST(buyer_is_maker AS UTINYINT) AS buyer_is_maker
FROM trades
WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until AND kind = 'market'
ORDER BY trade_id, recv_ns
"""

_TICKERS = """
SELECT coalesce(epoch_us(ts_transaction), epoch_us(ts_event), recv_ns // 1000) AS ts_us, recv_ns,
       bid_px, bid_qty, ask_px, ask_qty
FROM book_tickers
WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
ORDER BY update_id, recv_ns
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """The rows received within one hour."""

    depth: Rows
    trades: Rows
    tickers: Rows


class Carried:
    """
    SHA-256 over rows in their order, as packed little-endian records; see ``_HASHED`` for their fields.

    Rows of kind END are not hashed: not every format can hold them.
    """

    def __init__(self, table: str) -> None:
        self.rows = 0
        self._dtype = _HASHED[table]
        self._hash = hashlib.sha256()

    def update(self, rows: Rows) -> None:
        """Take the next rows."""
        if rows.dtype == DEPTH:
            rows = rows[rows["kind"] != END]
        packed = np.zeros(len(rows), self._dtype)
        for name in self._dtype.names or ():
            packed[name] = rows[name]
        if rows.dtype == DEPTH:
            packed["ts_us"][rows["kind"] == SNAPSHOT] = 0
        self.rows += len(rows)
        self._hash.update(packed.tobytes())

    @property
    def digest(self) -> str:
        """Return the hash of all rows so far, lower-case hex."""
        return self._hash.hexdigest()


@dataclass
class Clocks:
    """Keeps both times of one stream from running back; ``raised`` counts the rows it changed."""

    raised: int = 0
    _last: dict[str, int] = field(default_factory=dict)

    def settle(self, rows: Rows) -> None:
        """Raise times in place."""
        if not len(rows):
            return
        for name in ("ts_us", "recv_ns"):
            times = rows[name]
            settled = np.maximum.accumulate(np.maximum(times, self._last.get(name, times[0])))
            self.raised += int((settled != times).sum())
            rows[name] = settled
            self._last[name] = int(settled[-1])


class Reader:
    """Reads a window hour by hour; use it inside a transaction, so that the hours belong together."""

    def __init__(
        self, con: Connection, venue: str, symbol: str, since: dt.datetime, until: dt.datetime
    ) -> None:
        self._con = con
        self._where: dict[str, object] = {"venue": venue, "symbol": symbol}
        self._market = (venue, symbol)
        self._since, self._until = utc_naive(since), utc_naive(until)
        self._covered = [
            cut(con, venue, symbol, interval, since, until)
            for interval in intervals(con, venue, symbol, since, until)
        ]
        self._stands_at: dict[int, int] = {}  # by interval: the id up to which it was read
        self._clocks = {"depth": Clocks(), "trades": Clocks(), "tickers": Clocks()}

    @property
    def raised(self) -> int:
        """Count the times that would have run back."""
        return sum(clocks.raised for clocks in self._clocks.values())

    def hours(self) -> Iterator[Hour]:
        """Yield the rows of each hour that has any."""
        for begin, end in hours_with_rows(self._con, *self._market, self._since, self._until):
            window = {**self._where, "since": begin, "until": end}
            hour = Hour(
                depth=self._depth(begin, end),
                trades=_rows(self._con.execute(_TRADES, window).arrow(), TRADES),
                tickers=_rows(self._con.execute(_TICKERS, window).arrow(), TICKERS),
            )
            for name, clocks in self._clocks.items():
                clocks.settle(getattr(hour, name))
            yield hour

    def _depth(self, begin: dt.datetime, end: dt.datetime) -> Rows:
        parts = [np.zeros(0, DEPTH)]
        for n, interval in enumerate(self._covered):
            if interval.ts_from >= end or interval.ts_to < begin:
                continue
            if n not in self._stands_at:
                parts.append(self._book(n, interval))
            diffs = self._diffs(interval, self._stands_at[n], begin, end)
            if diffs.num_rows:
                self._stands_at[n] = diffs.column("id")[-1].as_py()
            parts.append(_levels(diffs))
            is_followed = interval.ended_by is not None and n + 1 < len(self._covered)
            if is_followed and begin <= interval.ts_to < end:
                parts.append(self._end(interval))
        return np.concatenate(parts)

    def _diffs(
        self, interval: TrustedInterval, after_id: int, begin: dt.datetime, end: dt.datetime
    ) -> pa.Table:
        """Read the diffs after ``after_id`` that were received before ``end``."""
        where = {**self._where, "epoch": interval.epoch, "last_id": interval.last_id, "after_id": after_id}
        found, hole = self._chained(where, end, begin - CLOCK_STEP, end + CLOCK_STEP)
        if hole is not None:
            found, hole = self._chained(where, end, EPOCH, FUTURE)
        if hole is not None:
            raise StoreError(f"{self._market[1]}: stored diffs have a hole before update {hole}")
        return found

    def _chained(
        self, where: dict[str, object], until: dt.datetime, rows_from: dt.datetime, rows_to: dt.datetime
    ) -> tuple[pa.Table, int | None]:
        """Read the rows received in a span, and before which of them updates are missing."""
        span = {"until": until, "rows_from": rows_from, "rows_to": rows_to}
        found = self._con.execute(_DIFFS, {**where, **span}).arrow()
        gaps = found.filter(found.column("is_gap"))
        return found, gaps.column("id")[0].as_py() if gaps.num_rows else None

    def _book(self, n: int, interval: TrustedInterval) -> Rows:
        """Rebuild the book an interval begins with, or the one the window opens on."""
        book = book_of_epoch(self._con, *self._market, interval.epoch, until_id=interval.first_id)
        self._stands_at[n] = book.last_id
        rows = np.zeros(len(book.bids) + len(book.asks), DEPTH)
        rows["kind"], rows["id"] = SNAPSHOT, book.last_id
        rows["side"][len(book.bids) :] = ASK
        if len(rows):
            rows["px"], rows["qty"] = np.array(book.bids + book.asks, np.float64).T
        rows["recv_ns"] = ns_of(interval.ts_from)
        rows["ts_us"] = self._event_us(interval, interval.ts_from, book.last_id)
        return rows

    def _end(self, interval: TrustedInterval) -> Rows:
        row = np.zeros(1, DEPTH)
        row["kind"], row["id"], row["recv_ns"] = END, interval.last_id, ns_of(interval.ts_to)
        row["ts_us"] = self._event_us(interval, interval.ts_to, interval.last_id)
        return row

    def _event_us(self, interval: TrustedInterval, near: dt.datetime, at_id: int) -> int:
        around = {"since": near - _AROUND, "until": near + _AROUND, "id": at_id, "epoch": interval.epoch}
        (found,) = self._con.execute(_EVENT_TIME, {**self._where, **around}).fetchone() or (None,)
        return ns_of(near) // 1000 if found is None else int(found)


def _rows(table: pa.Table, dtype: np.dtype[np.void]) -> Rows:
    rows = np.zeros(table.num_rows, dtype)
    for name in dtype.names or ():
        rows[name] = table.column(name).to_numpy()
    return rows


def _levels(diffs: pa.Table) -> Rows:
    """Unnest diffs: of each its bids, then its asks, in the order of the frame."""
    columns = {name: diffs.column(name).combine_chunks() for name in diffs.column_names}
    bids, asks = (_lengths(columns[name]) for name in ("bid_px", "ask_px"))
    of = np.concatenate([np.repeat(np.arange(len(bids)), bids), np.repeat(np.arange(len(asks)), asks)])
    side = np.repeat(np.array([BID, ASK], np.uint8), [bids.sum(), asks.sum()])
    order = np.argsort(2 * of + side, kind="stable")
    rows = np.zeros(len(of), DEPTH)
    for name in ("ts_us", "recv_ns", "id"):
        rows[name] = columns[name].to_numpy()[of][order]
    for name in ("px", "qty"):
        both = [_flat(columns[f"{side_name}_{name}"]) for side_name in ("bid", "ask")]
        rows[name] = np.concatenate(both)[order]
    rows["side"] = side[order]
    return rows


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _flat(lists: pa.Array) -> NDArray[np.float64]:
    values: NDArray[np.float64] = lists.flatten().to_numpy(zero_copy_only=False)
    return values
