"""The direction that a signal names, and its sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["bullish", "bearish", "neutral"]

DIRECTIONS: tuple[Direction, ...] = ("bullish", "bearish", "neutral")
SIGNS: Mapping[str, int] = {"bullish": 1, "neutral": 0, "bearish": -1}
