"""What the lines of a recording of a venue are about, told without decoding them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from leadline.book.scale import Scale


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

    def finer(self, frame: bytes, scale: Scale) -> Scale:
        """Return a scale with as many more decimals as the frame's numbers need; may raise `BadInput`."""
        ...

    def event_time(self, frame: bytes) -> bytes | None:
        """Return the digits of the venue's own time; None where a frame has none."""
        ...
