"""
What a book is certified to whose stream keeps the so many best levels a side, and no others.

    bids  ‥ unknown ‥│ 50th ····· best │ mid │ best ····· 50th │‥ unknown ‥  asks

A level that leaves the window is deleted by the stream, though it may go on resting at the venue; one that
comes in is sent. So such a book has no ghosts and nothing to learn from later snapshots: it is certified to
its own outermost levels, as they stand at any moment, whatever its seed listed. A side with fewer levels
than the window has them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leadline.book.messages import DepthSnapshot, Level
from leadline.book.sync.ladder import FullLadder
from leadline.book.trust.audit import Change
from leadline.book.trust.certified import Reach
from leadline.book.trust.ghosts import Widened


class Window:
    """Stands where `book.trust.ghosts.Ghosts` does, for a stream that keeps ``size`` levels a side."""

    def __init__(self, ladder: FullLadder, size: int) -> None:
        self.look_above = 2 * size  # a stream that did not delete what left its window would come to that
        self._ladder = ladder
        self._size = size

    @property
    def reach(self) -> Reach | None:
        """How far the book is certified as it stands; None of an empty one."""
        bids, asks = self._ladder.top(self._size)
        return Reach.of_window(bids, asks, self._size)

    def seed(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Do nothing: what the seed listed does not matter."""

    def widen(
        self,
        snapshot: DepthSnapshot,  # noqa: ARG002 - as in `Ghosts`
        limit: int,  # noqa: ARG002
        changes: Iterable[Change],  # noqa: ARG002
    ) -> Widened | None:
        """Learn nothing: what a listing has beyond the window, the stream would not keep."""
        return None

    def prune(self) -> int:
        """Drop what stands beyond the window; return how many levels that were."""
        bids, asks = (max(0, count - self._size) for count in self._ladder.level_counts())
        if bids + asks:
            self._ladder.drop_worst(bids, asks)
        return bids + asks

    def bound(self) -> int:
        """Drop what stands beyond the window where a side is twice as long; return how many levels."""
        return self.prune() if max(self._ladder.level_counts()) > self.look_above else 0

    def count(self) -> int:
        """Return how many levels stand beyond the window."""
        return sum(max(0, count - self._size) for count in self._ladder.level_counts())
