"""A stored market around `NOON`, row by row, as a stream would have left it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from leadline.storage.access.connect import Connection

NOON = dt.datetime(2026, 5, 28, 12, tzinfo=dt.UTC)
VENUE, SYMBOL, EPOCH = "loopback-spot", "BTCUSDT", 77


def at(seconds: float) -> dt.datetime:
    """The moment so many seconds before (minus) or after noon, as columns hold it."""
    return (NOON + dt.timedelta(seconds=seconds)).replace(tzinfo=None)


def ns(seconds: float) -> int:
    return int((NOON.timestamp() + seconds) * 1e9)


class Stored:
    """Writes rows of one market; times are seconds from noon."""

    def __init__(self, con: Connection, symbol: str = SYMBOL) -> None:
        self.con = con
        self.symbol = symbol

    def _put(self, table: str, **row: Any) -> None:
        names = ", ".join(row)
        values = ", ".join(f"${name}" for name in row)
        market = f"'{VENUE}', '{self.symbol}'"
        self.con.execute(f"INSERT INTO {table} (venue, symbol, {names}) VALUES ({market}, {values})", row)

    def covered(self, since: float, to: float, last_id: int, ended_by: str | None = None) -> None:
        self._put(
            "coverage", epoch=EPOCH, ts_from=at(since), ts_to=at(to), first_id=1, last_id=last_id,
            ended_by=ended_by,
        )  # fmt: skip

    def seed(self, s: float, last_id: int, bids: dict[float, float], asks: dict[float, float]) -> None:
        self._put(
            "seeds", epoch=EPOCH, ts_recv=at(s), recv_ns=ns(s), last_id=last_id, source="venue",
            bid_px=list(bids), bid_qty=list(bids.values()), ask_px=list(asks), ask_qty=list(asks.values()),
        )  # fmt: skip

    def sample(self, s: float, last_id: int, bids: dict[float, float], asks: dict[float, float]) -> None:
        self._put(
            "depth_snapshots", epoch=EPOCH, ts=at(s), last_id=last_id, trusted=True, reason="",
            bid_px=list(bids), bid_qty=list(bids.values()), ask_px=list(asks), ask_qty=list(asks.values()),
            depth_bps=[10.0], bid_depth=[30.0], ask_depth=[10.0],
        )  # fmt: skip

    def diff(
        self, s: float, first: int, last: int, bids: dict[float, float], asks: dict[float, float]
    ) -> None:
        self._put(
            "depth_diffs", epoch=EPOCH, ts_event=at(s), ts_recv=at(s), recv_ns=ns(s), first_id=first,
            last_id=last, bid_px=list(bids), bid_qty=list(bids.values()), ask_px=list(asks),
            ask_qty=list(asks.values()),
        )  # fmt: skip

    def top(self, s: float, update_id: int, bid: float, bid_qty: float, ask: float, ask_qty: float) -> None:
        self._put(
            "book_tickers", ts_recv=at(s), recv_ns=ns(s), update_id=update_id, bid_px=bid,
            bid_qty=bid_qty, ask_px=ask, ask_qty=ask_qty,
        )  # fmt: skip

    def trade(self, s: float, qty: float, *, bought: bool, market_qty: float | None = None) -> None:
        met = qty if market_qty is None else market_qty
        self._put(
            "trades", ts_event=at(s), ts_recv=at(s), recv_ns=ns(s), ts_trade=at(s), trade_id=1, px=100.0,
            qty=qty, buyer_is_maker=not bought, kind="market" if met else "rpi", market_qty=met,
        )  # fmt: skip

    def durable(self, s: float) -> None:
        """Say that the store holds all that the stream took in until then."""
        self.con.execute(
            """INSERT INTO ingest_batches BY NAME SELECT 'w' AS writer_id, 1 AS seq, $1 AS ts,
               0 AS diffs, 0 AS levels, 0 AS trades, 0 AS tickers, 0 AS seeds, 0 AS events, 0 AS samples,
               0 AS stats, $1 AS through""",
            [at(s)],
        )

    def event(self, s: float, to: str, reason: str, before: str = "LIVE") -> None:
        self._put("book_events", ts=at(s), from_state=before, to_state=to, reason=reason)

    def quiet_book(self) -> None:
        """A LIVE book since two minutes: 99 / 101, then 100 / 101 one second before noon."""
        self.covered(-120, -1, 30)
        self.seed(-121, 10, {99: 2, 98: 1}, {101: 4, 102: 1})
        self.top(-100, 11, 99, 2, 101, 4)
        self.diff(-60, 11, 20, {98: 5}, {})
        self.diff(-1, 21, 30, {100: 3}, {101: 1})
        self.top(-1, 30, 100, 3, 101, 1)
        self.trade(-5, 2.0, bought=True)
