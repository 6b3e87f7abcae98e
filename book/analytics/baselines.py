"""
Rules that need no model: whoever claims to know more must beat them on the same figures.

Each says up, down or even from one figure, and None where that figure could not be made. None is tuned;
what a rule is worth is told by its own record, kept in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from leadline.book.analytics.signal_features import Features

Direction: TypeAlias = Literal["bullish", "bearish", "neutral"]

# Below these a figure says nothing either way: a share, or a part of the spread.
EVEN_SHARE = 0.05
EVEN_SPREAD = 0.05
FLAT_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule says of a book: a direction, or why it has none."""

    direction: Direction | None
    reason: str


def _sign(name: str, even: float, *, of_spread: bool = False) -> Callable[[Features], Call]:
    def call(shown: Features) -> Call:
        value = shown.get(name)
        if value is None:
            return Call(None, f"{name}: {shown.missing[name]}")
        unit = shown.get("spread_bps") if of_spread else 1.0
        assert unit is not None, "a book that is shown has a spread"
        if abs(value) < even * unit:
            return Call("neutral", f"{name} {value:+.4g}")
        return Call("bullish" if value > 0 else "bearish", f"{name} {value:+.4g}")

    return call


# ofi: pressure at the best prices goes on. Source: Cont, Kukanov and Stoikov (2014).
# microprice: the mid moves to where the book's history says it is going. Source: Stoikov (2018).
# persistence: what went up goes up.
BASELINES: Mapping[str, Callable[[Features], Call]] = {
    "ofi": _sign("ofi_10s_share", EVEN_SHARE),
    "microprice": _sign("microprice_bps", EVEN_SPREAD, of_spread=True),
    "persistence": _sign("return_10s_bps", FLAT_SPREAD, of_spread=True),
}
