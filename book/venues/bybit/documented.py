"""
Fields of Bybit's v5 messages as its documents name them.

Sources, as of 2026-11: bybit-exchange/docs, v5/websocket/public/orderbook and trade, v5/ws/connect,
v5/market/orderbook, instrument and time, v5/enum (status).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from leadline.book.venues.common.documented import Part, Piece, Shape, Type

INT, TEXT, DECIMAL, BOOL = Type.INT, Type.TEXT, Type.DECIMAL, Type.BOOL
LEVELS, LIST, OBJECT, ANY = Type.LEVELS, Type.LIST, Type.OBJECT, Type.ANY

ORDERBOOK, TRADES = "v5/websocket/public/orderbook", "v5/websocket/public/trade"
FRAME = {"topic": TEXT, "type": TEXT, "ts": INT}
SIDES = {"s": TEXT, "b": LEVELS, "a": LEVELS, "u": INT, "seq": INT}
BOOK_FRAME = Shape("order book message", FRAME | {"data": OBJECT}, {"cts": INT}, ORDERBOOK)
BOOK_DATA = Shape("data of an order book message", SIDES, {}, ORDERBOOK)
TRADES_FRAME = Shape("trade message", FRAME | {"data": LIST}, {"id": TEXT}, TRADES)
TRADE = Shape(
    "trade",
    {"T": INT, "s": TEXT, "S": TEXT, "v": DECIMAL, "p": DECIMAL, "i": TEXT},
    {"seq": INT, "L": TEXT, "BT": BOOL, "RPI": BOOL},
    TRADES,
)
REPLY = Shape(
    "reply to a command",
    {"success": BOOL, "op": TEXT},
    {"ret_msg": TEXT, "conn_id": TEXT, "req_id": TEXT},
    "v5/ws/connect",
)
ANSWER = Shape(
    "REST answer",
    {"retCode": INT, "result": OBJECT},
    {"retMsg": TEXT, "retExtInfo": ANY, "time": INT},
    "v5/guide",
)
BOOK = Shape("order book", SIDES | {"ts": INT}, {"cts": INT}, "v5/market/orderbook")
TIME = Shape("server time", {"timeNano": TEXT}, {"timeSecond": TEXT}, "v5/market/time")
LISTING = Shape(
    "instruments", {"list": LIST}, {"category": TEXT, "nextPageCursor": TEXT}, "v5/market/instrument"
)
PRICE = Shape(
    "priceFilter", {"tickSize": DECIMAL}, {"minPrice": DECIMAL, "maxPrice": DECIMAL}, LISTING.source
)
# Spot's and futures' own fields beside these are many; only those that are read are held to a type.
LOTS = dict.fromkeys(
    ("qtyStep", "basePrecision", "quotePrecision", "minOrderQty", "maxOrderQty", "minOrderAmt",
     "maxOrderAmt", "maxLimitOrderQty", "maxMarketOrderQty", "postOnlyMaxLimitOrderSize", "maxMktOrderQty",
     "postOnlyMaxOrderQty", "minNotionalValue"),
    DECIMAL,
)  # fmt: skip
SYMBOL_KNOWN = dict.fromkeys(
    ("baseCoin", "quoteCoin", "innovation", "marginTrading", "stTag", "riskParameters", "symbolId",
     "contractType", "launchTime", "deliveryTime", "deliveryFeeRate", "priceScale", "leverageFilter",
     "unifiedMarginTrade", "fundingInterval", "settleCoin", "copyTrading", "upperFundingRate",
     "lowerFundingRate", "isPreListing", "preListingInfo", "displayName", "symbolType",
     "forbidUplWithdrawal", "skipCallAuction", "isPublicRpi", "myRpiPermission", "alias", "optionsType"),
    ANY,
)  # fmt: skip

SOURCES = {
    "fields": "the documents of each message",
    "ids": "v5/sbe/market/level-50, Rules for the u (Update ID) Field",
    "tickers": f"{ORDERBOOK}: seq compares the levels of different depths",
    "trades": f"{TRADES}: a smaller seq is earlier",
    "times": f"{ORDERBOOK}: ts is in milliseconds",
    "clock": "v5/market/time",
    "weights": "v5/rate-limit: 600 requests in 5 s by address; no header tells of it",
    "filters": "v5/market/instrument; v5/enum, status",
    "depth": "v5/market/orderbook: limit up to 1000",
    "streams": f"{ORDERBOOK}: a new subscription begins with a snapshot",
    "connection": "v5/ws/connect: a heartbeat of ours every 20 s is answered",
    "addresses": "v5/guide and v5/ws/connect",
}


@dataclass(frozen=True, slots=True)
class BybitDocumented:
    """See `book.venues.common.documented.Documented`."""

    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    tells_weight: ClassVar = False

    @property
    def sources(self) -> Mapping[str, str]:
        """Where each rule is written."""
        return SOURCES

    @property
    def statuses(self) -> frozenset[str]:
        """Statuses of v5/enum."""
        return frozenset({"PreLaunch", "Trading", "Delivering", "Closed"})

    def pieces(self, part: Part, message: Any, symbols: Collection[str] = ()) -> Iterator[Piece]:
        """Take a message apart."""
        if part is Part.REPLY:
            yield REPLY, message
        elif part in (Part.BOOK, Part.TIME, Part.LISTING):
            yield ANSWER, message
            yield from self._result(part, message.get("result", {}), symbols)
        elif part is Part.TRADE:
            yield TRADES_FRAME, message
            yield from ((TRADE, one) for one in message.get("data", []))
        else:
            yield BOOK_FRAME, message
            yield BOOK_DATA, message.get("data", {})

    def weight_limit(self, listing: Any) -> int | None:  # noqa: ARG002
        """Return None: no answer says it."""
        return None

    def _result(self, part: Part, result: Mapping[str, Any], symbols: Collection[str]) -> Iterator[Piece]:
        if part is Part.BOOK:
            yield BOOK, result
        elif part is Part.TIME:
            yield TIME, result
        else:
            yield LISTING, result
            for entry in result.get("list", []):
                if isinstance(entry, dict) and entry.get("symbol") in symbols:
                    yield from self._instrument(entry)

    def _instrument(self, entry: Mapping[str, Any]) -> Iterator[Piece]:
        needed = {"symbol": TEXT, "status": TEXT, "priceFilter": OBJECT, "lotSizeFilter": OBJECT}
        yield Shape("listed symbol", needed, SYMBOL_KNOWN, LISTING.source), entry
        yield PRICE, entry.get("priceFilter", {})
        lots = entry.get("lotSizeFilter", {})
        step = "basePrecision" if "basePrecision" in lots else "qtyStep"
        yield Shape("lotSizeFilter", {step: DECIMAL}, LOTS, LISTING.source), lots


DOCUMENTED = BybitDocumented()
