"""
How a database goes from one stream to the next without losing an update: what the next one must know.

    old     streams ──────────────────────────────── asked to leave ─ flush ─ close
    next      claims the succession ─ warms up ─ keeps its rows back ──┘         └ opens, cuts, stores

Only one process at a time may be the next one (`Heir`); a stream started cold lets it go first. Once it
holds the file it asks where the old stream's rows end (`ends`), and stores only what comes after.
"""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from leadline.storage.access.address import beside
from leadline.storage.access.sql import Runs
from leadline.storage.errors import StoreError
from leadline.storage.files.lockfile import LockFile, lock_holder

# A trade or ticker as new as the end of the old stream was received within this time before it.
_RECENT = dt.timedelta(hours=1)

_OPEN = "SELECT symbol, last_id FROM coverage WHERE venue = $venue AND ended_by IS NULL"

# The newest interval, whatever our clock said. What was imported is of another stream, unless there is
# nothing else.
_ENDS = """
SELECT symbol, arg_max(last_id, place), epoch_us(arg_max(ts_to, place))
FROM (SELECT *, (ended_by IS DISTINCT FROM 'imported', coalesce(numbering, 1), last_id, first_id,
                 coalesce(seq, 0), rowid) AS place
      FROM coverage WHERE venue = $venue)
GROUP BY symbol
"""

# Where our clock was set forward within the time that counts as recent, so was the receipt of what is.
_SET_FORWARD = "SELECT min(ts_before) FROM clock_steps WHERE venue = $venue AND step_s > 0 AND ts >= $since"

_CLOCK = """
SELECT clock_ns FROM ingest_batches WHERE clock_ns IS NOT NULL ORDER BY rowid DESC LIMIT 1
"""
_TRADES = """
SELECT symbol, max(trade_id) FROM trades WHERE venue = $venue AND ts_recv >= $since GROUP BY symbol
"""
_TICKERS = """
SELECT symbol, max(update_id) FROM book_tickers WHERE venue = $venue AND ts_recv >= $since GROUP BY symbol
"""
_STATS = """
SELECT max(epoch_us(ts) + CAST(bucket_s * 1e6 AS BIGINT)) FROM feed_stats
WHERE venue = $venue AND ts >= $since
"""


class HasHeir(StoreError):
    """Another process is about to take the database over; ``pid`` where known."""

    def __init__(self, db: Path, pid: int) -> None:
        self.pid = pid
        super().__init__(f"process {pid} is about to take {db} over; wait until it has")


@dataclass(frozen=True, slots=True)
class SymbolEnd:
    """Where the stored rows of one symbol end; ids are -1 where there is no row, ``ts_ns`` since 1970."""

    last_id: int = -1
    ts_ns: int = 0
    trade_id: int = -1
    ticker_id: int = -1


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the stored rows of a venue end."""

    symbols: dict[str, SymbolEnd]
    stats_ns: int  # end of the last bucket of ``feed_stats``
    clock_ns: int | None = None  # the stream's wall clock less its monotonic one, at the end


def open_ends(con: Runs, venue: str) -> dict[str, int]:
    """Return the last stored update id of every symbol whose book is trusted right now."""
    return dict(con.execute(_OPEN, {"venue": venue}).fetchall())


def ends(con: Runs, venue: str) -> Ends:
    """Return where every symbol's rows end; ask with the database held, so that it stays true."""
    covered = con.execute(_ENDS, {"venue": venue}).fetchall()
    newest_us = max((ts_us for _, _, ts_us in covered), default=0)
    newest = dt.datetime.fromtimestamp(newest_us / 1e6, dt.UTC).replace(tzinfo=None)
    where = {"venue": venue, "since": newest - _RECENT if newest_us else newest}
    (forward,) = con.execute(_SET_FORWARD, where).fetchone()
    if forward is not None:
        where["since"] = min(newest, forward) - _RECENT
    trades = dict(con.execute(_TRADES, where).fetchall())
    tickers = dict(con.execute(_TICKERS, where).fetchall())
    stats = con.execute(_STATS, where).fetchone()
    books = {symbol: (last_id, ts_us * 1000) for symbol, last_id, ts_us in covered}
    found = {
        symbol: SymbolEnd(*books.get(symbol, (-1, 0)), trades.get(symbol, -1), tickers.get(symbol, -1))
        for symbol in {*books, *trades, *tickers}
    }
    clock = con.execute(_CLOCK).fetchone()
    return Ends(
        found,
        0 if stats is None or stats[0] is None else int(stats[0]) * 1000,
        None if clock is None else int(clock[0]),
    )


class Heir(AbstractContextManager["Heir"]):
    """The right to be the next stream of a database, for as long as the context lasts."""

    def __init__(self, db: Path) -> None:
        """Raise `HasHeir` when another process has it."""
        self._lock = LockFile(_path(db))
        if not self._lock.take():
            raise HasHeir(db, lock_holder(self._lock.path) or 0)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; twice is once."""
        self._lock.release()


def ensure_no_heir(db: Path) -> None:
    """Raise `HasHeir` when a process is about to take the database over."""
    if _path(db).exists():
        Heir(db).close()


def _path(db: Path) -> Path:
    return beside(db, ".heir")
