"""
What a frame is and whose, read as little as possible; the slow half of `tasks.feed.routing.router`.

The router reads no JSON in the common case. This is for the rest: raw frames, unusual spellings,
recordings' snapshot lines, and the aggregate trades that futures send in place of trades.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from leadline.book.errors import BadFrame
from leadline.book.messages import Trade
from leadline.book.scale import Scale
from leadline.tasks.venues.common.profile import StreamKind

DIFF_DEPTH = re.compile(r"depth(@\d+ms)?")  # @depth5, @depth10 and @depth20 are partial books
DEPTH20 = re.compile(r"depth20(@\d+ms)?")
SNAPSHOT = "snapshot"  # a recording's own: the venue has no such stream
AGGREGATE = "aggTrade"
PLAIN_KINDS = {"bookTicker": StreamKind.TICKER, "trade": StreamKind.TRADE, AGGREGATE: StreamKind.TRADE}
RAW_SUFFIXES = {"depthUpdate": "depth", "bookTicker": "bookTicker", "trade": "trade", AGGREGATE: AGGREGATE}


class Head(msgspec.Struct, gc=False):
    """Enough of any frame to tell what it is."""

    stream: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: str | None = None
    s: str | None = None
    u: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    B: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    lastUpdateId: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 - the venue's name

    @property
    def raw_stream(self) -> str | None:
        """The stream a raw frame would have come on, ``btcusdt@trade``; None if it says too little."""
        suffix = RAW_SUFFIXES.get(self.e or "")
        if self.e is None and self.u is not msgspec.UNSET and self.B is not msgspec.UNSET:
            suffix = "bookTicker"  # spot names no kind in its book tickers
        return None if suffix is None or self.s is None else f"{self.s.lower()}@{suffix}"


class StreamName(NamedTuple):
    """``btcusdt@depth@100ms`` taken apart; ``kind`` is None for streams we do not use."""

    lower_symbol: str
    suffix: str
    kind: StreamKind | None


class _Aggregate(msgspec.Struct, gc=False):
    """``aggTrade``: the fills of one taker order at one price."""

    E: int
    T: int
    s: str
    a: int
    p: str
    q: str
    m: bool


_HEAD = msgspec.json.Decoder(Head)
_AGGREGATE = msgspec.json.Decoder(_Aggregate)


def read_head(frame: bytes) -> Head:
    """Read what a frame is; raises `BadFrame` when it is no JSON object."""
    try:
        return _HEAD.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadFrame(f"not a message: {exc}; {len(frame)} bytes beginning {frame[:60]!r}") from exc


def parse_stream(name: str) -> StreamName:
    """Take a stream's name apart."""
    symbol, _, suffix = name.partition("@")
    kind = StreamKind.DEPTH if DIFF_DEPTH.fullmatch(suffix) else PLAIN_KINDS.get(suffix)
    if kind is None and DEPTH20.fullmatch(suffix):
        kind = StreamKind.DEPTH20
    return StreamName(symbol, suffix, kind)


def decode_aggregate(
    frame: bytes, start: int, scale: Scale, ts_recv_ns: int, *, time_unit_ns: int
) -> Trade:
    """
    Read the ``aggTrade`` payload at ``frame[start]`` as a trade; ``trade_id`` is the aggregate's id.

    Price, quantity, side and time mean the same as a trade's; several trades at one price by one order
    are one aggregate. Raises `BadFrame`, `OffScale`.
    """
    try:
        # Behind the payload of a combined frame only the wrapper's own brace follows.
        wire = _AGGREGATE.decode(frame[start:-1] if start else frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadFrame(f"aggTrade: {exc}") from exc
    price, lots = scale.ticks(wire.p), scale.lots(wire.q)
    return Trade(
        wire.s, wire.a, price, lots, wire.m, wire.T * time_unit_ns, wire.E * time_unit_ns, ts_recv_ns
    )
