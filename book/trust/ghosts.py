"""
Levels that nobody vouches for, and what is known later: what becomes of a book beyond its certified reach.

    bids ◀── ghosts? ──┤ low ····· certified ····· mid ····· certified ····· high ├── ghosts? ──▶ asks

Beyond the reach of its seed a book holds only what changed since: levels are missing there, and one may
stand that is long gone, a *ghost* (25 hours of an unpruned BTCUSDT book: 24 % of its bids were in the
venue's next listing; "Binance DepthCache Forensics", 2026). The rules:

* A level beyond the reach counts in no figure (`book.engine.sample`).
* A later snapshot that lists more settles what it lists (`Ghosts.widen`): levels we lacked are learned,
  those it does not have are dropped, and the reach grows to where it ends, for as long as the epoch lasts.
* When a side grows too long for memory its farthest ghosts go first, down to three quarters.

Within the reach nothing is dropped: the venue goes on telling of levels far below its deepest listing of
1,000 (on USD-M, 9,461 deletions of such levels in the 345 s recorded in 2024), so a level that was known
stays known, wherever the price goes. A single level that changed beyond the reach does not widen it: how
much lies around it would still be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from leadline.book.messages import DepthSnapshot, Level
from leadline.book.sync.ladder import FullLadder
from leadline.book.trust.audit import Change
from leadline.book.trust.certified import Reach


@dataclass(frozen=True, slots=True)
class Widened:
    """How many levels a snapshot taught a book beyond its reach, and how many ghosts it drove out."""

    learned: int  # that we lacked, or that had another quantity
    dropped: int


class Ghosts:
    """Knows how far one ladder may be believed, and keeps what lies beyond in bounds."""

    def __init__(self, ladder: FullLadder, most: int) -> None:
        self.reach: Reach | None = None
        self.look_above = most  # `bound` has something to do when a side has more levels than this
        self._ladder = ladder
        self._most = most

    def seed(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Begin anew with a seed's levels, best first."""
        self.reach = Reach.of_seed(bids, asks)
        self.look_above = self._most

    def widen(self, snapshot: DepthSnapshot, limit: int, changes: Iterable[Change]) -> Widened | None:
        """
        Take a snapshot that the book was held against; None if it reaches no farther than we know.

        It was asked for with ``limit`` levels a side. ``changes`` are all that the book applied since a
        moment no later than the snapshot's, up to now, oldest first. They may be in it already; one that
        spans it says what came of its prices in the end.
        """
        if self.reach is None:
            return None
        reach, farther = self.reach, self.reach.with_snapshot(snapshot.bids, snapshot.asks, limit)
        if farther == reach:
            return None
        bids, asks = dict(snapshot.bids), dict(snapshot.asks)
        for change in changes:
            if change.last_id > snapshot.last_id:
                bids.update(change.bids)
                asks.update(change.asks)
        ours = self._ladder.top()
        news = (
            _news(dict(ours[0]), bids, lambda price: farther.holds_bids(price) > reach.holds_bids(price)),
            _news(dict(ours[1]), asks, lambda price: farther.holds_asks(price) > reach.holds_asks(price)),
        )
        self._ladder.set_levels(*news)
        self.reach = farther
        dropped = sum(not lots for side in news for _, lots in side)
        return Widened(sum(map(len, news)) - dropped, dropped)

    def prune(self) -> int:
        """
        Drop all ghosts; return how many there were.

        A side of nothing but ghosts is kept: the price has left the band, and they are the book.
        """
        if self.reach is None:
            return 0
        counts, ghosts = self._ladder.level_counts(), self._ghosts(self.reach)
        bids, asks = (ghost if ghost < count else 0 for ghost, count in zip(ghosts, counts, strict=True))
        return self._drop(bids, asks)

    def bound(self) -> int:
        """Drop ghosts, farthest first, where a side holds too many levels; return how many."""
        counts = self._ladder.level_counts()
        if max(counts) <= self.look_above or self.reach is None:
            return 0
        keep = self._most * 3 // 4
        bids, asks = (
            min(ghost, count - keep) if count > self._most else 0
            for ghost, count in zip(self._ghosts(self.reach), counts, strict=True)
        )
        dropped = self._drop(bids, asks)
        # Levels inside the band are never dropped; if they are too many, look again at twice as many.
        most = max(self._ladder.level_counts())
        self.look_above = self._most if most <= self._most else max(self._most, 2 * most)
        return dropped

    def count(self) -> int:
        """Return how many bids stand below the certified band and asks above it."""
        return sum(self._ghosts(self.reach)) if self.reach is not None else 0

    def _ghosts(self, reach: Reach) -> tuple[int, int]:
        return self._ladder.ghosts(reach.low, reach.high)

    def _drop(self, bids: int, asks: int) -> int:
        if bids + asks == 0:
            return 0
        self._ladder.drop_worst(bids, asks)
        self.reach = self.reach and self.reach.without(bids, asks)
        return bids + asks


def _news(ours: Mapping[int, int], theirs: Mapping[int, int], is_new: Callable[[int], bool]) -> list[Level]:
    """Return the levels to set, 0 to delete, where two sides differ and the answer is new to us."""
    return [
        (price, theirs.get(price, 0))
        for price in sorted(ours.keys() | theirs.keys())
        if ours.get(price, 0) != theirs.get(price, 0) and is_new(price)
    ]
