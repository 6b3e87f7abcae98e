"""
The door: bytes from the venue become typed messages in integers, or a precise error.

Every error is a `BadFrame` that names the field, what stood there and what was expected; nothing of a
bad frame is used. Fields we do not know are ignored, kinds of message we do not know become
`Unrecognised`: the venue adds both without notice.

A *combined* frame is ``{"stream":"btcusdt@depth","data":{payload}}``, a *raw* one the payload alone.
``start`` is where the payload's opening brace stands; what follows its closing brace is ignored, so a
payload can be read where it lies in a combined frame.

Sources: binance-spot-api-docs, web-socket-streams.md and rest-api.md; Binance derivatives docs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from leadline.book.errors import BadFrame
from leadline.book.messages import (
    BookTicker,
    CommandReply,
    DepthDiff,
    DepthSnapshot,
    Message,
    ServerShutdown,
    Trade,
    TradeKind,
    Unrecognised,
)
from leadline.book.scale import INT64_MAX, Scale
from leadline.book.venues.common.wire import (
    MILLISECOND_NS,
    Id,
    Pairs,
    ScaleOf,
    Text,
    decode_json,
    scale_for,
    sorted_side,
    to_levels,
    to_ns,
    to_ns_or_none,
    to_number,
)

MARKET = "MARKET"  # of ``X``, what a trade was
KINDS = {
    MARKET: TradeKind.MARKET,
    "INSURANCE_FUND": TradeKind.INSURANCE_FUND,
    "ADL": TradeKind.ADL,
}  # futures send others too, such as NA, without a price

IdOrNone: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=INT64_MAX)]  # -1: a market without orders


class _Depth(msgspec.Struct, gc=False):
    e: Literal["depthUpdate"]
    E: Id
    s: Text
    U: Id
    u: Id
    b: Pairs
    a: Pairs
    pu: IdOrNone | None = None
    T: Id | None = None


class _Snapshot(msgspec.Struct, gc=False):
    lastUpdateId: IdOrNone  # noqa: N815 - the venue's name
    bids: Pairs
    asks: Pairs
    E: Id | None = None
    T: Id | None = None


class _Deal(msgspec.Struct, gc=False):
    E: Id
    T: Id
    s: Text
    p: str
    q: str
    m: bool


class _Trade(_Deal, gc=False):
    e: Literal["trade"]
    t: Id
    X: str = MARKET


class _Aggregate(_Deal, gc=False):
    """
    The fills of one taker order at one price; futures send no other trades.

    ``nq`` is ``q`` without what met retail price improvement orders; insurance fund and ADL are not in it.
    """

    e: Literal["aggTrade"]
    a: Id
    f: IdOrNone = -1
    l: IdOrNone = -1  # noqa: E741 - the venue's name
    nq: str | None = None


class _Ticker(msgspec.Struct, gc=False):
    s: Text
    u: Id
    b: str
    B: str
    a: str
    A: str
    e: Literal["bookTicker"] | None = None
    E: Id | None = None
    T: Id | None = None


class _Shutdown(msgspec.Struct, gc=False):
    E: Id


class _Head(msgspec.Struct, gc=False):
    """Enough of any frame to tell what it is."""

    e: str | None = None
    stream: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: Any = None
    code: Any = None
    msg: Any = None
    u: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    B: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    lastUpdateId: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 - the venue's name


_DEPTH = msgspec.json.Decoder(_Depth)
_SNAPSHOT = msgspec.json.Decoder(_Snapshot)
_TRADE = msgspec.json.Decoder(_Trade)
_AGGREGATE = msgspec.json.Decoder(_Aggregate)
_TICKER = msgspec.json.Decoder(_Ticker)
_SHUTDOWN = msgspec.json.Decoder(_Shutdown)
_HEAD = msgspec.json.Decoder(_Head)
_IS_AGGREGATE = re.compile(rb'"e"\s*:\s*"aggTrade"')


def decode_frame(
    frame: bytes, scale_of: ScaleOf | Scale, ts_recv_ns: int, *, time_unit_ns: int = MILLISECOND_NS
) -> Message:
    """
    Turn any frame, raw or combined, into the message it carries.

    ``time_unit_ns`` is the unit of the venue's times. Raises `BadFrame`, `OffScale`.
    """
    head = decode_json(_HEAD, frame)
    body, stream = frame, head.stream
    if isinstance(head.data, msgspec.Raw) and stream is not None:
        body = bytes(head.data)
        if not body.startswith(b"{"):
            return Unrecognised(stream)  # such as the lists of !miniTicker@arr
        head = decode_json(_HEAD, body)
    kind = head.e
    if kind is None and _has(head.u) and _has(head.B):
        kind = "bookTicker"  # spot names no kind in this one
    if kind in _DECODERS:
        return _DECODERS[kind](body, scale_of, ts_recv_ns, time_unit_ns=time_unit_ns)
    if kind == "serverShutdown" or stream == "!serverShutdown":
        return ServerShutdown(to_ns(decode_json(_SHUTDOWN, body).E, time_unit_ns, "E"))
    if kind is not None:
        return Unrecognised(kind)
    return _reply(head) or Unrecognised(stream or ("depth" if _has(head.lastUpdateId) else "unknown"))


def decode_depth(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> DepthDiff:
    """Turn the ``depthUpdate`` payload at ``frame[start]`` into a diff; raises `BadFrame`, `OffScale`."""
    wire = decode_json(_DEPTH, frame, start)
    if wire.u < wire.U:
        raise BadFrame(f"U: expected at most u={wire.u}, got {wire.U}")
    scale = scale_for(scale_of, wire.s)
    return DepthDiff(
        wire.s,
        wire.U,
        wire.u,
        wire.pu,
        to_ns(wire.E, time_unit_ns, "E"),
        ts_recv_ns,
        to_levels(wire.b, scale, "b"),
        to_levels(wire.a, scale, "a"),
        ts_transaction_ns=to_ns_or_none(wire.T, time_unit_ns, "T"),
    )


def decode_trade(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> Trade:
    """Turn the ``trade`` payload at ``frame[start]`` into a trade; raises `BadFrame`, `OffScale`."""
    wire = decode_json(_TRADE, frame, start)
    trade = _trade(wire, wire.t, scale_of, ts_recv_ns, time_unit_ns)
    kind = KINDS.get(wire.X, TradeKind.OTHER) if trade.price_ticks else TradeKind.OTHER
    return trade if kind is TradeKind.MARKET else replace(trade, kind=kind)


def decode_trades(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> Sequence[Trade]:
    """
    Read the ``trade`` or ``aggTrade`` payload at ``frame[start]``; raises `BadFrame`, `OffScale`.

    Price, quantity, side and time of an aggregate mean the same as a trade's, and its id is its own;
    several trades at one price by one order are one aggregate.
    """
    if _IS_AGGREGATE.search(frame, start) is None:
        return (decode_trade(frame, scale_of, ts_recv_ns, start=start, time_unit_ns=time_unit_ns),)
    wire = decode_json(_AGGREGATE, frame, start)
    trade = _trade(wire, wire.a, scale_of, ts_recv_ns, time_unit_ns)
    scale = scale_for(scale_of, wire.s)
    return (
        aggregated(
            trade, wire.f, wire.l, None if wire.nq is None else to_number(scale.lots, wire.nq, "nq")
        ),
    )


def aggregated(trade: Trade, first_id: int, last_id: int, market_lots: int | None) -> Trade:
    """
    Say of a trade that it is an aggregate of ``first_id .. last_id``, of which so much met the book.

    What cannot be is taken as not said.
    """
    covers = (first_id, last_id) if 0 <= first_id <= last_id else None
    if market_lots is None or market_lots >= trade.qty_lots:
        return replace(trade, covers=covers)
    kind = trade.kind if market_lots else TradeKind.RPI
    return replace(trade, kind=kind, market_lots=market_lots, covers=covers)


def _trade(
    wire: _Deal, trade_id: int, scale_of: ScaleOf | Scale, ts_recv_ns: int, time_unit_ns: int
) -> Trade:
    scale = scale_for(scale_of, wire.s)
    return Trade(
        wire.s,
        trade_id,
        to_number(scale.ticks, wire.p, "p"),
        to_number(scale.lots, wire.q, "q"),
        wire.m,
        to_ns(wire.T, time_unit_ns, "T"),
        to_ns(wire.E, time_unit_ns, "E"),
        ts_recv_ns,
    )


def decode_ticker(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> BookTicker:
    """Turn the ``bookTicker`` payload at ``frame[start]`` into a ticker; raises `BadFrame`, `OffScale`."""
    wire = decode_json(_TICKER, frame, start)
    scale = scale_for(scale_of, wire.s)
    return BookTicker(
        wire.s,
        wire.u,
        to_number(scale.ticks, wire.b, "b"),
        to_number(scale.lots, wire.B, "B"),
        to_number(scale.ticks, wire.a, "a"),
        to_number(scale.lots, wire.A, "A"),
        None if wire.E is None else to_ns(wire.E, time_unit_ns, "E"),
        ts_recv_ns,
        to_ns_or_none(wire.T, time_unit_ns, "T"),
    )


def decode_snapshot(
    body: bytes,
    symbol: str,
    scale: Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> DepthSnapshot:
    """
    Turn a REST order book into a seed; spot's names no symbol, so the caller does.

    A level of quantity 0 is no level and is left out. Raises `BadFrame` unless each side is sorted,
    best first; `OffScale`.
    """
    wire = decode_json(_SNAPSHOT, body, start)
    bids = sorted_side(to_levels(wire.bids, scale, "bids"), "bids", sign=-1)
    asks = sorted_side(to_levels(wire.asks, scale, "asks"), "asks", sign=1)
    ts_event_ns = None if wire.E is None else to_ns(wire.E, time_unit_ns, "E")
    ts_ns = to_ns_or_none(wire.T, time_unit_ns, "T")
    return DepthSnapshot(
        symbol, wire.lastUpdateId, ts_recv_ns, bids, asks, ts_event_ns, ts_transaction_ns=ts_ns
    )


def decode_partial(
    frame: bytes,
    symbol: str,
    scale: Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> DepthSnapshot:
    """Read partial depth, which spot writes like its REST order book and futures like a diff."""
    where = {"start": start, "time_unit_ns": time_unit_ns}
    if frame.find(b'"lastUpdateId"', start) >= 0:
        return decode_snapshot(frame, symbol, scale, ts_recv_ns, **where)
    told = decode_depth(frame, scale, ts_recv_ns, **where)
    return DepthSnapshot(symbol, told.last_id, ts_recv_ns, told.bids, told.asks, told.ts_event_ns)


class BinanceDecoder:
    """The decoder of all three markets; see `book.venues.common.decoder`."""

    depth = staticmethod(decode_depth)
    trades = staticmethod(decode_trades)
    ticker = staticmethod(decode_ticker)
    partial = staticmethod(decode_partial)
    snapshot = staticmethod(decode_snapshot)
    message = staticmethod(decode_frame)


_DECODERS: dict[str, Callable[..., Message]] = {
    "depthUpdate": decode_depth,
    "trade": decode_trade,
    "bookTicker": decode_ticker,
}

# -- parts of a message ----------------------------------------------------------------------------


def _has(field: msgspec.Raw | msgspec.UnsetType) -> bool:
    return field is not msgspec.UNSET


def _reply(head: _Head) -> CommandReply | None:
    """Return the answer to a command; None when the frame is none."""
    request_id = head.id if isinstance(head.id, int | str) else None
    if isinstance(head.error, msgspec.Raw):
        return CommandReply(request_id, bytes(head.error).decode())
    if head.code is not None:
        return CommandReply(request_id, f"{head.code}: {head.msg}")
    return CommandReply(request_id, None) if _has(head.result) else None
