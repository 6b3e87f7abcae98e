"""
Baselines: rules that need no model. A model that claims to know more must beat them on the same figures.

A baseline reads one or more figures of a book and says up, down or even, or None where a figure is missing.
None of them is tuned; the store keeps each one's record. `BASELINES` is the one list of them: flows, pages,
tables and scores are all made from it, so that `register` is all it takes to add one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from leadline.book.analytics.direction import Direction
from leadline.book.analytics.signal_features import Features
from leadline.book.errors import BadInput

KIND = "baseline"  # of their rows, and the provider those rows name
# Below these a figure says nothing either way: a share, or a part of the spread.
EVEN_SHARE = 0.05
EVEN_SPREAD = 0.05
FLAT_SPREAD = 0.5
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")  # it becomes the name of a column


@dataclass(frozen=True, slots=True)
class Call:
    """What a baseline says of a book: a direction, or the reason why it has none."""

    direction: Direction | None
    reason: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    One rule. ``name`` is how rows, columns and programs call it, ``title`` how people do.

    Raises `BadInput` for a name that cannot be a column: small letters, digits and ``_``, a letter first.
    """

    name: str
    title: str
    call: Callable[[Features], Call]

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise BadInput(
                f"baseline {self.name!r}: expected small letters, digits and _, with a letter first"
            )

    @property
    def lineage(self) -> str:
        """Return the name that its signals and scores carry."""
        return f"{KIND}/{self.name}"


BASELINES: dict[str, Baseline] = {}  # by name, in the order they are shown


def register(baseline: Baseline) -> Baseline:
    """Add a baseline to all lists; raises `BadInput` if its name is taken."""
    if baseline.name in BASELINES:
        raise BadInput(f"baseline {baseline.name!r} is registered already")
    BASELINES[baseline.name] = baseline
    return baseline


def sign_of(figure: str, even: float, *, of_spread: bool = False) -> Callable[[Features], Call]:
    """Make a rule that follows the sign of ``figure``; ``even`` is absolute, or a part of the spread."""

    def call(shown: Features) -> Call:
        value = shown.get(figure)
        if value is None:
            return Call(None, f"{figure}: {shown.missing[figure]}")
        unit = shown.get("spread_bps") if of_spread else 1.0
        assert unit is not None, "a book that is shown has a spread"
        if abs(value) < even * unit:
            return Call("neutral", f"{figure} {value:+.4g}")
        return Call("bullish" if value > 0 else "bearish", f"{figure} {value:+.4g}")

    return call


# Pressure at the best prices continues: what models are held against.
# Source: Cont, Kukanov and Stoikov (2014).
OFI = register(Baseline("ofi", "OFI", sign_of("ofi_10s_share", EVEN_SHARE)))
# The mid moves to where the book's own history points. Source: Stoikov (2018).
register(Baseline("microprice", "micro-price", sign_of("microprice_bps", EVEN_SPREAD, of_spread=True)))
# What went up goes up.
register(Baseline("persistence", "persistence", sign_of("return_10s_bps", FLAT_SPREAD, of_spread=True)))
