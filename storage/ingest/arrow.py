"""
A batch's integer columns as Arrow tables, with no Python object per level.

Integers become DOUBLE by one division: with ticks below 2**53 and a power of ten both are exact, IEEE 754
rounds the quotient correctly, and so the stored double is the one nearest to the venue's decimal text and
prints as that text up to 15 digits. Larger integers take a slower path with the same promise of nearest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.book.messages import TradeKind
from leadline.book.rows.batch import Batch, Count, DiffCol, Market, SeedRow, TickerCol, TradeCol

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

_EXACT = 2**53  # up to here every integer is a double
_POWERS: Doubles = np.array([float(10**n) for n in range(19)])  # exact: 10**22 is the last that is
_US = pa.timestamp("us")
_KINDS = pa.array([kind.name.lower() for kind in TradeKind], pa.string())
_LIST = pa.list_(pa.float64())


class Names:
    """Venue, symbol and scale of every market by index; follows the shared, append-only list."""

    def __init__(self, markets: list[Market]) -> None:
        self._markets = markets
        self._seen = -1
        self._venues = self._symbols = pa.array([], pa.string())
        self._price: Ints = np.zeros(0, np.int64)
        self._qty: Ints = np.zeros(0, np.int64)

    def _refresh(self) -> None:
        if self._seen == len(self._markets):
            return
        known = list(self._markets)
        self._venues = pa.array([m.venue for m in known], pa.string())
        self._symbols = pa.array([m.symbol for m in known], pa.string())
        self._price = np.array([m.scale.price_decimals for m in known], np.int64)
        self._qty = np.array([m.scale.qty_decimals for m in known], np.int64)
        self._seen = len(known)

    def columns(self, books: Ints) -> dict[str, pa.Array]:
        """Return the columns venue and symbol as dictionaries over ``books``."""
        self._refresh()
        index = pa.array(books.astype(np.int32))
        return {
            "venue": pa.DictionaryArray.from_arrays(index, self._venues),
            "symbol": pa.DictionaryArray.from_arrays(index, self._symbols),
        }

    def decimals(self, books: Ints) -> tuple[Ints, Ints]:
        """Return price and quantity decimals for each of ``books``."""
        self._refresh()
        return self._price[books], self._qty[books]

    def market(self, book: int) -> Market:
        """Return one market."""
        return self._markets[book]


def to_double(values: Ints, decimals: Ints) -> Doubles:
    """Turn scaled integers into the doubles nearest to ``values / 10**decimals``, value by value."""
    if len(values) == 0:
        return np.zeros(0, np.float64)
    one = decimals[0]
    powers = _POWERS[one] if (decimals == one).all() else _POWERS[decimals]
    result: Doubles = values / powers
    if values.max() > _EXACT or values.min() < -_EXACT:
        for at in np.flatnonzero(np.abs(values) > _EXACT):
            # Python divides integers of any size with correct rounding.
            result[at] = int(values[at]) / 10 ** int(decimals[at])
    return result


def timestamps(nanoseconds: Ints) -> pa.Array:
    """Turn ns since 1970 into TIMESTAMP, cut to the µs."""
    return pa.array(nanoseconds // 1000).view(_US)


def _timestamps_or_none(nanoseconds: Ints) -> pa.Array:
    """Turn ns since 1970 into TIMESTAMP, 0 into NULL."""
    return pa.array(nanoseconds // 1000, mask=nanoseconds <= 0).view(_US)


def diffs_table(batch: Batch, names: Names) -> pa.Table:
    """Make rows for ``depth_diffs``."""
    rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
    levels = batch.levels[: int(batch.counts[Count.LEVELS])]
    books, bids, asks = rows[:, DiffCol.BOOK], rows[:, DiffCol.N_BIDS], rows[:, DiffCol.N_ASKS]
    price_decimals, qty_decimals = names.decimals(books)
    each = bids + asks
    prices = to_double(levels[:, 0], np.repeat(price_decimals, each))
    quantities = to_double(levels[:, 1], np.repeat(qty_decimals, each))
    # Bids come first within each diff: True, False, True, … repeated by the counts.
    is_bid = np.repeat(np.tile([True, False], len(rows)), np.stack((bids, asks), 1).ravel())
    is_ask = ~is_bid
    previous, to_book = rows[:, DiffCol.PREV_ID], rows[:, DiffCol.TO_BOOK_NS]
    received = rows[:, DiffCol.TS_RECV_NS]
    return pa.table(
        {
            **names.columns(books),
            "epoch": pa.array(rows[:, DiffCol.EPOCH]),
            "ts_event": timestamps(rows[:, DiffCol.TS_EVENT_NS]),
            "ts_recv": timestamps(received),
            "recv_ns": pa.array(received),
            "first_id": pa.array(rows[:, DiffCol.FIRST_ID]),
            "last_id": pa.array(rows[:, DiffCol.LAST_ID]),
            "prev_id": pa.array(previous, mask=previous < 0),
            "bid_px": _lists(bids, prices[is_bid]),
            "bid_qty": _lists(bids, quantities[is_bid]),
            "ask_px": _lists(asks, prices[is_ask]),
            "ask_qty": _lists(asks, quantities[is_ask]),
            "to_book_ns": pa.array(to_book, mask=to_book <= 0),
            "ts_transaction": _timestamps_or_none(rows[:, DiffCol.TS_TRANSACTION_NS]),
        }
    )


def trades_table(batch: Batch, names: Names, keep: NDArray[np.bool_] | None = None) -> pa.Table:
    """Make rows for ``trades``; ``keep`` says which, None all."""
    rows = batch.trades[: int(batch.counts[Count.TRADES])]
    if keep is not None:
        rows = rows[keep]
    books, in_market = rows[:, TradeCol.BOOK], market_lots(rows)
    first_id, last_id = rows[:, TradeCol.COVERS_FIRST_ID], rows[:, TradeCol.COVERS_LAST_ID]
    price_decimals, qty_decimals = names.decimals(books)
    received = rows[:, TradeCol.TS_RECV_NS]
    return pa.table(
        {
            **names.columns(books),
            "ts_event": timestamps(rows[:, TradeCol.TS_EVENT_NS]),
            "ts_recv": timestamps(received),
            "recv_ns": pa.array(received),
            "ts_trade": timestamps(rows[:, TradeCol.TS_TRADE_NS]),
            "trade_id": pa.array(rows[:, TradeCol.TRADE_ID]),
            "px": pa.array(to_double(rows[:, TradeCol.PRICE_TICKS], price_decimals)),
            "qty": pa.array(to_double(rows[:, TradeCol.QTY_LOTS], qty_decimals)),
            "buyer_is_maker": pa.array(rows[:, TradeCol.BUYER_IS_MAKER] != 0),
            "kind": pa.DictionaryArray.from_arrays(
                pa.array(rows[:, TradeCol.KIND].astype(np.int32)), _KINDS
            ),
            "market_qty": pa.array(to_double(in_market, qty_decimals)),
            "covers_first_id": pa.array(first_id, mask=first_id < 0),
            "covers_last_id": pa.array(last_id, mask=last_id < 0),
            "is_backfilled": pa.array(rows[:, TradeCol.BACKFILLED] != 0),
        }
    )


def market_lots(rows: Ints) -> Ints:
    """Return how much of each trade met the book, in lots: nothing of those that are not the market's."""
    told, quantity = rows[:, TradeCol.MARKET_LOTS], rows[:, TradeCol.QTY_LOTS]
    is_market = rows[:, TradeCol.KIND] == TradeKind.MARKET
    lots: Ints = np.where(is_market, np.where(told < 0, quantity, told), 0)
    return lots


