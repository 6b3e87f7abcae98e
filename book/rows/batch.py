"""
Rows on their way to the store: flat integer columns, filled message by message, drained by a thread.

One batch holds everything that arrived between two commits. The hot path writes diffs, trades and
tickers into preallocated int64 arrays (no Python object per level); rarer things are small frozen
rows in lists. Nothing is visible in a batch until it is whole: counts move last.

    diffs   one row per applied diff, columns `DiffCol`; its levels are the next n_bids + n_asks
            rows of ``levels``, bids first, in the order of the frame
    levels  ``(price_ticks, qty_lots)``
    trades  columns `TradeCol`          tickers  columns `TickerCol`

Column BOOK indexes ``Batch.markets``, which gives venue, symbol and scale. All four tables and the
counts are views of one array, ``flat``, so that a compiled function takes a batch as one argument;
its first `HEADER` slots are the counts, then the room and the offset of each table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.book.errors import BatchFull
from leadline.book.messages import BookTicker, DepthDiff, DepthSnapshot, Trade
from leadline.book.rows.evidence import Miss, Tally
from leadline.book.rows.feed import (
    AddressRow,
    BackfillRow,
    ClockRow,
    ClockStepped,
    FeedStats,
    LatencyRow,
    LegRow,
    ListingRow,
)
from leadline.book.scale import Scale
from leadline.book.sync.events import State
from leadline.book.sync.rules import SequenceRule


class DiffCol(IntEnum):
    """Columns of ``Batch.diffs``."""

    BOOK = 0
    EPOCH = 1  # µs since 1970: ts_recv of the seed
    TS_EVENT_NS = 2
    TS_RECV_NS = 3
    FIRST_ID = 4
    LAST_ID = 5
    PREV_ID = 6  # -1 where the venue sends none
    N_BIDS = 7
    N_ASKS = 8
    TS_TRANSACTION_NS = 9  # 0 where the venue sends none (spot)
    TO_BOOK_NS = 10  # receive -> book applied, monotonic clock; 0 where not measured
    QUEUE_NS = 11  # … of which: receive -> taken up by the decoder
    DECODE_NS = 12  # … and bytes -> numbers; 0 where the two were not measured apart


class TradeCol(IntEnum):
    """Columns of ``Batch.trades``."""

    BOOK = 0
    TS_EVENT_NS = 1
    TS_RECV_NS = 2
    TS_TRADE_NS = 3
    TRADE_ID = 4
    PRICE_TICKS = 5
    QTY_LOTS = 6
    BUYER_IS_MAKER = 7
    KIND = 8  # a `TradeKind`
    MARKET_LOTS = 9  # of QTY_LOTS, what met the book; -1 for all of it
    COVERS_FIRST_ID = 10  # of an aggregate: its first trade; -1 for a single trade
    COVERS_LAST_ID = 11
    BACKFILLED = 12


class TickerCol(IntEnum):
    """Columns of ``Batch.tickers``."""

    BOOK = 0
    TS_EVENT_NS = 1  # 0 where the venue sends none (spot)
    TS_RECV_NS = 2
    UPDATE_ID = 3
    BID_TICKS = 4
    BID_LOTS = 5
    ASK_TICKS = 6
    ASK_LOTS = 7
    TS_TRANSACTION_NS = 8  # 0 where the venue sends none (spot)


class Count(IntEnum):
    """Slots of ``Batch.counts``."""

    DIFFS = 0
    LEVELS = 1
    TRADES = 2
    TICKERS = 3


HEADER = 16  # slots of ``Batch.flat`` before the tables: counts 0-3, rooms 4-7, offsets 8-11


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol of one venue, how its decimals are scaled, and how its diffs join each other."""

    venue: str
    symbol: str
    scale: Scale
    rule: SequenceRule


@dataclass(frozen=True, slots=True, eq=False)
class FlatBook:
    """A whole book with each side as an array of (price, quantity), best first; ticks and lots."""

    last_id: int
    ts_recv_ns: int
    bids: NDArray[np.int64]
    asks: NDArray[np.int64]
    ts_event_ns: int | None = None
    ts_transaction_ns: int | None = None


@dataclass(frozen=True, slots=True)
class SeedRow:
    """A book that later diffs apply to: a REST snapshot, or a live book that was written out whole."""

    book: int
    epoch: int
    snapshot: DepthSnapshot | FlatBook
    source: str = "venue"


@dataclass(frozen=True, slots=True)
class BookEventRow:
    """One change of a book's state, or a fault met on the way; ids are -1 where they mean nothing."""

    book: int
    ts_ns: int
    from_state: State
    to_state: State
    reason: str
    expected_id: int = -1
    got_id: int = -1


