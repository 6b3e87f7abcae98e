"""
Bybit's frames in recordings, from the outside.

A line is a frame of a topic, in whatever order its keys stand, or an answer of ``instruments-info``. There
are no snapshots beside the stream: it brings its own. Frames of other depths than the book's are no diffs.
"""

from __future__ import annotations

import re

from leadline.book.scale import Scale
from leadline.book.venues.bybit.decode import BOOK, split_topic
from leadline.book.venues.common.recorded import RecordedKind, finer_scale

_HEAD_BYTES = 1_024  # where ``list`` stands in an answer; the first trades of a message are longer
_TOPIC = re.compile(rb'"topic":"([^"\\]+)"')
_EVENT_TIME = re.compile(rb'"ts":(\d+)[,}]')
# Digits past the decimals known so far, trailing zeros left out. A level is ["price","size"]; in trades
# "p" is the price and "v" the size.
_FINER_PRICE = rb'(?:\["|"p":")\d+\.\d{%d}(\d*[1-9])'
_FINER_QTY = rb'(?:","|"v":")\d+\.\d{%d}(\d*[1-9])'


class BybitRecorded:
    """See `book.venues.common.recorded.Recorded`; ``levels`` is the depth of the book that is kept."""

    def __init__(self, levels: int) -> None:
        self._levels = levels

    def kind(self, frame: bytes) -> RecordedKind:
        """Tell what a frame is by its topic, or by how an answer begins."""
        topic = _topic(frame)
        if topic is not None:
            kind, levels, _ = split_topic(topic)
            return RecordedKind.DIFF if (kind, levels) == (BOOK, self._levels) else RecordedKind.OTHER
        head = frame[:_HEAD_BYTES]
        return RecordedKind.LISTING if b'"retCode"' in head and b'"list":[' in head else RecordedKind.OTHER

    def symbol(self, frame: bytes) -> str | None:
        """Return the symbol that ends the topic of a book or of trades; None where there is none."""
        topic = _topic(frame)
        return (split_topic(topic)[2] or None) if topic is not None else None

    def rest_line(self, symbol: str, body: bytes) -> bytes:  # noqa: ARG002
        """Return the answer as it is: it names its symbol, and no book is seeded from it."""
        return body

    def finer(self, frame: bytes, scale: Scale) -> Scale:
        """Return a scale that holds the frame's numbers; raises `BadInput` where none can."""
        return finer_scale(frame, scale, price=_FINER_PRICE, qty=_FINER_QTY)

    def event_time(self, frame: bytes) -> bytes | None:
        """Return the digits of ``ts``."""
        match = _EVENT_TIME.search(frame)
        return match[1] if match else None


def _topic(frame: bytes) -> str | None:
    match = _TOPIC.search(frame)
    return match[1].decode(errors="replace") if match else None
