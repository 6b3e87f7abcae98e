"""
The plain ladder: one dict a side, read through sorted prices; the reference for the compiled one.

It is written to be believed rather than to be fast. Levels are ``price_ticks -> qty_lots``; the sorted
prices of a side are made when somebody asks for them and kept until a level appears or vanishes. The
best price alone is kept up to date, since it is asked for after every diff.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import islice

from leadline.book.errors import EmptySide
from leadline.book.messages import Bbo, DepthDiff, DepthSnapshot, Level
from leadline.book.sync.ladder import TopState


class Side:
    """The levels of one side; ``best`` is the price nearest the other side, None when empty."""

    def __init__(self, *, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.best: int | None = None
        self._lots: dict[int, int] = {}
        self._sorted: list[int] | None = []

    def __len__(self) -> int:
        return len(self._lots)

    def lots(self, price_ticks: int) -> int:
        """Return the quantity at a price; 0 where there is no level."""
        return self._lots.get(price_ticks, 0)

    def replace(self, levels: Iterable[Level]) -> None:
        """Forget every level and hold these; a level of quantity 0 is none."""
        self._lots.clear()
        self.best = None
        self._sorted = None
        self.update(levels)

    def update(self, levels: Iterable[Level]) -> None:
        """Set each level to its quantity; 0 deletes it."""
        held = self._lots
        for price, lots in levels:
            if not lots:
                # The venue may delete a level we never saw; the docs call that normal.
                if held.pop(price, None) is not None:
                    self._sorted = None
                continue
            if price not in held:
                self._sorted = None
                if self.best is None or (price > self.best if self.is_bid else price < self.best):
                    self.best = price
            held[price] = lots
        if self.best not in held:
            self.best = (max if self.is_bid else min)(held, default=None)

    def prices(self) -> list[int]:
        """Return all prices, ascending; not to be changed by the caller."""
        if self._sorted is None:
            self._sorted = sorted(self._lots)
        return self._sorted

    def top(self, n: int | None = None) -> list[Level]:
        """Return the ``n`` best levels, or all of them, best first."""
        prices = reversed(self.prices()) if self.is_bid else iter(self.prices())
        return [(price, self._lots[price]) for price in islice(prices, n)]

    def count_outside(self, low: int, high: int) -> int:
        """Count the levels below ``low`` or above ``high``, in ticks."""
        prices = self.prices()
        return len(prices) - (bisect_right(prices, high) - bisect_left(prices, low))


class PlainLadder:
    """Both sides of one book, and the id it stands at."""

    def __init__(self) -> None:
        self.bids = Side(is_bid=True)
        self.asks = Side(is_bid=False)
        self.last_id = self.witness_id = -1
        self.last_recv_ns = self.last_event_ns = 0

    def seed(self, snapshot: DepthSnapshot) -> None:
        """Replace all levels by those of a seed."""
        self.bids.replace(snapshot.bids)
        self.asks.replace(snapshot.asks)
        self.last_id, self.witness_id = snapshot.last_id, snapshot.witness_id
        self.last_recv_ns, self.last_event_ns = snapshot.ts_recv_ns, 0

    def apply(self, diff: DepthDiff) -> None:
        """Set the levels of a diff; whether it is the right one is for `book.sync.machine` to say."""
        self.bids.update(diff.bids)
        self.asks.update(diff.asks)
        self.last_id, self.witness_id = diff.last_id, diff.witness_id
        self.last_recv_ns, self.last_event_ns = diff.ts_recv_ns, diff.ts_event_ns

    def clear(self) -> None:
        """Forget everything."""
        self.bids.replace(())
        self.asks.replace(())
        self.last_id = self.witness_id = -1
        self.last_recv_ns = self.last_event_ns = 0

    def top_state(self) -> TopState:
        """Judge the two best levels."""
        bid, ask = self.bids.best, self.asks.best
        if bid is None or ask is None:
            return TopState.EMPTY_SIDE
        return TopState.CROSSED if bid >= ask else TopState.SOUND

    def best(self) -> Bbo:
        """Return the two best levels, crossed or not; raises `EmptySide`."""
        bid, ask = self.bids.best, self.asks.best
        if bid is None or ask is None:
            raise EmptySide(f"{len(self.bids)} bid and {len(self.asks)} ask levels at id {self.last_id}")
        return Bbo(bid, self.bids.lots(bid), ask, self.asks.lots(ask))

    def top(self, n: int | None = None) -> tuple[list[Level], list[Level]]:
        """Return the ``n`` best levels of each side, or all of them, best first."""
        return self.bids.top(n), self.asks.top(n)

    def level_counts(self) -> tuple[int, int]:
        """Return how many bids and asks are held."""
        return len(self.bids), len(self.asks)