def tickers_table(batch: Batch, names: Names) -> pa.Table:
    """Make rows for ``book_tickers``."""
    rows = batch.tickers[: int(batch.counts[Count.TICKERS])]
    books = rows[:, TickerCol.BOOK]
    price_decimals, qty_decimals = names.decimals(books)
    event, received = rows[:, TickerCol.TS_EVENT_NS], rows[:, TickerCol.TS_RECV_NS]
    return pa.table(
        {
            **names.columns(books),
            "ts_event": _timestamps_or_none(event),
            "ts_recv": timestamps(received),
            "recv_ns": pa.array(received),
            "update_id": pa.array(rows[:, TickerCol.UPDATE_ID]),
            "bid_px": pa.array(to_double(rows[:, TickerCol.BID_TICKS], price_decimals)),
            "bid_qty": pa.array(to_double(rows[:, TickerCol.BID_LOTS], qty_decimals)),
            "ask_px": pa.array(to_double(rows[:, TickerCol.ASK_TICKS], price_decimals)),
            "ask_qty": pa.array(to_double(rows[:, TickerCol.ASK_LOTS], qty_decimals)),
            "ts_transaction": _timestamps_or_none(rows[:, TickerCol.TS_TRANSACTION_NS]),
        }
    )


def seeds_table(rows: Sequence[SeedRow], names: Names) -> pa.Table:
    """Make rows for ``seeds``."""
    snapshots = [row.snapshot for row in rows]
    books = np.array([row.book for row in rows], np.int64)
    received = np.array([s.ts_recv_ns for s in snapshots], np.int64)
    event = np.array([s.ts_event_ns or 0 for s in snapshots], np.int64)
    made = np.array([s.ts_transaction_ns or 0 for s in snapshots], np.int64)
    return pa.table(
        {
            **names.columns(books),
            "epoch": pa.array([row.epoch for row in rows], pa.int64()),
            "ts_event": _timestamps_or_none(event),
            "ts_recv": timestamps(received),
            "recv_ns": pa.array(received),
            "last_id": pa.array([s.last_id for s in snapshots], pa.int64()),
            **side_columns("bid", [s.bids for s in snapshots], books, names),
            **side_columns("ask", [s.asks for s in snapshots], books, names),
            "source": pa.array([row.source for row in rows], pa.string()),
            "ts_transaction": _timestamps_or_none(made),
        }
    )


def side_columns(
    side: str, ladders: Sequence[Sequence[tuple[int, int]] | Ints], books: Ints, names: Names
) -> dict[str, pa.Array]:
    """Make the two list columns of one side from levels in ticks and lots."""
    sizes = np.array([len(ladder) for ladder in ladders], np.int64)
    levels = np.zeros((int(sizes.sum()), 2), np.int64)
    at = 0
    for ladder in ladders:
        if len(ladder):
            levels[at : at + len(ladder)] = ladder
            at += len(ladder)
    price_decimals, qty_decimals = names.decimals(books)
    return {
        f"{side}_px": _lists(sizes, to_double(levels[:, 0], np.repeat(price_decimals, sizes))),
        f"{side}_qty": _lists(sizes, to_double(levels[:, 1], np.repeat(qty_decimals, sizes))),
    }


def _lists(sizes: Ints, values: Doubles) -> pa.ListArray:
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
