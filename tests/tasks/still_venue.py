"""
A venue in which nothing moves unless the test says so: Binance's REST and combined streams, on 127.0.0.1.

Books are dicts of prices and quantities as texts. What is asked of it is in ``requests`` and ``opened``.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from decimal import Decimal
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Levels: TypeAlias = tuple[tuple[str, str], ...]
Answer: TypeAlias = tuple[int, Any, dict[str, str]]
PLACE = "Service unavailable from a restricted location"
LIMITS = {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"}


def listed(symbol: str, *, tick: str = "0.01", lots: dict[str, str] | None = None) -> dict[str, Any]:
    """What exchangeInfo says of a symbol, on any of the three markets."""
    price = {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick}
    names = {"symbol": symbol, "pair": symbol.partition("_")[0], "contractType": "PERPETUAL"}
    states = {"status": "TRADING", "contractStatus": "TRADING"}
    assets = {"baseAsset": symbol[:3], "quoteAsset": "USDT", "orderTypes": ["LIMIT"]}
    return names | states | assets | {"filters": [price, LIMITS | (lots or {})]}


class StillVenue:
    """Use as a context manager; every method may be called from the test's thread."""

    def __init__(self, *symbols: str, futures: bool = False) -> None:
        self.futures = futures
        self.listing = {symbol: listed(symbol) for symbol in symbols}
        self.books = {symbol: ({"99.98": "1", "99.97": "2"}, {"100.02": "1"}) for symbol in symbols}
        self.ids = dict.fromkeys(symbols, 1_000)
        self.trades: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in symbols}
        self.requests: list[tuple[float, str, dict[str, str]]] = []  # when (monotonic), path, query
        self.opened: list[tuple[float, str]] = []  # when, and by which path
        self.answer: Callable[[str, dict[str, str]], Answer | None] = lambda _path, _query: None
        self.refused_paths: tuple[str, ...] = ()  # … of streams that begin so are answered 451
        self.mute_paths: tuple[str, ...] = ()  # … are accepted, and nothing is sent there
        self._lines: list[tuple[ServerConnection, set[str], str]] = []
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self.ws_url = self.rest_url = ""

    def __enter__(self) -> StillVenue:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._loop.close()

    # -- what the test says ------------------------------------------------------------------------

    def diff(
        self, symbol: str, bids: Levels = (), asks: Levels = (), *, n: int = 1, lost: bool = False
    ) -> int:
        """Change the book by one diff over ``n`` ids, and send it unless ``lost``; return its last id."""
        for side, levels in zip(self.books[symbol], (bids, asks), strict=True):
            side.update(levels)
            for price in [price for price, quantity in side.items() if not Decimal(quantity)]:
                del side[price]
        before = self.ids[symbol]
        self.ids[symbol] = last = before + n
        what = {"e": "depthUpdate", "E": now_ms(), "T": now_ms(), "s": symbol, "U": before + 1, "u": last}
        what |= {"pu": before} if self.futures else {}
        if not lost:
            self.send(f"{symbol.lower()}@depth@100ms", {**what, "b": bids, "a": asks})
        return last

    def ticker(self, symbol: str) -> None:
        """Tell the best levels at the book's present id."""
        book = self._book(symbol, 1)
        ((bid, bid_qty), (ask, ask_qty)) = book["bids"][0], book["asks"][0]
        what = {"u": self.ids[symbol], "s": symbol, "b": bid, "B": bid_qty, "a": ask, "A": ask_qty}
        what |= {"e": "bookTicker", "E": now_ms(), "T": now_ms()} if self.futures else {}
        self.send(f"{symbol.lower()}@bookTicker", what)

    def trade(self, symbol: str, *, lost: bool = False) -> int:
        """Let the symbol trade once, and send it unless ``lost``; return the id."""
        n = len(self.trades[symbol]) + 1
        self.trades[symbol].append({"p": "100.00", "q": "1", "T": now_ms(), "m": True, "n": n})
        if not lost:
            self.trade_again(symbol)
        return n

    def trade_again(self, symbol: str) -> None:
        """Send the newest trade, as it was sent before."""
        what = dict(self.trades[symbol][-1])
        n, kind = what.pop("n"), "aggTrade" if self.futures else "trade"
        ids = {"a": n, "f": n, "l": n} if self.futures else {"t": n, "M": True}
        self.send(f"{symbol.lower()}@{kind}", {"e": kind, "E": what["T"], "s": symbol} | what | ids)

    def cut(self, path: str = "") -> None:
        """End every connection without a word; only those whose path begins with ``path``."""

        async def abort() -> None:
            for wire, _, by_path in self._lines:
                if by_path.startswith(path):
                    wire.transport.abort()

        self._call(abort())

    def send(self, stream: str, what: dict[str, Any]) -> None:
        """Send one message on a stream, where it is subscribed to."""
        frame = json.dumps({"stream": stream, "data": what}, separators=(",", ":"))

        async def tell() -> None:
            for wire, streams, path in list(self._lines):
                if stream in streams and not path.startswith(self.mute_paths or "\0"):
                    with suppress(ConnectionClosed):
                        await wire.send(frame)

        self._call(tell())

    def asked(self, path: str) -> int:
        """How often a REST path was asked for."""
        return sum(name.endswith(path) for _, name, _ in self.requests)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    # -- the venue ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        async with (
            serve(
                self._stream, "127.0.0.1", 0, ping_interval=None, process_request=self._let_in
            ) as streams,
            await asyncio.start_server(self._rest, "127.0.0.1", 0) as rest,
        ):
            self.ws_url = f"ws://127.0.0.1:{next(iter(streams.sockets)).getsockname()[1]}"
            self.rest_url = f"http://127.0.0.1:{rest.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._stop.wait()

    def _let_in(self, wire: ServerConnection, request: Request) -> Response | None:
        self.opened.append((time.monotonic(), request.path))
        if self.refused_paths and request.path.startswith(self.refused_paths):
            return wire.respond(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, PLACE)
        return None

    async def _stream(self, wire: ServerConnection) -> None:
        assert wire.request is not None
        address = urlsplit(wire.request.path)
        _, _, names = address.query.partition("streams=")
        line = (wire, set(unquote(names).split("/")), address.path)
        self._lines.append(line)
        try:
            async for message in wire:
                command = json.loads(message)
                change = line[1].update if command["method"] == "SUBSCRIBE" else line[1].difference_update
                change(command["params"])
                await wire.send(json.dumps({"result": None, "id": command["id"]}))
        except ConnectionClosed:
            pass
        finally:
            self._lines.remove(line)

    async def _rest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(1)
                if head == b"\x16":  # TLS, which is not spoken here
                    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    break
                head += await reader.readuntil(b"\r\n\r\n")
                address = urlsplit(head.split(b" ", 2)[1].decode())
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                self.requests.append((time.monotonic(), address.path, query))
                said = self.answer(address.path, query)
                status, body, headers = said or self._say(address.path.rpartition("/")[2], query)
                text = json.dumps(body).encode()
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(text)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + text)
                await writer.drain()
        writer.close()

    def _say(self, path: str, query: dict[str, str]) -> Answer:
        if path == "time":
            return 200, {"serverTime": now_ms()}, {}
        if path == "exchangeInfo":
            return 200, {"symbols": list(self.listing.values())}, {}
        if path == "depth":
            return 200, self._book(query["symbol"], int(query["limit"])), {}
        if path == "aggTrades":
            return 200, self._aggregates(query), {}
        return 404, {"code": -1, "msg": "no such path"}, {}

    def _aggregates(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Each trade is an aggregate of its own, of the same id."""
        limit, from_id = int(query["limit"]), int(query.get("fromId", 0))
        from_ms, to_ms = int(query.get("startTime", 0)), int(query.get("endTime", now_ms()))
        listed = [
            {"a": one["n"], "f": one["n"], "l": one["n"]} | {key: one[key] for key in "pqTm"}
            for one in self.trades[query["symbol"]]
            if from_id <= one["n"] and from_ms <= one["T"] <= to_ms
        ]
        return listed[:limit] if {"fromId", "startTime"} & query.keys() else listed[-limit:]

    def _book(self, symbol: str, limit: int) -> dict[str, Any]:
        bids, asks = (list(side.items()) for side in self.books[symbol])
        bids.sort(key=lambda level: -Decimal(level[0]))
        asks.sort(key=lambda level: Decimal(level[0]))
        times = {"E": now_ms(), "T": now_ms()} if self.futures else {}
        return {"lastUpdateId": self.ids[symbol], **times, "bids": bids[:limit], "asks": asks[:limit]}


def now_ms() -> int:
    """The venue's clock."""
    return time.time_ns() // 1_000_000
