"""Short words for tests: a diff, a seed, and the receive times that make epochs predictable."""

from __future__ import annotations

from book.messages import DepthDiff, DepthSnapshot, Level

BID, ASK = (100, 5), (101, 7)  # what a diff or seed carries unless a test says otherwise
EPOCH_US = 1_000_000


def diff(
    first: int,
    last: int,
    prev: int | None = None,
    *,
    bids: tuple[Level, ...] = (BID,),
    asks: tuple[Level, ...] = (ASK,),
) -> DepthDiff:
    """A diff over ``first..last``; give ``prev`` for futures."""
    return DepthDiff("BTCUSDT", first, last, prev, last * 1_000_000, last * 1_000_000, bids, asks)


def seed(
    last: int,
    *,
    at_us: int = EPOCH_US,
    bids: tuple[Level, ...] = (BID,),
    asks: tuple[Level, ...] = (ASK,),
) -> DepthSnapshot:
    """A seed at ``last``, received at ``at_us``."""
    return DepthSnapshot("BTCUSDT", last, at_us * 1000, bids, asks)
