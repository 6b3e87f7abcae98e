"""What the lines of a recording of a venue are about, told without decoding them."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import Protocol

from leadline.book.errors import BadInput
from leadline.book.scale import MAX_DECIMALS, Scale


class RecordedKind(StrEnum):
    """What a recorded frame is."""

    DIFF = "diff"  # of the diff stream, snapshots within it included
    SNAPSHOT = "snapshot"  # a REST order book
    LISTING = "listing"  # sizes and status of symbols
    OTHER = "other"


class Recorded(Protocol):
    """Looks at one venue's frames from the outside; has no state."""

    def kind(self, frame: bytes) -> RecordedKind:
        """Tell what a frame is by its first bytes."""
        ...

    def symbol(self, frame: bytes) -> str | None:
        """Return the symbol a frame is about, as the venue writes it; None where it does not say."""
        ...

    def rest_line(self, symbol: str, body: bytes) -> bytes:
        """Write a REST order book as a frame that says what it is and whose."""
        ...

    def finer(self, frame: bytes, scale: Scale) -> Scale:
        """Return a scale with as many more decimals as the frame's numbers need; may raise `BadInput`."""
        ...

    def event_time(self, frame: bytes) -> bytes | None:
        """Return the digits of the venue's own time; None where a frame has none."""
        ...


def finer_scale(frame: bytes, scale: Scale, *, price: bytes, qty: bytes) -> Scale:
    """
    Return a scale that holds the numbers of a frame; raises `BadInput` where none can.

    ``price`` and ``qty`` are patterns of such numbers, with ``%d`` for the decimals known so far; their
    group is the digits past those, without trailing zeros.
    """
    prices, qtys = scale.price_decimals, scale.qty_decimals
    while found := _pattern(price, prices).search(frame):
        prices += len(found[1])
    while found := _pattern(qty, qtys).search(frame):
        qtys += len(found[1])
    if max(prices, qtys) > MAX_DECIMALS:
        raise BadInput(f"a number of more than {MAX_DECIMALS} decimals")
    return Scale(prices, qtys)


@cache
def _pattern(text: bytes, decimals: int) -> re.Pattern[bytes]:
    return re.compile(text % decimals)
