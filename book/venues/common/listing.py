"""
What every venue says about its symbols: status, sizes, and the scale their numbers need.

A scale keeps as many decimals as the venue says it writes, as long as sums a thousand times the largest
order stay within 64 bits; never fewer than tick and step size need.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec

from leadline.book.errors import BadFrame
from leadline.book.rows.feed import ListingRow
from leadline.book.scale import INT64_MAX, MAX_DECIMALS, Scale
from leadline.book.venues.common.wire import decode_json

TRADING = "TRADING"
# A level is the sum of its orders; none was ever seen at more than a few times the largest order.
HEADROOM = 1000


@dataclass(frozen=True, slots=True)
class SymbolInfo:
    """One symbol of a venue; sizes are the venue's texts."""

    symbol: str
    status: str  # TRADING, Trading, BREAK, HALT, …: the venue's word, known to us or not
    scale: Scale
    tick_size: str
    step_size: str
    contract_size: Decimal | None = None  # quote units a contract is worth; COIN-M only

    @property
    def is_trading(self) -> bool:
        """Whether the venue matches orders in it now."""
        return self.status.upper() == TRADING


@dataclass(frozen=True, slots=True)
class BadListing:
    """A symbol listed in a way that no book can be made of; ``why`` names the symbol and the fault."""

    symbol: str
    why: str


Listed: TypeAlias = SymbolInfo | BadListing


class ListingState(StrEnum):
    """What the venue's listing makes of a symbol that somebody wants."""

    AWAITED = "AWAITED"  # the venue has not answered yet
    LISTED = "LISTED"  # there is a book of it
    UNLISTED = "UNLISTED"  # the venue lists no such symbol, or not any more
    UNUSABLE = "UNUSABLE"  # listed, but in a way that no book can be made of
    OFF_SCALE = "OFF_SCALE"  # its numbers do not fit the scale that its listing gives
    DROPPED = "DROPPED"  # nobody wants it any more


class _Name(msgspec.Struct):
    symbol: str


_NAME = msgspec.json.Decoder(_Name)


def listed(
    entries: Iterable[msgspec.Raw],
    symbols: Collection[str] | None,
    read: Callable[[str, bytes], SymbolInfo],
) -> dict[str, Listed]:
    """
    Read the entries of a listing, each with a verdict of its own; only ``symbols``, when given.

    One that nobody asked for is not looked at beyond its name, and one without a readable name is left
    out. ``read`` makes the others, and raises `BadFrame` for what no book can be made of.
    """
    found: dict[str, Listed] = {}
    for entry in map(bytes, entries):
        try:
            name = decode_json(_NAME, entry).symbol
        except BadFrame:
            continue
        if symbols is not None and name not in symbols:
            continue
        try:
            found[name] = read(name, entry)
        except BadFrame as exc:
            found[name] = BadListing(name, str(exc))
    return found


def listing_row(
    venue: str, symbol: str, ts_ns: int, state: ListingState, info: SymbolInfo | None, reason: str
) -> ListingRow:
    """Return the row that says how a symbol is listed; ``info`` None: the venue says nothing usable."""
    contract = None if info is None else info.contract_size
    return ListingRow(
        venue=venue,
        symbol=symbol,
        ts_ns=ts_ns,
        state=str(state),
        status=None if info is None else info.status,
        tick_size=None if info is None else info.tick_size,
        step_size=None if info is None else info.step_size,
        contract_size=None if contract is None else f"{contract:f}",
        reason=reason,
    )


def kept_decimals(least: int, precision: int | None, limits: list[Decimal]) -> int:
    """Return the decimals to keep: the venue's precision if sums fit, else less, never below ``least``."""
    largest = max(limits, default=Decimal(0))
    if precision is None or largest <= 0:
        return least
    decimals = min(precision, MAX_DECIMALS)
    while decimals > least and largest * HEADROOM * 10**decimals > INT64_MAX:
        decimals -= 1
    return max(decimals, least)
