"""
Figures made of a book: exact integers in, the field's usual measures out.

Functions are pure and take what a LIVE book gives: a `Bbo`, or levels best first as ``(ticks, lots)``.
What has a price's dimension comes back as an exact `Fraction` of ticks; `to_price` makes it a number
for a table. A figure that needs both sides raises `EmptySide` rather than answer with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from leadline.book.errors import BadInput, EmptySide
from leadline.book.messages import Bbo, Level

BPS = 10_000  # basis points in one


def mid(bbo: Bbo) -> Fraction:
    """Return ``(bid + ask) / 2`` in ticks."""
    return Fraction(bbo.bid_ticks + bbo.ask_ticks, 2)


def weighted_mid(bbo: Bbo) -> Fraction:
    """
    Return ``(bid * ask_lots + ask * bid_lots) / (bid_lots + ask_lots)`` in ticks.

    Each price is weighted by the *other* side's size, so a large bid pulls towards the ask; it lies
    always inside the spread. Raises `EmptySide` if neither side has a quantity. Source: Stoikov (2018),
    "The micro-price", where it is the weighted mid; the micro-price itself is something else.
    """
    lots = bbo.bid_lots + bbo.ask_lots
    if not lots:
        raise EmptySide(f"no quantity at either best price: {bbo}")
    return Fraction(bbo.bid_ticks * bbo.ask_lots + bbo.ask_ticks * bbo.bid_lots, lots)


def spread_bps(bbo: Bbo) -> float:
    """Return ``(ask - bid) / mid`` in basis points; above 0 for an uncrossed book."""
    total = bbo.bid_ticks + bbo.ask_ticks
    if total <= 0:
        raise BadInput(f"expected prices above 0, got {bbo}")
    return 2 * BPS * (bbo.ask_ticks - bbo.bid_ticks) / total


def imbalance(bids: Sequence[Level], asks: Sequence[Level], n: int) -> float:
    """
    Return ``(B - A) / (B + A)`` of the quantities on the ``n`` best levels: -1 (asks only) … 1.

    A side may have fewer than ``n`` levels. Raises `EmptySide` if a side has none, `BadInput` for
    ``n`` below 1. Source: Cartea, Jaimungal and Penalva (2015),
    "Algorithmic and High-Frequency Trading", chapter 12.
    """
    if n < 1:
        raise BadInput(f"levels: expected 1 or more, got {n}")
    _need_both(bids, asks)
    bid_lots = sum(lots for _, lots in bids[:n])
    ask_lots = sum(lots for _, lots in asks[:n])
    return (bid_lots - ask_lots) / (bid_lots + ask_lots)


def depth_within_bps(
    bids: Sequence[Level], asks: Sequence[Level], bands_bps: Sequence[float]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """
    Return the lots of bids and of asks within each band of the mid, edges included.

    A band of 10 bps reaches from ``mid * (1 - 0.001)`` to ``mid * (1 + 0.001)``; bands may come in any
    order. Raises `EmptySide` if a side has no level, `BadInput` for a negative band.
    """
    _need_both(bids, asks)
    lowest, highest = band_edges(bids[0][0], asks[0][0], bands_bps)
    return (
        tuple([sum(lots for price, lots in bids if price >= low) for low in lowest]),
        tuple([sum(lots for price, lots in asks if price <= high) for high in highest]),
    )


def band_edges(bid_ticks: int, ask_ticks: int, bands_bps: Sequence[float]) -> tuple[list[int], list[int]]:
    """
    Return the lowest and the highest price, in ticks, within each band of the mid, edges included.

    Raises `BadInput` for a negative band.
    """
    lowest, highest = [], []
    for band in bands_bps:
        if not band >= 0:  # not a number is refused as well
            raise BadInput(f"band: expected 0 bps or more, got {band}")
        half_width = Fraction(band) / BPS
        lowest.append(ceil((bid_ticks + ask_ticks) * (1 - half_width) / 2))
        highest.append(floor((bid_ticks + ask_ticks) * (1 + half_width) / 2))
    return lowest, highest


def to_price(ticks: Fraction | int, price_decimals: int) -> float:
    """Return ticks as the nearest float to the exact price."""
    return float(Fraction(ticks) / 10**price_decimals)


def to_quantity(lots: int, qty_decimals: int) -> float:
    """Return lots as the nearest float to the exact quantity."""
    return float(Fraction(lots, 10**qty_decimals))


def _need_both(bids: Sequence[Level], asks: Sequence[Level]) -> None:
    if not bids or not asks:
        raise EmptySide(f"expected levels on both sides, got {len(bids)} bids and {len(asks)} asks")
