"""
A seeded synthetic market: books that move, trades and tickers that agree with them, no clock.

Ask it to ``advance`` to a time; it returns what a venue would have said until then. The same seed
gives the same market, however the time is sliced. Each symbol lives in windows of 100 ms:

    plan     draw how many events the window holds (heavy-tailed, now and then silent) and when
    bursts   at each of those moments change some levels: join, add, cancel, trade
    close    tell the levels that changed as one diff of absolute quantities, then plan the next

Every change of one level takes one update id, shared by diffs and book tickers as at the venue. A
side keeps *keys*, ascending, best last: a bid's key is its price, an ask's is minus its price, so
that one code serves both. Each change also goes to an undo log; the book at an earlier id is the
present one with the later changes undone.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from heapq import heapify, heapreplace
from random import Random

from leadline.book.errors import BadInput
from leadline.book.messages import Level
from leadline.book.scale import INT64_MAX
from leadline.book.synthetic.records import Depth, MarketDiff, MarketTicker, MarketTrade, Record
from leadline.book.synthetic.specs import Kind, MarketSpec

WINDOW_NS = 100_000_000
FIRST_ID = 50_000_000_000
# Futures count other markets' updates in the same id space: ids skip, ``pu`` joins the diffs.
FUTURES_STRIDE = 7
MIN_LEVELS = 20  # a side is never thinned out below this by the ordinary flow
BURSTS_MAX = 12

# Shares of the events, tuned on BTCUSDT spot of 2024-08-08: 28 trades and 80 tickers a second at 520
# events, half of all entries deletes, distances of 1 / 4 / 14 bps at the quartiles.
TRADE_SHARE = 0.036
TOUCH_SHARE = 0.115
DISTANCE_BPS = 2.9
SNAP_SHARE = 0.6  # of the orders inside a wide spread: these close it
NOT_TOP = TRADE_SHARE + TOUCH_SHARE  # the rest of the events happen in the depth of the book
CUT_SHARE = 0.12  # of the cancels: these take half
QUIET_CHANCE = 0.0007  # per window: about every two minutes
# Quantiles of two power laws, drawn from by index: distances (in units of the reach) and quantities.
# The distances end where a bid would be worth a tenth of the price.
QUANTILES = 8192
FARTHEST = 0.9 / (1.1 * DISTANCE_BPS * 1e-4)
DISTANCES = [min(FARTHEST, (1.0 - (n + 0.5) / QUANTILES) ** -1.25 - 1.0) for n in range(QUANTILES)]
QUANTITIES = [(1.0 - (n + 0.5) / QUANTILES) ** -0.8 - 0.9 for n in range(QUANTILES)]
REACH_TICKS = 4  # markets with a coarse tick spread over ticks rather than bps


class SymbolMarket:
    """One symbol's book and the flow that moves it; see the head of this module."""

    def __init__(self, index: int, spec: MarketSpec, seed: int, start_ns: int, history_s: float) -> None:
        self.index = index
        self.spec = spec
        self.trading = True  # False: nothing happens until it is True again
        self._rng = Random(f"{seed}:{spec.symbol}")
        self._step = spec.step
        # The venue's own ceiling: 64 bits at the decimals of the wire.
        self._size = min(spec.size, int(INT64_MAX / spec.step / (2 * QUANTITIES[-1])))
        self._stride = 1 if spec.kind is Kind.SPOT else FUTURES_STRIDE
        self._history = max(2_000, int(history_s * spec.events_per_s))
        self._book: dict[int, int] = {}  # key -> quantity in units
        self._bids: list[int] = []  # keys, best last
        self._asks: list[int] = []
        self._book.update(self._stock())
        self._bids += sorted(key for key in self._book if key > 0)
        self._asks += sorted(key for key in self._book if key < 0)
        self._changed: set[int] = set()
        self._log_keys = array("q")
        self._log_old = array("q")
        self._log_base = FIRST_ID + self._rng.randrange(10**9)  # id before the log's first entry
        self._closed_side = 0  # 1: no bids, -1: no asks, by command
        self._bounds = (INT64_MAX, INT64_MAX)  # no bid's and no ask's key above it, by command
        self._diff_from = self.last_id  # last id of the diff before
        self.trade_id = 1_000_000 + self._rng.randrange(10**6)
        self._pressure = 0.0
        self._reach = 0.0  # distances are drawn in units of this
        self._events = spec.events_per_s * WINDOW_NS / 1e9  # in a window, on average
        self._quiet_windows = 0
        self._top = (0, 0, 0, 0)  # as told last
        self._top_touched = True
        # Symbols do not close their windows at the same instant.
        self._close_ns = start_ns + self._rng.randrange(1, WINDOW_NS)
        self._plan: list[tuple[int, int]] = []
        self._plan_window(start_ns)

    # -- what others read ------------------------------------------------------------------------

    @property
    def last_id(self) -> int:
        """Update id of the latest change."""
        return self._log_base + len(self._log_keys) * self._stride

    @property
    def oldest_id(self) -> int:
        """Oldest id `depth` can still answer."""
        return self._log_base

    def id_before(self, changes: int) -> int:
        """Update id as it was ``changes`` changes ago, or the oldest one kept."""
        return max(self._log_base, self.last_id - changes * self._stride)

    @property
    def next_ns(self) -> int:
        """When this symbol wants to be called next."""
        return self._plan[-1][0] if self._plan else self._close_ns

    def depth(self, limit: int | None = None, at_id: int | None = None) -> Depth:
        """
        Give the book now, or exactly as it stood at ``at_id``; ``limit`` levels a side, None for all.

        An id between two changes gives the book after the earlier one. Raises `BadInput` when the id
        is in the future or older than the history kept.
        """
        if at_id is None or at_id == self.last_id:
            sides = (_top(self._book, keys, limit) for keys in (self._bids, self._asks))
            return Depth(self.last_id, *sides)
        if not self._log_base <= at_id <= self.last_id:
            raise BadInput(f"{self.spec.symbol}: id {at_id} is outside {self._log_base}..{self.last_id}")
        book, count = dict(self._book), (at_id - self._log_base) // self._stride
        book.update((key, old) for _, key, old in self.undo(at_id))
        bids = sorted(key for key, qty in book.items() if key > 0 and qty)
        asks = sorted(key for key, qty in book.items() if key < 0 and qty)
        last_id = self._log_base + count * self._stride
        return Depth(last_id, _top(book, bids, limit), _top(book, asks, limit))

    def undo(self, to_id: int) -> Iterator[tuple[int, int, int]]:
        """Yield id, key and the quantity before of every change after ``to_id``, the latest first."""
        for n in range(len(self._log_keys) - 1, (to_id - self._log_base) // self._stride - 1, -1):
            yield self._log_base + (n + 1) * self._stride, self._log_keys[n], self._log_old[n]

    # -- what a person or a fault may order ------------------------------------------------------

    def set_tick(self, tick: int) -> None:
        """Change the tick size, in price units from 1 up; levels off the new grid stay until they go."""
        self.spec = replace(self.spec, tick=tick)

    def close_side(self, *, bids: bool) -> None:
        """Take every level of one side away, as its own updates; `reopen` brings the side back."""
        for key in list(self._bids if bids else self._asks):
            self._put(key, 0)
        self._closed_side = 1 if bids else -1

    def reopen(self) -> None:
        """End `close_side`: the empty side fills up again, as its own updates."""
        self._closed_side = 0
        for key, qty in self._stock():
            self._put(key, qty)

    def press(self, *, bids: bool, times: float, levels: int = 20) -> None:
        """Let the best ``levels`` of one side hold ``times`` the usual size each, as its own updates."""
        qty = int(times * self._size) * self._step
        for key in (self._bids if bids else self._asks)[-levels:]:
            if self._book[key] < qty:
                self._put(key, qty)

    def widen(self, bps: float) -> None:
        """Clear all within ``bps`` / 2 of the mid but the farthest levels, and keep it so; 0 ends that."""
        self._bounds = (INT64_MAX, INT64_MAX)
        if bps and self._bids and self._asks:
            mid, half = (self._bids[-1] - self._asks[-1]) / 2, bps / 20_000
            bid = max(int(mid * (1 - half)), self._bids[:MIN_LEVELS][-1])
            ask = max(-int(mid * (1 + half)) - 1, self._asks[:MIN_LEVELS][-1])
            for bound, keys in ((bid, self._bids), (ask, self._asks)):
                for key in keys[bisect_right(keys, bound) :]:
                    self._put(key, 0)
            self._bounds = (bid, ask)

    # -- the flow --------------------------------------------------------------------------------

    def step(self, sink: list[Record]) -> None:
        """Do what is due at ``next_ns`` and append what the venue says about it."""
        if self._plan:
            ts_ns, events = self._plan.pop()
            if self.trading:
                self._burst(ts_ns, events, sink)
            return
        self._tell_diff(self._close_ns, sink)
        opened, self._close_ns = self._close_ns, self._close_ns + WINDOW_NS
        self._plan_window(opened)

    def _plan_window(self, opened_ns: int) -> None:
        """Draw the bursts between two closes, latest first."""
        draw = self._rng.random
        if self._quiet_windows:
            self._quiet_windows -= 1
            return
        if draw() < QUIET_CHANCE:  # one to four seconds of silence
            self._quiet_windows = 10 + int(draw() * 30)
        # Mean 1, median 0.55, p99 7: the recordings' spread of ids per diff.
        busy = min(0.35 * (1.0 - draw()) ** -0.65, 25.0)
        events = int(self._events * busy + draw())
        bursts = min(events, 1 + events // 4, BURSTS_MAX)
        if not bursts:
            return
        span = self._close_ns - opened_ns
        each, rest = divmod(events, bursts)
        times = [opened_ns + int(draw() * span) for _ in range(bursts)]
        times.sort(reverse=True)
        self._plan = [(at, each + (n < rest)) for n, at in enumerate(times)]
        start = self.spec.start
        mid = (self._bids[-1] - self._asks[-1]) // 2 if self._bids and self._asks else start
        self._reach = max(mid * DISTANCE_BPS * 1e-4, REACH_TICKS * self.spec.tick)
        # A slow push one way, and a soft pull home so that a long run keeps its order of magnitude.
        self._pressure = 0.98 * self._pressure + 0.05 * (draw() - 0.5) + 0.02 * (start - mid) / start

    def _burst(self, ts_ns: int, events: int, sink: list[Record]) -> None:
        """Change ``events`` levels or so; tell trades and, where the top moved, book tickers."""
        draw, bids, asks = self._rng.random, self._bids, self._asks
        buying, many = 0.5 + self._pressure, self.spec.levels / 0.52
        for _ in range(events):
            what = draw()
            own, other = (bids, asks) if draw() < buying else (asks, bids)
            if self._closed_side:
                self._while_closed(what)
            elif what > NOT_TOP:
                self._add_or_cancel(own, other, many)
            elif what < TRADE_SHARE:
                self._trade(ts_ns, other, sink)
            else:
                self._touch(own, other)
            if self._top_touched:
                self._tell_ticker(ts_ns, sink)

    def _trade(self, ts_ns: int, resting: list[int], sink: list[Record]) -> None:
        """Let a market order eat into ``resting``, level by level."""
        left = self._draw_qty(0.3)
        for _ in range(8):
            if len(resting) <= MIN_LEVELS:
                return
            key = resting[-1]
            there = self._book[key]
            fill = min(left, there)
            self._put(key, there - fill)
            self.trade_id += 1
            sink.append(MarketTrade(self.index, ts_ns, self.trade_id, abs(key), fill, key > 0))
            left -= fill
            if left <= 0:
                return
            self._tell_ticker(ts_ns, sink)

    def _touch(self, own: list[int], other: list[int]) -> None:
        """Step inside a wide spread, else change the quantity at the best price."""
        tick = self.spec.tick
        best, limit = own[-1], -other[-1] - tick  # limit: the best key that does not cross
        if best < limit:
            inside = (
                limit
                if self._rng.random() < SNAP_SHARE
                else best + int(self._rng.random() * (limit - best))
            )
            inside -= inside % tick
            best = max(best, inside)
        self._put(best, self._draw_qty(1.0))

    def _add_or_cancel(self, own: list[int], other: list[int], many: float) -> None:
        """Put a level some way from the other side, or take one away, mostly near the top."""
        draw = self._rng.random
        n = len(own)
        if n > MIN_LEVELS and draw() * many < n:
            key = own[-1 - int(n * draw() ** 3)]
            halved = draw() < CUT_SHARE
            self._put(key, self._book[key] // (2 * self._step) * self._step if halved else 0)
            return
        tick = self.spec.tick
        away = self._reach * (0.9 + 0.2 * draw()) * DISTANCES[int(draw() * QUANTILES)]
        key = -other[-1] - tick - int(away)
        key -= key % tick
        if key > 0 or own is self._asks:
            self._put(key, self._draw_qty(1.5))

    def _while_closed(self, what: float) -> None:
        """Keep the open side alive without touching its top."""
        keys = self._asks if self._closed_side > 0 else self._bids
        if not keys:
            return  # both sides are closed
        key = keys[int(len(keys) * 0.9 * what)]
        self._put(key, self._draw_qty(1.0))

    def _draw_qty(self, factor: float) -> int:
        """Draw an order's quantity in units: median about the typical size, tail of power 1.25."""
        tail = QUANTITIES[int(self._rng.random() * QUANTILES)]
        return (1 + int(self._size * factor * tail)) * self._step

    def _stock(self) -> Iterator[tuple[int, int]]:
        """Draw a stock of levels for each thin side, from the touch outwards."""
        spec, draw = self.spec, self._rng.random
        top_bid = self._bids[-1] if self._bids else 0
        top_ask = -self._asks[-1] if self._asks else 0
        mid = top_bid or (top_ask - spec.tick if top_ask else spec.start - spec.start % spec.tick)
        for own, origin in ((self._bids, mid), (self._asks, -(top_ask or mid + spec.tick))):
            if len(own) > MIN_LEVELS:
                continue
            reach = max(abs(origin) * DISTANCE_BPS * 8e-4, 2 * REACH_TICKS * spec.tick)
            yield origin, self._draw_qty(1.5)
            for _ in range(min(spec.levels, int(abs(origin) // spec.tick * 0.6))):
                away = int(reach * (0.9 + 0.2 * draw()) * DISTANCES[int(draw() * QUANTILES)])
                key = origin - min(away, abs(origin) * 9 // 10)
                key -= key % spec.tick
                if (key > 0) == (origin > 0) and key:
                    yield key, self._draw_qty(1.5)

    def _put(self, key: int, qty: int) -> None:
        """Set one level; takes one update id."""
        if qty and key > self._bounds[key < 0]:
            return
        book = self._book
        old = book.get(key, 0)
        self._log_keys.append(key)
        self._log_old.append(old)
        self._changed.add(key)
        keys = self._bids if key > 0 else self._asks
        if not keys or key >= keys[-1]:
            self._top_touched = True
        if qty:
            book[key] = qty
            if not old:
                insort(keys, key)
        elif old:
            del book[key]
            del keys[bisect_left(keys, key)]

    # -- telling ---------------------------------------------------------------------------------

    def _tell_ticker(self, ts_ns: int, sink: list[Record]) -> None:
        """Tell the best bid and offer; only called when one of them was touched."""
        self._top_touched = False
        book = self._book
        bid = self._bids[-1] if self._bids else 0
        ask = self._asks[-1] if self._asks else 0
        top = (bid, book[bid] if bid else 0, -ask, book[ask] if ask else 0)
        if top != self._top:
            self._top = top
            sink.append(MarketTicker(self.index, ts_ns, self.last_id, *top))

    def _tell_diff(self, ts_ns: int, sink: list[Record]) -> None:
        """Close the window: all levels changed since the last diff, once each."""
        if self._top_touched:  # a side closed by command shows up here
            self._tell_ticker(ts_ns, sink)
        if not self._changed:
            return
        get = self._book.get
        keys = sorted(self._changed, reverse=True)  # bids descending, then asks ascending
        bids = [(key, get(key, 0)) for key in keys if key > 0]
        asks = [(-key, get(key, 0)) for key in keys[len(bids) :]]
        first_id, last_id = self._diff_from + self._stride, self.last_id
        sink.append(MarketDiff(self.index, ts_ns, first_id, last_id, self._diff_from, bids, asks))
        self._diff_from = last_id
        self._changed.clear()
        if len(self._log_keys) > 2 * self._history:
            spare = len(self._log_keys) - self._history
            del self._log_keys[:spare], self._log_old[:spare]
            self._log_base += spare * self._stride


class SyntheticMarket:
    """Many symbols on one time line, in ns since 1970."""

    def __init__(
        self, specs: Iterable[MarketSpec], *, seed: int = 1, start_ns: int = 0, history_s: float = 120.0
    ) -> None:
        self.symbols = [SymbolMarket(n, spec, seed, start_ns, history_s) for n, spec in enumerate(specs)]
        if not self.symbols:
            raise BadInput("a market needs at least one symbol")
        self.now_ns = start_ns
        self._index = {market.spec.symbol: market for market in self.symbols}
        self._due = [(market.next_ns, market.index) for market in self.symbols]
        heapify(self._due)

    def __getitem__(self, symbol: str) -> SymbolMarket:
        """Find one symbol; raises `BadInput` for a name that is not listed."""
        try:
            return self._index[symbol]
        except KeyError:
            raise BadInput(f"symbol {symbol!r} is not listed") from None

    def advance(self, to_ns: int) -> list[Record]:
        """Let time pass up to and including ``to_ns``; return all that was said, in order of time."""
        sink: list[Record] = []
        due, symbols = self._due, self.symbols
        while due[0][0] <= to_ns:
            market = symbols[due[0][1]]
            market.step(sink)
            heapreplace(due, (market.next_ns, market.index))
        self.now_ns = max(self.now_ns, to_ns)
        return sink


def _top(book: dict[int, int], keys: list[int], limit: int | None) -> list[Level]:
    """Give the last ``limit`` keys as levels, best first."""
    chosen = keys if limit is None else keys[max(0, len(keys) - limit) :]
    return [(abs(key), book[key]) for key in reversed(chosen)]
