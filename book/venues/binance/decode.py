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
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec

from leadline.book.errors import BadFrame, BadInput, OffScale
from leadline.book.messages import (
    BookTicker,
    CommandReply,
    DepthDiff,
    DepthSnapshot,
    Level,
    Message,
    ServerShutdown,
    Trade,
    Unrecognised,
)
from leadline.book.scale import INT64_MAX, Scale

MILLISECOND_NS = 1_000_000  # the venue's times, unless timeUnit=MICROSECOND was asked for

SHOWN_CHARS = 60  # of the wrong value, in an error's text

ScaleOf: TypeAlias = Callable[[str], Scale]
"""Gives a symbol's scale; raises LookupError for a symbol nobody asked for."""

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
IdOrNone: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=INT64_MAX)]  # -1: a market without orders
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
Pairs: TypeAlias = list[tuple[str, str]]


class _Depth(msgspec.Struct, gc=False):
    e: Literal["depthUpdate"]
    E: Id
    s: Text
    U: Id
    u: Id
    b: Pairs
    a: Pairs
    pu: IdOrNone | None = None


class _Snapshot(msgspec.Struct, gc=False):
    lastUpdateId: IdOrNone  # noqa: N815 - the venue's name
    bids: Pairs
    asks: Pairs
    E: Id | None = None


class _Trade(msgspec.Struct, gc=False):
    e: Literal["trade"]
    E: Id
    T: Id
    s: Text
    t: Id
    p: str
    q: str
    m: bool


class _Ticker(msgspec.Struct, gc=False):
    s: Text
    u: Id
    b: str
    B: str
    a: str
    A: str
    e: Literal["bookTicker"] | None = None
    E: Id | None = None


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


