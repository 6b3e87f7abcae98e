"""
How one talks to Bybit: addresses, commands, frames from the outside, REST paths and errors.

The usual frame begins ``{"topic":"orderbook.50.BTCUSDT"``; any other order of keys is read in full. An
address subscribes to nothing: topics are asked for in commands, whose replies bear their ``req_id``.

An error comes with status 200 and a ``retCode``. A symbol that is not listed is one of them on linear
(10001, "params error: symbol invalid") and an empty list on spot. Status 403 is a limit that was passed, or
the place that is not served.

Sources, as of 2026-11: bybit-exchange/docs, v5/ws/connect, v5/market/orderbook, instrument and time,
v5/error, v5/rate-limit; frames that others published (`tests/book/venues/bybit/frames`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from leadline.book.venues.bybit.decode import BOOK, TRADES, read_result, split_topic
from leadline.book.venues.common.wire import MILLISECOND_NS, decode_json
from leadline.tasks.net.session import Command
from leadline.tasks.venues.common.adapter import (
    Address,
    Framing,
    Head,
    Ids,
    PastTrades,
    Refusal,
    Request,
    StreamKind,
    StreamName,
    Trouble,
    WsBase,
)
from leadline.tasks.venues.common.bytes import number_after

TOPIC, TOPIC_KEY = b'{"topic":"', b'"topic":'
BAD_PARAMS, TOO_MANY_VISITS, IP_BANNED, SERVER_FAULT, IP_LIMIT = 10001, 10006, 10009, 10016, 10018
OK, REDIRECT, FORBIDDEN, TOO_MANY, SERVER_ERROR = 200, 300, 403, 429, 500
BAN_S = 600.0  # "wait for at least 10 minutes", v5/rate-limit
ONE_BY_ONE = 10  # symbols of spot that are asked for by name; beyond it all are, which is one answer there

HINTS = {
    Trouble.PLACE: "the venue does not serve this location. Run from a place it serves",
    Trouble.BANNED: "too many requests came from this address",
    Trouble.UNKNOWN_SYMBOL: "check the spelling of the symbol and the market, spot or linear",
}
_BY_CODE = {
    TOO_MANY_VISITS: Trouble.LIMITED,
    IP_LIMIT: Trouble.LIMITED,
    IP_BANNED: Trouble.BANNED,
    SERVER_FAULT: Trouble.BROKEN,
}


class _Head(msgspec.Struct, gc=False):
    topic: str | None = None


class _Reply(msgspec.Struct, gc=False):
    retCode: int  # noqa: N815 - the venue's names, here and below
    retMsg: str = ""  # noqa: N815


class _Time(msgspec.Struct):
    timeNano: Annotated[str, msgspec.Meta(pattern=r"^\d+$")]  # noqa: N815


_HEAD = msgspec.json.Decoder(_Head)
_REPLY = msgspec.json.Decoder(_Reply)
_TIME = msgspec.json.Decoder(_Time)


@dataclass(frozen=True, slots=True)
class BybitAdapter:
    """See `tasks.venues.common.adapter.VenueAdapter`; ``levels`` is the depth of the book that is kept."""

    category: str  # "spot", "linear"
    levels: int
    framing: ClassVar = Framing(TOPIC, b'"', is_whole=True)
    headers: ClassVar[Mapping[str, str]] = {}

    def in_unit(self, unit_ns: int) -> BybitAdapter:  # noqa: ARG002
        """Return itself: the venue has milliseconds alone."""
        return self

    def parse_stream(self, name: str) -> StreamName:
        """Take ``orderbook.200.BTCUSDT`` apart; books of another depth are not ours."""
        kind, levels, symbol = split_topic(name)
        kinds = {(BOOK, self.levels): StreamKind.DEPTH, (BOOK, 1): StreamKind.TICKER}
        kinds[TRADES, 0] = StreamKind.TRADE
        return StreamName(symbol.lower(), kinds.get((kind, levels)))

    def address(self, base: WsBase, kind: StreamKind, streams: Sequence[str]) -> Address:  # noqa: ARG002
        """Return the address of the market; it carries every topic and subscribes to none."""
        return Address(f"{base.url}/v5/public/{self.category}", subscribes=False)

    def raw_address(self, base: WsBase, kind: StreamKind, stream: str) -> None:
        """Return None: every message bears its topic."""

    def command(self, command: Command, streams: Sequence[str], request_id: int) -> bytes:
        """Write a command."""
        return msgspec.json.encode({"req_id": str(request_id), "op": command.lower(), "args": streams})

    def read_head(self, frame: bytes) -> Head:
        """Tell what any frame is; raises `BadFrame`."""
        return Head(decode_json(_HEAD, frame).topic, frame, 0)

    def read_ids(self, frame: bytes) -> Ids | None:
        """Read topic and ``u``, of trades ``seq``; a delta follows the ``u`` before its own."""
        if not frame.startswith(TOPIC):
            return None
        end = frame.find(b'"', len(TOPIC))
        stream = frame[len(TOPIC) : end]
        last = number_after(frame, b'"seq":' if stream.startswith(TRADES.encode()) else b'"u":', end)
        is_delta = b'"type":"delta"' in frame
        return None if last < 0 else Ids(stream, last, last - 1 if is_delta else -1)

    def is_data(self, frame: bytes) -> bool:
        """Whether a frame belongs to a topic."""
        return TOPIC_KEY in frame

    def event_time(self, frame: bytes) -> int | None:
        """Read ``ts``."""
        time = number_after(frame, b'"ts":', 0)
        return time if time >= 0 else None

    def depth_request(self, symbol: str, limit: int) -> Request:
        """Ask for an order book."""
        return Request("orderbook", {"category": self.category, "symbol": symbol, "limit": str(limit)})

    def trade_request(self, symbol: str) -> Request | None:  # noqa: ARG002 - its ids have no order
        """Return None: trades come with the books, on one connection."""
        return None

    def newest_trade(self, body: bytes) -> int | None:  # noqa: ARG002 - never asked
        """Return None."""
        return None

    def listing_requests(self, symbols: Sequence[str]) -> list[Request]:
        """Ask for each symbol; for all at once where there are many and the answer has but one page."""
        path, category = "instruments-info", {"category": self.category}
        if self.category == "spot" and len(symbols) > ONE_BY_ONE:
            return [Request(path, category)]
        return [Request(path, category | {"symbol": symbol}, (symbol,)) for symbol in symbols]

    def past_trades_request(self, symbol: str, wanted: PastTrades) -> None:
        """Offer none: its trades are not numbered one by one."""

    def time_request(self) -> Request:
        """Ask for the venue's clock."""
        return Request("time", {})

    def server_ns(self, body: bytes) -> int:
        """Read ``timeNano``, as far as whole milliseconds."""
        return int(decode_json(_TIME, read_result(body)).timeNano) // MILLISECOND_NS * MILLISECOND_NS

    def used_weight(self, headers: Mapping[str, str]) -> int | None:  # noqa: ARG002
        """Return None: the headers tell of an account's limits, not of an address's."""
        return None

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:  # noqa: ARG002
        """Tell what an answer means by its status and its ``retCode``."""
        if not OK <= status < REDIRECT:
            return _refused(_by_status(status, body))
        try:
            reply = _REPLY.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # whoever reads the answer says what is wrong with it
        if reply.retCode == 0:
            return None
        if reply.retCode == BAD_PARAMS and "symbol" in reply.retMsg.lower():
            return _refused(Trouble.UNKNOWN_SYMBOL)
        return _refused(_BY_CODE.get(reply.retCode, Trouble.REFUSED))


def _by_status(status: int, body: bytes) -> Trouble:
    if status == FORBIDDEN:
        return Trouble.PLACE if b"your country" in body else Trouble.BANNED
    if status == TOO_MANY:
        return Trouble.LIMITED
    return Trouble.BROKEN if status >= SERVER_ERROR else Trouble.REFUSED


def _refused(trouble: Trouble) -> Refusal:
    return Refusal(trouble, HINTS.get(trouble, ""), BAN_S if trouble is Trouble.BANNED else None)
