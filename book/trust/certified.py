"""
How far from the mid a book is certified: from there on it knows only what has changed since its seed.

A seed lists so many levels a side at most. Between its outermost prices the book is all there is; beyond
them a level that has not changed since is missing, and one may linger that is long gone. A side that
the seed listed whole is certified to its end: it holds fewer levels than the other one, or a number that
is none of the venue's limits. What was dropped to bound memory is not certified any more, and a later
snapshot may certify more (`book.trust.ghosts`). A book whose stream keeps the so many best levels a side is
certified to the last of them, as they stand (`book.trust.window`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from leadline.book.messages import Level

BPS = 10_000
# Levels that the venue's order book can be asked for; spot up to 5,000, futures up to 1,000.
LIMITS = frozenset({5, 10, 20, 50, 100, 500, 1000, 5000})


@dataclass(frozen=True, slots=True)
class Reach:
    """Outermost prices of a seed, in ticks, and whether it listed the bids and the asks whole."""

    low: int
    high: int
    all_bids: bool = False
    all_asks: bool = False

    @classmethod
    def of_seed(cls, bids: Sequence[Level], asks: Sequence[Level]) -> Reach | None:
        """Read it off a seed's sides, best first; None where the seed is empty."""
        ends = [side[n][0] for side in (bids, asks) if side for n in (0, -1)]
        if not ends:
            return None
        counts = (len(bids), len(asks))
        limit = max(counts) if max(counts) in LIMITS else None
        all_bids, all_asks = (count != limit for count in counts)
        return cls(min(ends), max(ends), all_bids, all_asks)

    @classmethod
    def of_window(cls, bids: Sequence[Level], asks: Sequence[Level], size: int) -> Reach | None:
        """Read it off a book of which the ``size`` best levels a side are kept; None where it is empty."""
        ends = [side[n][0] for side in (bids, asks) if side for n in (0, min(size, len(side)) - 1)]
        if not ends:
            return None
        return cls(min(ends), max(ends), len(bids) < size, len(asks) < size)

    def with_snapshot(self, bids: Sequence[Level], asks: Sequence[Level], limit: int) -> Reach:
        """Return how far it goes with a later snapshot, of ``limit`` levels a side; never less far."""
        return Reach(
            min(self.low, bids[-1][0]) if bids else self.low,
            max(self.high, asks[-1][0]) if asks else self.high,
            self.all_bids or len(bids) < limit,
            self.all_asks or len(asks) < limit,
        )

    def without(self, bids: int, asks: int) -> Reach:
        """Return what is left of it when the lowest ``bids`` and the highest ``asks`` were dropped."""
        return replace(self, all_bids=self.all_bids and not bids, all_asks=self.all_asks and not asks)

    def holds_bids(self, low: int) -> bool:
        """Tell whether every bid down to ``low`` is known."""
        return self.all_bids or low >= self.low

    def holds_asks(self, high: int) -> bool:
        """Tell whether every ask up to ``high`` is known."""
        return self.all_asks or high <= self.high

    def bps(self, mid: Fraction) -> tuple[float, float]:
        """
        Return how far below and above ``mid`` (ticks) the bids and the asks are certified, in bps.

        10,000 stands for a side that is known whole, 0 for one whose price has left the band.
        """
        bids = float(BPS) if self.all_bids else max(0.0, float(BPS * (mid - self.low) / mid))
        asks = float(BPS) if self.all_asks else max(0.0, float(BPS * (self.high - mid) / mid))
        return bids, asks

    def why_not(self, mid: Fraction) -> str:
        """Say to a person how far it reaches."""
        bids, asks = self.bps(mid)
        return f"the book is certified {bids:.1f} bps below and {asks:.1f} bps above the mid"