T = TypeVar("T")
_DEPTH = msgspec.json.Decoder(_Depth)
_SNAPSHOT = msgspec.json.Decoder(_Snapshot)
_TRADE = msgspec.json.Decoder(_Trade)
_TICKER = msgspec.json.Decoder(_Ticker)
_SHUTDOWN = msgspec.json.Decoder(_Shutdown)
_HEAD = msgspec.json.Decoder(_Head)
_BRACE_OR_STRING = re.compile(rb'[{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)
_AT = re.compile(r" - at `\$?(.*)`$")


def decode_frame(
    frame: bytes, scale_of: ScaleOf | Scale, ts_recv_ns: int, *, time_unit_ns: int = MILLISECOND_NS
) -> Message:
    """
    Turn any frame, raw or combined, into the message it carries.

    ``time_unit_ns`` is the unit of the venue's times. Raises `BadFrame`, `OffScale`.
    """
    head = _decode(_HEAD, frame)
    body, stream = frame, head.stream
    if isinstance(head.data, msgspec.Raw) and stream is not None:
        body = bytes(head.data)
        if not body.startswith(b"{"):
            return Unrecognised(stream)  # such as the lists of !miniTicker@arr
        head = _decode(_HEAD, body)
    kind = head.e
    if kind is None and _has(head.u) and _has(head.B):
        kind = "bookTicker"  # spot names no kind in this one
    if kind in _DECODERS:
        return _DECODERS[kind](body, scale_of, ts_recv_ns, time_unit_ns=time_unit_ns)
    if kind == "serverShutdown" or stream == "!serverShutdown":
        return ServerShutdown(_ns(_decode(_SHUTDOWN, body).E, time_unit_ns, "E"))
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
    wire = _decode(_DEPTH, frame, start)
    if wire.u < wire.U:
        raise BadFrame(f"U: expected at most u={wire.u}, got {wire.U}")
    scale = _scale(scale_of, wire.s)
    return DepthDiff(
        wire.s,
        wire.U,
        wire.u,
        wire.pu,
        _ns(wire.E, time_unit_ns, "E"),
        ts_recv_ns,
        _levels(wire.b, scale, "b"),
        _levels(wire.a, scale, "a"),
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
    wire = _decode(_TRADE, frame, start)
    scale = _scale(scale_of, wire.s)
    return Trade(
        wire.s,
        wire.t,
        _number(scale.ticks, wire.p, "p"),
        _number(scale.lots, wire.q, "q"),
        wire.m,
        _ns(wire.T, time_unit_ns, "T"),
        _ns(wire.E, time_unit_ns, "E"),
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
    wire = _decode(_TICKER, frame, start)
    scale = _scale(scale_of, wire.s)
    return BookTicker(
        wire.s,
        wire.u,
        _number(scale.ticks, wire.b, "b"),
        _number(scale.lots, wire.B, "B"),
        _number(scale.ticks, wire.a, "a"),
        _number(scale.lots, wire.A, "A"),
        None if wire.E is None else _ns(wire.E, time_unit_ns, "E"),
        ts_recv_ns,
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
    wire = _decode(_SNAPSHOT, body, start)
    bids = _sorted_side(_levels(wire.bids, scale, "bids"), "bids", sign=-1)
    asks = _sorted_side(_levels(wire.asks, scale, "asks"), "asks", sign=1)
    ts_event_ns = None if wire.E is None else _ns(wire.E, time_unit_ns, "E")
    return DepthSnapshot(symbol, wire.lastUpdateId, ts_recv_ns, bids, asks, ts_event_ns)


_DECODERS: dict[str, Callable[..., Message]] = {
    "depthUpdate": decode_depth,
    "trade": decode_trade,
    "bookTicker": decode_ticker,
}

# -- parts of a message ----------------------------------------------------------------------------


def _has(field: msgspec.Raw | msgspec.UnsetType) -> bool:
    return field is not msgspec.UNSET


def _scale(scale_of: ScaleOf | Scale, symbol: str) -> Scale:
    if isinstance(scale_of, Scale):
        return scale_of
    try:
        return scale_of(symbol)
    except LookupError as exc:
        raise BadFrame(f"s: expected a symbol that was asked for, got {symbol!r}") from exc


def _number(parse: Callable[[str], int], text: str, field: str) -> int:
    """Parse one decimal text; say which field it stood in if it cannot be."""
    try:
        return parse(text)
    except OffScale as exc:
        raise OffScale(f"{field}: {exc}") from exc
    except BadInput as exc:
        raise BadFrame(f"{field}: {exc}") from exc


def _levels(pairs: Pairs, scale: Scale, field: str) -> tuple[Level, ...]:
    ticks, lots = scale.ticks, scale.lots
    try:
        return tuple([(ticks(price), lots(quantity)) for price, quantity in pairs])
    except BadInput:
        for n, (price, quantity) in enumerate(pairs):  # find the one to name
            _number(ticks, price, f"{field}[{n}] price")
            _number(lots, quantity, f"{field}[{n}] quantity")
        raise


def _sorted_side(levels: Sequence[Level], field: str, *, sign: int) -> tuple[Level, ...]:
    """Return the levels that hold something; ``sign`` is 1 where prices must rise, -1 where fall."""
    for n in range(1, len(levels)):
        price, before = levels[n][0], levels[n - 1][0]
        if sign * price <= sign * before:
            order = "above" if sign > 0 else "below"
            raise BadFrame(
                f"{field}[{n}] price: expected {order} the one before ({before}), got {price} ticks"
            )
    return tuple([level for level in levels if level[1]])


def _ns(time: int, unit_ns: int, field: str) -> int:
    ns = time * unit_ns
    if ns > INT64_MAX:
        raise BadFrame(f"{field}: expected a time of unit {unit_ns} ns before the year 2262, got {time}")
    return ns


def _reply(head: _Head) -> CommandReply | None:
    """Return the answer to a command; None when the frame is none."""
    request_id = head.id if isinstance(head.id, int | str) else None
    if isinstance(head.error, msgspec.Raw):
        return CommandReply(request_id, bytes(head.error).decode())
    if head.code is not None:
        return CommandReply(request_id, f"{head.code}: {head.msg}")
    return CommandReply(request_id, None) if _has(head.result) else None


# -- from bytes to fields --------------------------------------------------------------------------


def _decode(decoder: msgspec.json.Decoder[T], frame: bytes, start: int = 0) -> T:
    """Decode the object at ``frame[start]``; raises `BadFrame` that says what is wrong and where."""
    # The usual combined frame ends with the wrapper's own brace, right behind the payload's.
    body = frame[start:-1] if start and frame.endswith(b"}}") else frame[start:]
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        whole = _object_at(frame, start)
        if whole == body:
            raise _bad_frame(exc, body) from exc
    try:
        return decoder.decode(whole)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _bad_frame(exc, whole) from exc


def _object_at(frame: bytes, start: int) -> bytes:
    """Cut out the object that begins at ``start``; the rest of the frame if it never ends."""
    depth = 0
    for token in _BRACE_OR_STRING.finditer(frame, start):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth <= 0:
                return frame[start : token.end()]
    return frame[start:]


def _bad_frame(exc: Exception, body: bytes) -> BadFrame:
    """Turn the decoder's complaint into one that also shows what stood there."""
    complaint = str(exc)
    if not isinstance(exc, msgspec.ValidationError):
        return BadFrame(f"not JSON: {complaint}; {len(body)} bytes beginning {body[:SHOWN_CHARS]!r}")
    path = _AT.search(complaint)
    field = path[1].lstrip(".") if path else ""
    expected = complaint[: path.start()] if path else complaint
    return BadFrame(f"{field or 'message'}: {expected}; stood there: {_shown(body, field)}")


def _shown(body: bytes, path: str) -> str:
    """Find the value at a path such as ``b[0][1]`` and show the first characters of it."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the typed decoder gave up before this one does
        return f"{body[:SHOWN_CHARS]!r}"
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            break
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
