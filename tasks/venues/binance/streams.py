"""
What a frame is and whose, read in full: raw frames, unusual spellings, recordings' snapshot lines.

A combined frame begins ``{"stream":"btcusdt@depth@100ms","data":{``; the router reads no JSON of those.
"""

from __future__ import annotations

import re

import msgspec

from leadline.book.errors import BadFrame
from leadline.tasks.venues.common.adapter import Head, StreamKind, StreamName

PREFIX = b'{"stream":"'
MIDDLE = b'","data":{'

DIFF_DEPTH = re.compile(r"depth(@\d+ms)?")  # @depth5, @depth10 and @depth20 are partial books
DEPTH20 = re.compile(r"depth20(@\d+ms)?")
SNAPSHOT = "snapshot"  # a recording's own: the venue has no such stream
SNAPSHOTS = ("@" + SNAPSHOT, "@depthSnapshot")  # … and Tardis' name for it
PLAIN_KINDS = {
    "bookTicker": StreamKind.TICKER,
    "trade": StreamKind.TRADE,
    "aggTrade": StreamKind.TRADE,  # what futures send in place of trades
}
# The stream a raw frame would have come on, by its event.
RAW_SUFFIXES = {event: event for event in PLAIN_KINDS} | {"depthUpdate": "depth"}


class _Head(msgspec.Struct, gc=False):
    """Enough of any frame to tell what it is."""

    stream: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: str | None = None
    s: str | None = None
    u: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    B: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    lastUpdateId: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 - the venue's name
    symbol: str | None = None  # of a REST order book; futures name it


_HEAD = msgspec.json.Decoder(_Head)


def read_head(frame: bytes) -> Head:
    """Read what a frame is; raises `BadFrame` when it is no JSON object."""
    try:
        head = _HEAD.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadFrame(f"not a message: {exc}; {len(frame)} bytes beginning {frame[:60]!r}") from exc
    if head.stream is not None and isinstance(head.data, msgspec.Raw):
        return Head(head.stream, bytes(head.data), 0, head.stream.endswith(SNAPSHOTS))
    is_snapshot = head.lastUpdateId is not msgspec.UNSET
    return Head(_raw_stream(head), frame, frame.index(b"{"), is_snapshot)


def parse_stream(name: str) -> StreamName:
    """Take a stream's name apart."""
    symbol, _, suffix = name.partition("@")
    kind = StreamKind.DEPTH if DIFF_DEPTH.fullmatch(suffix) else PLAIN_KINDS.get(suffix)
    if kind is None and DEPTH20.fullmatch(suffix):
        kind = StreamKind.DEPTH20
    return StreamName(symbol, kind)


def _raw_stream(head: _Head) -> str | None:
    """Return the stream a raw frame would have come on, ``btcusdt@trade``; None if it says too little."""
    if head.lastUpdateId is not msgspec.UNSET:
        return None if head.symbol is None else f"{head.symbol.lower()}@{SNAPSHOT}"
    suffix = RAW_SUFFIXES.get(head.e or "")
    if head.e is None and head.u is not msgspec.UNSET and head.B is not msgspec.UNSET:
        suffix = "bookTicker"  # spot names no kind in its book tickers
    return None if suffix is None or head.s is None else f"{head.s.lower()}@{suffix}"
