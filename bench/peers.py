"""
Other people's order books that install from packages, each driven the way its own users drive it.

* ``order-book`` (C, GPL-3.0) is the container that cryptofeed keeps its books in, with Decimal as keys.
  With msgspec in front and floats as keys it is the fastest that can be put together from packages.
* ``ccxt.pro`` (MIT) takes the frame at its WebSocket client, as text, and keeps its book itself.

They are optional: what is not installed is skipped, with a word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from importlib import import_module, metadata
from typing import Any

import msgspec

from bench.frames import Frames

Number = float | Decimal


class _Data(msgspec.Struct, gc=False):
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Frame(msgspec.Struct, gc=False):
    data: _Data


class _FloatData(msgspec.Struct, gc=False):
    u: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class _FloatFrame(msgspec.Struct, gc=False):
    data: _FloatData


class OrderBookPeer:
    """``order_book.OrderBook`` behind a typed msgspec decoder; keys are floats or Decimals."""

    def __init__(self, frames: Frames, number: type[Number]) -> None:
        self._book = import_module("order_book").OrderBook()
        self._number = number
        seed = json.loads(frames.seed)
        for side, levels in ((self._book.bids, seed["bids"]), (self._book.asks, seed["asks"])):
            for price, quantity in levels:
                side[number(price)] = number(quantity)
        shape: Any = _FloatFrame if number is float else _Frame
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(shape, strict=False).decode

    def take(self, frame: bytes) -> None:
        """Apply one combined frame."""
        data = self._decode(frame).data
        for side, levels in ((self._book.bids, data.b), (self._book.asks, data.a)):
            if self._number is not float:
                levels = [(Decimal(price), Decimal(quantity)) for price, quantity in levels]  # noqa: PLW2901
            for price, quantity in levels:
                if quantity:
                    side[price] = quantity
                elif price in side:
                    del side[price]

    def best(self) -> tuple[Number, Number]:
        """Return best bid and ask."""
        return self._book.bids.index(0)[0], self._book.asks.index(0)[0]

    def top(self, n: int) -> tuple[list[Any], list[Any]]:
        """Return the ``n`` best levels of each side, best first."""
        bids, asks = self._book.bids, self._book.asks
        return [bids.index(i) for i in range(n)], [asks.index(i) for i in range(n)]


class CcxtPeer:
    """``ccxt.pro.binance``: its WebSocket client's handler down to ``handle_order_book``."""

    def __init__(self, frames: Frames) -> None:
        exchange = import_module("ccxt.pro").binance()
        client = import_module("ccxt.async_support.base.ws.client").Client
        base, quote = frames.symbol.removesuffix("USDT"), "USDT"
        self._symbol = f"{base}/{quote}"
        market = {
            "id": frames.symbol,
            "symbol": self._symbol,
            "base": base,
            "quote": quote,
            "baseId": base,
            "quoteId": quote,
            "type": "spot",
            "spot": True,
            "active": True,
        }
        exchange.set_markets([exchange.safe_market_structure(market)])
        seed = json.loads(frames.seed)
        answer = exchange.parse_order_book(seed, self._symbol)
        answer["nonce"] = seed["lastUpdateId"]
        book = exchange.order_book()
        book.reset(answer)
        exchange.orderbooks[self._symbol] = book
        self._books = exchange.orderbooks
        url = exchange.urls["api"]["ws"]["spot"]
        nothing: Callable[..., None] = lambda *_: None  # noqa: E731
        self._client = client(url, exchange.handle_message, nothing, nothing, nothing, {})

    def take(self, frame: bytes) -> None:
        """Apply one combined frame; ccxt's client gets text."""
        self._client.handle_text_or_binary_message(frame.decode())

    def best(self) -> tuple[float, float]:
        """Return best bid and ask; a book that ccxt gave up raises KeyError."""
        book = self._books[self._symbol]
        return book["bids"][0][0], book["asks"][0][0]

    def top(self, n: int) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return the ``n`` best levels of each side, best first."""
        book = self._books[self._symbol]
        return book["bids"][:n], book["asks"][:n]


def peers() -> tuple[list[tuple[str, Callable[[Frames], Any]]], list[str]]:
    """Return label and maker of each peer that is installed, and a word on each that is not."""
    wanted: list[tuple[str, str, str, Callable[[Frames], Any]]] = [
        ("order-book", "order_book", "(C), floats, msgspec", lambda f: OrderBookPeer(f, float)),
        ("order-book", "order_book", "(C), Decimals, as cryptofeed", lambda f: OrderBookPeer(f, Decimal)),
        ("ccxt", "ccxt.pro", "pro, its own handler", CcxtPeer),
    ]
    found, missing = [], []
    for package, module, way, make in wanted:
        try:
            import_module(module)
            label = f"{package} {metadata.version(package)} {way}"
        except ImportError as exc:
            missing.append(f"{package} {way}: skipped, {exc}")
        else:
            found.append((label, make))
    return found, missing
