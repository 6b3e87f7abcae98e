"""How one talks to Binance: addresses, commands, frames from the outside, REST paths and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import quote

import msgspec

from leadline.book.errors import BadFrame
from leadline.book.venues.common.wire import MILLISECOND_NS
from leadline.tasks.net.session import Command
from leadline.tasks.venues.binance.ids import event_time, read_ids
from leadline.tasks.venues.binance.streams import MIDDLE, PREFIX, parse_stream, read_head
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

ABOUT_ITSELF = PREFIX + b"!"  # such as !serverShutdown
USED_WEIGHT = "x-mbx-used-weight-1m"
TIME_UNIT, MICROSECOND = "X-MBX-TIME-UNIT", "MICROSECOND"
INVALID_SYMBOL, ILLEGAL_CHARACTERS = -1121, -1100
TOO_MANY, TEAPOT, FORBIDDEN, LEGAL_REASONS, SERVER_ERROR = 429, 418, 403, 451, 500
PAST_TRADES = 1000  # aggregates in an answer, at most
OK, REDIRECT = 200, 300
SYMBOLS_A_REQUEST = 50  # keeps the query string of exchangeInfo under 1 kB

HINTS = {
    Trouble.PLACE: "the venue does not serve this location. Try the market-data-only hosts "
    "(data-api.binance.vision) or run from a place it serves",
    Trouble.FIREWALL: "its firewall refused the request. Check proxy and IP address",
    Trouble.UNKNOWN_SYMBOL: "check the spelling of the symbol",
}
_BY_STATUS = {
    TOO_MANY: Trouble.LIMITED,
    TEAPOT: Trouble.BANNED,
    LEGAL_REASONS: Trouble.PLACE,
    FORBIDDEN: Trouble.FIREWALL,
}


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""

    @property
    def is_about_symbol(self) -> bool:
        """Whether a symbol is the trouble: one that is not listed, or whose letters are not allowed."""
        return self.code == INVALID_SYMBOL or (
            self.code == ILLEGAL_CHARACTERS and "parameter 'symbol" in self.msg
        )


class _ServerTime(msgspec.Struct):
    serverTime: int  # noqa: N815  the venue's spelling


class _AggTrade(msgspec.Struct):
    a: int


@dataclass(frozen=True, slots=True)
class BinanceAdapter:
    """See `tasks.venues.common.adapter.VenueAdapter`; the three markets differ in one thing."""

    lists_by_symbol: bool  # exchangeInfo understands ?symbols=
    unit_ns: int = MILLISECOND_NS  # of the venue's times
    framing: ClassVar = Framing(PREFIX, MIDDLE)

    @property
    def headers(self) -> Mapping[str, str]:
        """Ask for microseconds, where they are wanted (rest-api.md, "General Information on Endpoints")."""
        return {} if self.unit_ns == MILLISECOND_NS else {TIME_UNIT: MICROSECOND}

    def in_unit(self, unit_ns: int) -> BinanceAdapter:
        """Return the adapter that asks for milliseconds or microseconds."""
        return replace(self, unit_ns=unit_ns)

    def parse_stream(self, name: str) -> StreamName:
        """Take ``btcusdt@depth@100ms`` apart."""
        return parse_stream(name)

    def address(self, base: WsBase, kind: StreamKind, streams: Sequence[str]) -> Address:
        """Build the address of a combined stream; without streams it is one to SUBSCRIBE on."""
        names = "/".join(quote(name, safe="@") for name in streams)
        asked = [f"streams={names}"] if names else []
        if self.unit_ns != MILLISECOND_NS:
            asked.append(f"timeUnit={MICROSECOND}")
        query = f"?{'&'.join(asked)}" if asked else ""
        return Address(f"{base.url}{base.path_for(kind)}/stream{query}", bool(names))

    def raw_address(self, base: WsBase, kind: StreamKind, stream: str) -> str | None:
        """Build the address of a raw stream."""
        query = "" if self.unit_ns == MILLISECOND_NS else f"?timeUnit={MICROSECOND}"
        return f"{base.url}{base.path_for(kind)}/ws/{quote(stream, safe='@')}{query}"

    def command(self, command: Command, streams: Sequence[str], request_id: int) -> bytes:
        """Write a command."""
        return msgspec.json.encode({"method": command, "params": streams, "id": request_id})

    def read_head(self, frame: bytes) -> Head:
        """Tell what any frame is; raises `BadFrame`."""
        return read_head(frame)

    def read_ids(self, frame: bytes) -> Ids | None:
        """Read a combined frame's stream and ids; None for anything else."""
        return read_ids(frame)

    def is_data(self, frame: bytes) -> bool:
        """Whether a frame belongs to a stream."""
        return frame.startswith(PREFIX) and not frame.startswith(ABOUT_ITSELF)

    def event_time(self, frame: bytes) -> int | None:
        """Read ``E``; book tickers of the spot market bear none."""
        return event_time(frame)

    def depth_request(self, symbol: str, limit: int) -> Request:
        """Ask for an order book."""
        return Request("depth", {"symbol": symbol, "limit": str(limit)})

    def trade_request(self, symbol: str) -> Request | None:
        """Ask for the newest aggregate trade, which is what futures stream."""
        return Request("aggTrades", {"symbol": symbol, "limit": "1"})

    def newest_trade(self, body: bytes) -> int | None:
        """Read ``a``."""
        try:
            trades = msgspec.json.decode(body, type=list[_AggTrade])
        except msgspec.MsgspecError as exc:
            raise BadFrame(f"expected aggregate trades: {exc}") from exc
        return max((trade.a for trade in trades), default=None)

    def listing_requests(self, symbols: Sequence[str]) -> list[Request]:
        """Ask for exchangeInfo, of these symbols or of all."""
        if not self.lists_by_symbol:
            return [Request("exchangeInfo", {})]
        parts = (symbols[n : n + SYMBOLS_A_REQUEST] for n in range(0, len(symbols), SYMBOLS_A_REQUEST))
        return [
            Request(
                "exchangeInfo",
                {"symbols": json.dumps(list(some), separators=(",", ":"), ensure_ascii=False)},
                tuple(some),
            )
            for some in parts
        ]

    def past_trades_request(self, symbol: str, wanted: PastTrades) -> Request:
        """Ask for aggregates: by id, or within times, both ends included."""
        times = {"startTime": str(wanted.from_ms), "endTime": str(wanted.to_ms)}
        where = times if wanted.from_id is None else {"fromId": str(wanted.from_id)}
        return Request("aggTrades", {"symbol": symbol, **where, "limit": str(PAST_TRADES)})

    def time_request(self) -> Request:
        """Ask for the venue's clock."""
        return Request("time", {})

    def server_ns(self, body: bytes) -> int:
        """Read ``serverTime``."""
        try:
            return msgspec.json.decode(body, type=_ServerTime).serverTime * self.unit_ns
        except msgspec.MsgspecError as exc:
            raise BadFrame(f"expected serverTime: {exc}") from exc

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """Read the used-weight header."""
        text = headers.get(USED_WEIGHT, "")
        return int(text) if text.isascii() and text.isdigit() else None

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Tell what an answer means by its status and, for a symbol, by the code in its body."""
        if OK <= status < REDIRECT:
            return None
        trouble = Trouble.BROKEN if status >= SERVER_ERROR else _BY_STATUS.get(status, Trouble.REFUSED)
        if trouble is Trouble.REFUSED and _error(body).is_about_symbol:
            trouble = Trouble.UNKNOWN_SYMBOL
        return Refusal(trouble, HINTS.get(trouble, ""), _retry_after_s(headers))


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _error(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Error)
    except msgspec.MsgspecError:
        return _Error()