@dataclass(frozen=True, slots=True)
class CoverageOpened:
    """From here on the book may be trusted; the store extends the interval with every diff it keeps."""

    book: int
    epoch: int
    ts_ns: int
    first_id: int  # the book as it stood at this id is the first to be trusted


@dataclass(frozen=True, slots=True)
class CoverageEnded:
    """The trusted interval ended after ``last_id``; ``ended_by`` is the reason in book_events."""

    book: int
    epoch: int
    ts_ns: int  # since when the book stood there; it may have stood there before it was trusted
    last_id: int
    ended_by: str
    found_ns: int | None = None  # when it was found that the end lies back, where the venue last agreed


@dataclass(frozen=True, slots=True)
class DepthSample:
    """Our own periodic look at a book: top levels best first, and figures made of them."""

    book: int
    epoch: int
    ts_ns: int
    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    mid: float | None
    spread_bps: float | None
    imbalance: float | None  # -1 … 1 over the levels kept
    weighted_mid: float | None
    depth_bps: tuple[float, ...]  # bands, half-width in bps from the mid
    bid_depth: tuple[float | None, ...]  # quantity within each band; None beyond the certified prices
    ask_depth: tuple[float | None, ...]
    trusted: bool
    reason: str  # "" when trusted
    certified_bid_bps: float | None = None  # how far from the mid each side is certified
    certified_ask_bps: float | None = None
    uncertified: str | None = None  # why figures are None, if any is for that


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """How often a book was held against the venue's tickers in some part of a minute."""

    book: int
    minute_ns: int  # when the minute began
    tally: Tally


@dataclass(frozen=True, slots=True)
class MismatchRow:
    """Evidence: the book and the venue disagreed. ``refuted``: the book was discarded for it."""

    book: int
    epoch: int
    ts_ns: int
    miss: Miss
    refuted: bool


