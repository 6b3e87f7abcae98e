"""
Bybit's v5 public messages: ``orderbook.N`` with its snapshots and deltas, ``orderbook.1``, ``publicTrade``.

    {"topic":"orderbook.200.BTCUSDT","type":"delta","ts":…,"data":{"s":…,"b":…,"a":…,"u":…,"seq":…},"cts":…}

A frame says its topic, kind and time outside ``data``, so it is always read whole. The order of its keys
differs between markets and depths, and fields come and go: only what is used is looked at.

``u`` counts the messages of one topic of one symbol, one by one, snapshots included; 1 is always a snapshot
(a restart of the service, or another precision). ``seq`` is the matching engine's, grows without being
consecutive, and is the same for all depths and for trades: it is what a book ticker or a REST book is
compared by (`DepthDiff.shared_id`), never what deltas join by. Event times are ``ts``, transaction times
``cts``, which the documents say is the clock of a trade's ``T`` too.

A trade's id is a number on spot. On futures it is a UUID, which neither counts nor orders trades: theirs
is ``seq``, which the fills of one order share, with the place among them in its lowest bits. Block trades
(``BT``) and those against RPI orders (``RPI``), which no book shows, have a kind of their own.

Sources: bybit-exchange/docs, v5/websocket/public/orderbook and trade, v5/market/orderbook (as of 2026-08),
v5/sbe/market/level-50 for the rules of ``u``.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from leadline.book.errors import BadFrame
from leadline.book.messages import (
    BookTicker,
    CommandReply,
    DepthDiff,
    DepthSnapshot,
    Message,
    Trade,
    TradeKind,
    Unrecognised,
)
from leadline.book.scale import INT64_MAX, Scale
from leadline.book.venues.common.wire import (
    MILLISECOND_NS,
    SHOWN_CHARS,
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

BOOK, TRADES = "orderbook", "publicTrade"  # what a topic begins with
MOST_DIGITS = 19  # what 63 bits hold
PLACE_BITS = 10  # a message holds up to 1,024 trades, so those of one ``seq`` in it are no more
RESTARTED = 1  # the update id of a snapshot after which the count begins anew

UpdateId: TypeAlias = Annotated[int, msgspec.Meta(ge=RESTARTED, le=INT64_MAX)]


class _Book(msgspec.Struct, gc=False):
    s: Text
    b: Pairs
    a: Pairs
    u: UpdateId
    seq: Id


class _BookFrame(msgspec.Struct, gc=False):
    topic: Text
    type: Literal["snapshot", "delta"]
    ts: Id
    data: _Book
    cts: Id | None = None


class _Trade(msgspec.Struct, gc=False):
    T: Id
    s: Text
    S: Literal["Buy", "Sell"]
    v: str
    p: str
    i: Text
    seq: Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX >> PLACE_BITS)] | None = None  # since 2025-08
    BT: bool = False
    RPI: bool = False


class _TradesFrame(msgspec.Struct, gc=False):
    topic: Text
    ts: Id
    data: list[_Trade]


class _RestBook(msgspec.Struct, gc=False):
    s: Text
    b: Pairs
    a: Pairs
    ts: Id
    u: UpdateId
    seq: Id
    cts: Id | None = None


class _RestReply(msgspec.Struct, gc=False):
    retCode: int  # noqa: N815 - the venue's names
    result: msgspec.Raw = msgspec.Raw(b"{}")
    retMsg: str = ""  # noqa: N815


class _Head(msgspec.Struct, gc=False):
    """Enough of any frame to tell what it is."""

    topic: str | None = None
    success: bool | None = None
    op: str | None = None
    ret_msg: str | None = None
    req_id: str | None = None


_BOOK = msgspec.json.Decoder(_BookFrame)
_TRADES = msgspec.json.Decoder(_TradesFrame)
_REST_BOOK = msgspec.json.Decoder(_RestBook)
_REST_REPLY = msgspec.json.Decoder(_RestReply)
_HEAD = msgspec.json.Decoder(_Head)


def decode_depth(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> DepthDiff | DepthSnapshot:
    """
    Turn a frame of ``orderbook.50`` or deeper into a delta, or the snapshot that replaces the book.

    Raises `BadFrame`, `OffScale`; also for a delta of id 1, which the documents know as a snapshot only.
    """
    wire, levels = _read_book(frame, start)
    book, scale = wire.data, scale_for(scale_of, wire.data.s)
    ts_event_ns, made_ns = to_ns(wire.ts, time_unit_ns, "ts"), to_ns_or_none(wire.cts, time_unit_ns, "cts")
    bids, asks = to_levels(book.b, scale, "b"), to_levels(book.a, scale, "a")
    if wire.type == "delta":
        if book.u == RESTARTED:
            raise BadFrame("type: expected snapshot, as u is 1, got 'delta'")
        return DepthDiff(
            book.s, book.u, book.u, None, ts_event_ns, ts_recv_ns, bids, asks, book.seq, made_ns
        )
    most = max(len(bids), len(asks))
    if most > levels:
        raise BadFrame(f"data: expected at most {levels} levels a side on {wire.topic}, got {most}")
    bids, asks = sorted_side(bids, "b", sign=-1), sorted_side(asks, "a", sign=1)
    return DepthSnapshot(book.s, book.u, ts_recv_ns, bids, asks, ts_event_ns, book.seq, made_ns)


def decode_ticker(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> BookTicker:
    """
    Turn a frame of ``orderbook.1`` into a book ticker; a side without orders is 0 at 0.

    Its id is ``seq``: ``u`` counts this topic alone. Raises `BadFrame`, `OffScale`.
    """
    wire, _ = _read_book(frame, start)
    book, scale = wire.data, scale_for(scale_of, wire.data.s)
    if wire.type != "snapshot":
        raise BadFrame(f"type: expected snapshot on {wire.topic}, got {wire.type!r}")
    most = max(len(book.b), len(book.a))
    if most > 1:
        raise BadFrame(f"data: expected one level a side on {wire.topic}, got {most}")
    (bid, bid_lots), (ask, ask_lots) = (
        to_levels(side, scale, field)[0] if side else (0, 0)
        for field, side in (("b", book.b), ("a", book.a))
    )
    times = to_ns(wire.ts, time_unit_ns, "ts"), ts_recv_ns, to_ns_or_none(wire.cts, time_unit_ns, "cts")
    return BookTicker(book.s, book.seq, bid, bid_lots, ask, ask_lots, *times)


def decode_trades(
    frame: bytes,
    scale_of: ScaleOf | Scale,
    ts_recv_ns: int,
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,
) -> list[Trade]:
    """Turn a frame of ``publicTrade`` into its trades, oldest first; raises `BadFrame`, `OffScale`."""
    wire = decode_json(_TRADES, frame, start)
    ts_event_ns = to_ns(wire.ts, time_unit_ns, "ts")
    trades: list[Trade] = []
    seq, place = None, 0
    for n, one in enumerate(wire.data):
        scale, where = scale_for(scale_of, one.s), f"data[{n}]"
        seq, place = one.seq, place + 1 if one.seq == seq else 0
        trades.append(
            Trade(
                one.s,
                _trade_id(one, place, where),
                to_number(scale.ticks, one.p, f"{where}.p"),
                to_number(scale.lots, one.v, f"{where}.v"),
                one.S == "Sell",
                to_ns(one.T, time_unit_ns, f"{where}.T"),
                ts_event_ns,
                ts_recv_ns,
                TradeKind.BLOCK if one.BT else TradeKind.RPI if one.RPI else TradeKind.MARKET,
            )
        )
    return trades


def decode_snapshot(
    body: bytes, symbol: str, scale: Scale, ts_recv_ns: int, *, time_unit_ns: int = MILLISECOND_NS
) -> DepthSnapshot:
    """
    Turn the answer of ``/v5/market/orderbook`` into a snapshot.

    Its ``last_id`` counts the 1000-level topic; of other depths only the shared id says where it stands.
    Raises `BadFrame` for an answer that is an error, is of another symbol or is not sorted; `OffScale`.
    """
    wire = decode_json(_REST_BOOK, read_result(body))
    if wire.s != symbol:
        raise BadFrame(f"s: expected {symbol!r}, got {wire.s!r}")
    bids = sorted_side(to_levels(wire.b, scale, "b"), "b", sign=-1)
    asks = sorted_side(to_levels(wire.a, scale, "a"), "a", sign=1)
    ts_event_ns, made_ns = to_ns(wire.ts, time_unit_ns, "ts"), to_ns_or_none(wire.cts, time_unit_ns, "cts")
    return DepthSnapshot(symbol, wire.u, ts_recv_ns, bids, asks, ts_event_ns, wire.seq, made_ns)


def decode_partial(
    frame: bytes,
    symbol: str,
    scale: Scale,  # noqa: ARG001 - as other venues' decoders
    ts_recv_ns: int,  # noqa: ARG001
    *,
    start: int = 0,
    time_unit_ns: int = MILLISECOND_NS,  # noqa: ARG001
) -> DepthSnapshot:
    """Refuse partial depth, which Bybit does not send: raises `BadFrame`."""
    raise BadFrame(f"{symbol}: expected no partial depth, got {frame[start : start + SHOWN_CHARS]!r}")


def decode_message(
    frame: bytes,
    scale_of: ScaleOf | Scale,  # noqa: ARG001 - as other venues' decoders
    ts_recv_ns: int,  # noqa: ARG001
    *,
    time_unit_ns: int = MILLISECOND_NS,  # noqa: ARG001
) -> Message:
    """Read a frame that belongs to no stream of ours; raises `BadFrame`. A pong answers no command."""
    head = decode_json(_HEAD, frame)
    if head.topic is not None or (head.op is None and head.success is None):
        return Unrecognised(head.topic or "unknown")
    request_id = _digits(head.req_id or "")
    if head.success is False:
        return CommandReply(request_id, head.ret_msg or f"{head.op} refused")
    is_pong = "pong" in (head.op, head.ret_msg)
    return CommandReply(None if is_pong else request_id, None)


def read_result(body: bytes) -> bytes:
    """Return the ``result`` of a REST answer; raises `BadFrame` where the answer is an error."""
    reply = decode_json(_REST_REPLY, body)
    if reply.retCode:
        raise BadFrame(f"retCode: expected 0, got {reply.retCode} {reply.retMsg!r}")
    return bytes(reply.result)


def split_topic(topic: str) -> tuple[str, int, str]:
    """Take ``orderbook.200.BTCUSDT`` apart; depth is 0 where a topic names none, kind "" if it is odd."""
    kind, _, rest = topic.partition(".")
    if kind != BOOK:
        return kind, 0, rest
    depth, _, symbol = rest.partition(".")
    levels = _digits(depth)
    return ("", 0, "") if levels is None else (kind, levels, symbol)


class BybitDecoder:
    """The decoder of spot and linear alike; see `book.venues.common.decoder`."""

    depth = staticmethod(decode_depth)
    trades = staticmethod(decode_trades)
    ticker = staticmethod(decode_ticker)
    partial = staticmethod(decode_partial)
    snapshot = staticmethod(decode_snapshot)
    message = staticmethod(decode_message)


# -- parts of a message ----------------------------------------------------------------------------


def _read_book(frame: bytes, start: int) -> tuple[_BookFrame, int]:
    """Read a frame of ``orderbook`` and the depth its topic names."""
    wire = decode_json(_BOOK, frame, start)
    kind, levels, symbol = split_topic(wire.topic)
    if kind != BOOK or symbol != wire.data.s:
        raise BadFrame(f"topic: expected orderbook.N.{wire.data.s}, got {wire.topic!r}")
    return wire, levels


def _trade_id(trade: _Trade, place: int, where: str) -> int:
    """Return a number that grows from trade to trade."""
    number = _digits(trade.i)
    if number is not None:
        return number
    if trade.seq is None:
        raise BadFrame(f"{where}.i: expected digits, as there is no seq, got {trade.i[:SHOWN_CHARS]!r}")
    if place >> PLACE_BITS:
        raise BadFrame(f"{where}: expected at most {1 << PLACE_BITS} trades of one seq in a message")
    return trade.seq << PLACE_BITS | place


def _digits(text: str) -> int | None:
    """Read an unsigned number of 63 bits that a text holds; None for any other text."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else -1
    return number if 0 <= number <= INT64_MAX else None
