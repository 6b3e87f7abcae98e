"""What a venue's decoder offers: the bytes of its messages become typed messages, or a precise error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from leadline.book.messages import BookTicker, DepthDiff, DepthSnapshot, Message, Trade
from leadline.book.scale import Scale
from leadline.book.venues.common.wire import ScaleOf


class Decoder(Protocol):
    """
    Reads one venue's messages; has no state.

    ``start`` is where the payload begins within the frame, as the frame's route says; bytes behind the
    payload are ignored. ``time_unit_ns`` is the unit of the times on the wire. What is wrong raises
    `BadFrame` or `OffScale`, and nothing of a bad frame is used.
    """

    def depth(
        self, frame: bytes, scale_of: ScaleOf | Scale, ts_recv_ns: int, *, start: int, time_unit_ns: int
    ) -> DepthDiff | DepthSnapshot:
        """Read a message of the diff stream; a snapshot among them begins the book anew."""
        ...

    def trades(
        self, frame: bytes, scale_of: ScaleOf | Scale, ts_recv_ns: int, *, start: int, time_unit_ns: int
    ) -> Sequence[Trade]:
        """Read the trades of one message, oldest first."""
        ...

    def ticker(
        self, frame: bytes, scale_of: ScaleOf | Scale, ts_recv_ns: int, *, start: int, time_unit_ns: int
    ) -> BookTicker:
        """Read a message that states the best bid and offer."""
        ...

    def partial(
        self, frame: bytes, symbol: str, scale: Scale, ts_recv_ns: int, *, start: int, time_unit_ns: int
    ) -> DepthSnapshot:
        """Read a message of the partial depth stream; `BadFrame` where the venue has none."""
        ...

    def snapshot(
        self, body: bytes, symbol: str, scale: Scale, ts_recv_ns: int, *, time_unit_ns: int
    ) -> DepthSnapshot:
        """Read a REST order book, best levels first and none of them empty."""
        ...

    def message(
        self, frame: bytes, scale_of: ScaleOf | Scale, ts_recv_ns: int, *, time_unit_ns: int
    ) -> Message:
        """Read any frame, also replies to commands and what is said of the connection itself."""
        ...