class Batch:
    """Columns of what arrived since the last commit; see the head of this module for the layout."""

    def __init__(
        self,
        markets: list[Market],
        *,
        diff_rows: int = 4096,
        level_rows: int = 262_144,
        trade_rows: int = 16_384,
        ticker_rows: int = 32_768,
    ) -> None:
        self.markets = markets  # shared and append-only: indices stay valid for ever
        # All that the books took in or noticed until then is here or in an earlier batch; ns since 1970.
        self.through_ns: int | None = None
        self._lay_out(diff_rows, level_rows, trade_rows, ticker_rows)
        self.seeds: list[SeedRow] = []
        self.events: list[BookEventRow] = []
        self.coverage: list[CoverageOpened | CoverageEnded | ClockStepped] = []
        # Our wall and our monotonic clock as it was handed over, in ns; None where there are none.
        self.handed: tuple[int, int] | None = None
        self.samples: list[DepthSample] = []
        self.stats: list[FeedStats] = []
        self.attestations: list[AttestationRow] = []
        self.mismatches: list[MismatchRow] = []
        self.clocks: list[ClockRow] = []
        self.legs: list[LegRow] = []
        self.latencies: list[LatencyRow] = []
        self.listings: list[ListingRow] = []
        self.addresses: list[AddressRow] = []
        self.backfills: list[BackfillRow] = []

    def _lay_out(self, *rooms: int) -> None:
        """Make the tables, all of them empty; ``rooms`` are their rows in the order of `Count`."""
        widths = (len(DiffCol), 2, len(TradeCol), len(TickerCol))
        ends = [HEADER]
        for room, width in zip(rooms, widths, strict=True):
            ends.append(ends[-1] + room * width)
        flat: NDArray[np.int64] = np.zeros(ends[-1], np.int64)
        flat[4:8] = rooms
        flat[8:12] = ends[:4]
        self.flat = flat
        self.counts: NDArray[np.int64] = flat[:4]
        self.diffs: NDArray[np.int64] = flat[ends[0] : ends[1]].reshape(-1, widths[0])
        self.levels: NDArray[np.int64] = flat[ends[1] : ends[2]].reshape(-1, widths[1])
        self.trades: NDArray[np.int64] = flat[ends[2] : ends[3]].reshape(-1, widths[2])
        self.tickers: NDArray[np.int64] = flat[ends[3] : ends[4]].reshape(-1, widths[3])

    def reserve(self, diffs: int, levels: int, *, grow: bool = False) -> None:
        """
        Make sure that so many more diffs and levels fit; raises `BatchFull` and changes nothing.

        A batch without diffs grows instead: what one call brings must fit one batch. ``grow`` says
        that the caller cannot call again, as when a seed releases a buffer of diffs.
        """
        n, start = int(self.counts[Count.DIFFS]), int(self.counts[Count.LEVELS])
        if n + diffs <= len(self.diffs) and start + levels <= len(self.levels):
            return
        if n and not grow:
            raise BatchFull(f"{n} diffs and {start} levels kept; {diffs} and {levels} more do not fit")
        self._grow({Count.DIFFS: n + diffs, Count.LEVELS: start + levels})

    def _grow(self, needed: dict[Count, int]) -> None:
        """Lay the tables out anew with room for so many rows; what they hold stays."""
        old, kept = (self.diffs, self.levels, self.trades, self.tickers), self.counts.tolist()
        rooms = [max(len(table), needed.get(count, 0)) for count, table in zip(Count, old, strict=True)]
        self._lay_out(*rooms)
        new = (self.diffs, self.levels, self.trades, self.tickers)
        for table, before, count in zip(new, old, kept, strict=True):
            table[:count] = before[:count]
        self.counts[:] = kept

    def clear(self) -> None:
        """Make the batch empty again; its arrays are kept for the next round."""
        self.counts[:] = 0
        self.through_ns = None
        self.handed = None
        for rows in self._lists():
            rows.clear()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not self.counts.any() and not any(self._lists())

    def _lists(self) -> tuple[list[Any], ...]:
        marks = (self.attestations, self.mismatches, self.clocks, self.legs, self.latencies)
        told = (self.listings, self.addresses, self.backfills)
        return (self.seeds, self.events, self.coverage, self.samples, self.stats, *marks, *told)

    def add_diff(self, book: int, epoch: int, diff: DepthDiff, *, to_book_ns: int = 0) -> None:
        """Append one applied diff, the plain way; raises `BatchFull` and changes nothing."""
        levels = diff.bids + diff.asks
        self.reserve(1, len(levels))
        n, start = int(self.counts[Count.DIFFS]), int(self.counts[Count.LEVELS])
        if levels:
            self.levels[start : start + len(levels)] = levels
        self.diffs[n] = (
            book,
            epoch,
            diff.ts_event_ns,
            diff.ts_recv_ns,
            diff.first_id,
            diff.last_id,
            -1 if diff.prev_id is None else diff.prev_id,
            len(diff.bids),
            len(diff.asks),
            diff.ts_transaction_ns or 0,
            to_book_ns,
            0,
            0,
        )
        self.counts[Count.LEVELS] = start + len(levels)
        self.counts[Count.DIFFS] = n + 1

    def note_stages(self, diffs_before: int, queue_ns: int, decode_ns: int) -> None:
        """Write what its stages took into the newest diff, if one came since there were so many before."""
        n = int(self.counts[Count.DIFFS])
        if n > diffs_before:
            self.diffs[n - 1, DiffCol.QUEUE_NS : DiffCol.DECODE_NS + 1] = queue_ns, max(decode_ns, 1)

    def add_trades(self, book: int, *trades: Trade) -> None:
        """
        Append the trades of one message, the plain way; raises `BatchFull` and changes nothing.

        A batch without trades grows instead: what one message brings must fit one batch.
        """
        n = int(self.counts[Count.TRADES])
        end = n + len(trades)
        if end > len(self.trades):
            if n:
                raise BatchFull(f"{n} trades kept; {len(trades)} more do not fit")
            self._grow({Count.TRADES: end})
        for at, trade in enumerate(trades, n):
            self.trades[at] = (
                book,
                trade.ts_event_ns,
                trade.ts_recv_ns,
                trade.ts_trade_ns,
                trade.trade_id,
                trade.price_ticks,
                trade.qty_lots,
                int(trade.buyer_is_maker),
                trade.kind,
                -1 if trade.market_lots is None else trade.market_lots,
                *(trade.covers or (-1, -1)),
                int(trade.is_backfilled),
            )
        self.counts[Count.TRADES] = end

    def add_ticker(self, book: int, ticker: BookTicker) -> None:
        """Append one book ticker, the plain way; raises `BatchFull` and changes nothing."""
        n = int(self.counts[Count.TICKERS])
        if n == len(self.tickers):
            raise BatchFull(f"{n} tickers kept, no room for more")
        self.tickers[n] = (
            book,
            ticker.ts_event_ns or 0,
            ticker.ts_recv_ns,
            ticker.update_id,
            ticker.bid_ticks,
            ticker.bid_lots,
            ticker.ask_ticks,
            ticker.ask_lots,
            ticker.ts_transaction_ns or 0,
        )
        self.counts[Count.TICKERS] = n + 1
