"""
Binance's frames in recordings, from the outside.

A line is a combined frame, a raw payload, a REST snapshot (bare, or as the stream ``btcusdt@snapshot`` that
recordings have) or an exchangeInfo answer.
"""

from __future__ import annotations

import json
import re

from leadline.book.scale import Scale
from leadline.book.venues.common.recorded import RecordedKind, finer_scale

_NAME_BYTES = 96  # a stream's name, or the kind of a raw payload, stands within these
_HEAD_BYTES = 8_192  # "symbols" stands behind the rate limits
_STREAM = b'{"stream":"'
_SNAPSHOT = b'{"lastUpdateId"'
_SNAPSHOT_STREAMS = (b"@snapshot", b"@depthSnapshot")  # ours, and Tardis' name for the seed it fetched
_RAW_SYMBOL = re.compile(rb'"s(?:ymbol)?":"([^"]+)"')
_EVENT_TIME = re.compile(rb'"E":(\d+)[,}]')
# Digits past the decimals known so far, trailing zeros left out. Prices open a level ["p",…] or stand
# as "p", "b" and "a"; quantities close a level ,"q"] or stand as "q", "B" and "A".
_FINER_PRICE = rb'(?:\["|"[pba]":")\d+\.\d{%d}(\d*[1-9])'
_FINER_QTY = rb'(?:","|"[qBA]":")\d+\.\d{%d}(\d*[1-9])'


class BinanceRecorded:
    """See `book.venues.common.recorded.Recorded`."""

    def kind(self, frame: bytes) -> RecordedKind:
        """Tell what a frame is by its first bytes."""
        name = frame[:_NAME_BYTES]
        if any(stream in name for stream in _SNAPSHOT_STREAMS) or frame.startswith(_SNAPSHOT):
            return RecordedKind.SNAPSHOT
        if b"@depth" in name or b'"depthUpdate"' in name:
            return RecordedKind.DIFF
        return RecordedKind.LISTING if _is_listing(frame) else RecordedKind.OTHER

    def symbol(self, frame: bytes) -> str | None:
        """Return the symbol of a frame, by its stream's name or its own field; None where neither is."""
        if frame.startswith(_STREAM):
            name, at, _ = frame[len(_STREAM) :].partition(b"@")
            return _unescaped(name).upper() if at and name else None
        if _is_listing(frame):
            return None
        match = _RAW_SYMBOL.search(frame)
        return _unescaped(match[1]).upper() if match else None

    def rest_line(self, symbol: str, body: bytes) -> bytes:
        """Put a REST order book under the stream name that recordings give it."""
        stream = json.dumps(f"{symbol.lower()}@snapshot", ensure_ascii=False).encode()
        return b'{"stream":' + stream + b',"data":' + body + b"}"

    def finer(self, frame: bytes, scale: Scale) -> Scale:
        """Return a scale that holds the frame's numbers; raises `BadInput` where none can."""
        return finer_scale(frame, scale, price=_FINER_PRICE, qty=_FINER_QTY)

    def event_time(self, frame: bytes) -> bytes | None:
        """Return the digits of ``E``."""
        match = _EVENT_TIME.search(frame)
        return match[1] if match else None


def _is_listing(frame: bytes) -> bool:
    return b'"symbols":[{' in frame[:_HEAD_BYTES]


def _unescaped(name: bytes) -> str:
    """Read a name as JSON writes it; symbols may lie outside ASCII."""
    if b"\\" not in name:
        return name.decode(errors="replace")
    try:
        return str(json.loads(b'"' + name + b'"'))
    except ValueError:
        return name.decode(errors="replace")
