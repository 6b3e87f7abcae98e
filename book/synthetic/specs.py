"""
What a synthetic symbol is like: its decimals, tick, step, first price, order sizes and activity.

Figures of well-known symbols stand near what was listed in 2024 (Binance); any other name gets figures
drawn from its own letters, so that a name always means the same market. Activity falls with the rank
in the list (Zipf): the first symbol is as busy as BTCUSDT in the recordings.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from leadline.book.errors import BadInput
from leadline.book.scale import Scale, parse_scaled


class Kind(StrEnum):
    """Which kind of market: they differ in symbols, decimals, and whether ids skip."""

    SPOT = "spot"
    USDM = "usdm"
    COINM = "coinm"


# Spot writes every price and quantity with 8 decimals, whatever the tick (recordings of 2024-08-08).
SPOT_DIGITS = 8

# Measured on BTCUSDT spot, 2024-08-08: 53 update ids per 100 ms diff.
BUSIEST_EVENTS_PER_S = 520.0
# About 5 levels a diff: still ten diffs a second, as nearly every listed symbol shows.
QUIETEST_EVENTS_PER_S = 60.0
ZIPF_EXPONENT = 0.7


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """
    One synthetic symbol.

    Prices are in *units* of ``10**-price_digits`` and quantities in units of ``10**-qty_digits``: the
    decimals written on the wire, which on spot are finer than ``tick`` and ``step``.
    """

    symbol: str
    kind: Kind
    price_digits: int
    qty_digits: int
    tick: int  # price units, at least 1
    step: int  # quantity units, at least 1
    start: int  # first mid, in price units
    size: int  # typical order, in steps
    events_per_s: float  # changes of one level per second, on average
    levels: int  # per side, about

    def __post_init__(self) -> None:
        if min(self.tick, self.step, self.size, self.levels) < 1 or self.start < 4 * self.tick:
            raise BadInput(f"{self.symbol}: tick, step, size and levels start at 1, the price at 4 ticks")

    @property
    def tick_text(self) -> str:
        """The tick size as a listing writes it."""
        return fixed(self.tick, self.price_digits)

    @property
    def step_text(self) -> str:
        """The step size as a listing writes it."""
        return fixed(self.step, self.qty_digits)

    @property
    def scale(self) -> Scale:
        """The scale a client reads off the listing."""
        return Scale.from_sizes(self.tick_text, self.step_text)


def fixed(units: int, digits: int) -> str:
    """Write units of ``10**-digits`` as decimal text with exactly that many decimals."""
    whole, fraction = divmod(units, 10**digits)
    return f"{whole}.{fraction:0{digits}d}" if digits else str(whole)


# tick, step, price, typical order: texts as on the wire.
_KNOWN = {
    "BTC": ("0.01", "0.00001", "61837.64", "0.002"),
    "ETH": ("0.01", "0.0001", "2683.81", "0.05"),
    "SOL": ("0.01", "0.001", "154.20", "0.5"),
    "币安人生": ("0.0001", "0.1", "0.9996", "150"),
    "BNB": ("0.1", "0.001", "507.3", "0.1"),
    "XRP": ("0.0001", "0.1", "0.6104", "120"),
    "DOGE": ("0.00001", "1", "0.10213", "900"),
    "ADA": ("0.0001", "0.1", "0.3412", "200"),
    "LINK": ("0.001", "0.01", "9.999", "6"),  # at the edge of one digit more
    "PEPE": ("0.00000001", "1", "0.00000780", "4000000"),
    "SHIB": ("0.00000001", "1", "0.00001370", "2500000"),
    "BONK": ("0.00000001", "1", "0.00001850", "3000000"),
    "LTC": ("0.01", "0.001", "58.94", "1.2"),
    "AVAX": ("0.01", "0.01", "21.30", "4"),
    "TRX": ("0.00001", "0.1", "0.12694", "700"),
    "NEIRO": ("0.00000001", "1", "0.00012340", "60000"),
}
# USD-M: tick and step where they are coarser than on spot.
_USDM = {"BTC": ("0.10", "0.001"), "ETH": ("0.01", "0.001"), "SOL": ("0.0100", "1")}
DEFAULT_BASES = tuple(_KNOWN)


def default_symbols(kind: Kind | str, count: int) -> list[str]:
    """Name the ``count`` symbols a venue of this kind lists, busiest first; the names never repeat."""
    bases = list(DEFAULT_BASES[:count]) + [f"LL{n:03d}" for n in range(len(DEFAULT_BASES), count)]
    return [f"{base}USD_PERP" if Kind(kind) is Kind.COINM else f"{base}USDT" for base in bases]


def make_specs(kind: Kind | str, symbols: Iterable[str]) -> list[MarketSpec]:
    """Give each symbol its figures; the first in the list is the busiest. Raises `BadInput` on repeats."""
    names = list(symbols)
    if len(set(names)) != len(names):
        raise BadInput(f"symbols repeat in {names}")
    return [_spec(Kind(kind), name, rank) for rank, name in enumerate(names, 1)]


def _spec(kind: Kind, symbol: str, rank: int) -> MarketSpec:
    activity = max(QUIETEST_EVENTS_PER_S, BUSIEST_EVENTS_PER_S * rank**-ZIPF_EXPONENT)
    tick, step, price, size = _figures(kind, symbol)
    price_digits = SPOT_DIGITS if kind is Kind.SPOT else _decimals(tick)
    qty_digits = SPOT_DIGITS if kind is Kind.SPOT else _decimals(step)
    tick_units, step_units = parse_scaled(tick, price_digits), parse_scaled(step, qty_digits)
    start = parse_scaled(price, SPOT_DIGITS) // 10 ** (SPOT_DIGITS - price_digits)
    lots = parse_scaled(size, SPOT_DIGITS) // (step_units * 10 ** (SPOT_DIGITS - qty_digits))
    return MarketSpec(
        symbol=symbol,
        kind=kind,
        price_digits=price_digits,
        qty_digits=qty_digits,
        tick=tick_units,
        step=step_units,
        start=max(start - start % tick_units, 4 * tick_units),
        size=max(lots, 1),
        events_per_s=activity,
        # The busiest books are deeper than the deepest snapshot (5000), so that far deletes happen.
        levels=round(min(6000, max(250, 6000 / rank))),
    )


def _figures(kind: Kind, symbol: str) -> tuple[str, str, str, str]:
    """Tick, step, price and typical order as texts."""
    base = symbol.removesuffix("_PERP")
    for quote in ("USDT", "USDC", "FDUSD", "USD", "BTC", "EUR", "TRY"):
        base = base.removesuffix(quote) or base
    if base in _KNOWN:
        tick, step, price, size = _KNOWN[base]
    else:
        tick, step, price, size = _drawn(symbol)
    if kind is Kind.COINM:  # contracts of 100 USD (BTC) or 10 USD: whole numbers only
        return ("0.1" if base == "BTC" else tick), "1", price, "40"
    if kind is Kind.USDM:
        tick, step = _USDM.get(base, (tick, step))
    return tick, step, price, size


def _drawn(symbol: str) -> tuple[str, str, str, str]:
    """Draw figures from the letters of the name: ticks from 1e-8 to 0.1, orders worth about 100."""
    rng = Random(zlib.crc32(symbol.encode()))
    tick_decimals = rng.choice((1, 2, 2, 3, 4, 4, 5, 6, 8))
    ticks = int(10 ** rng.uniform(2.8, 5.2))  # the price in ticks
    price = ticks * 10.0**-tick_decimals
    # The dearer the coin, the finer its step: 5 decimals at 60,000, none below 0.1.
    step_decimals = min(5, max(0, int(price).bit_length() // 3 + rng.choice((0, 1))))
    size = max(100 / price, 10.0**-step_decimals)
    tick = fixed(1, tick_decimals)
    return tick, fixed(1, step_decimals), fixed(ticks, tick_decimals), f"{size:.{step_decimals}f}"


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
