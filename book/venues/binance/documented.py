"""
Fields of Binance's messages as its documents name them, for spot and for the two futures markets.

Sources, as of 2026-09: binance-spot-api-docs (web-socket-streams.md, rest-api.md, filters.md, enums.md);
derivatives documents on developers.binance.com ("Diff. Book Depth Streams", "Individual Symbol Book Ticker
Streams", "Aggregate Trade Streams", "Order Book", "Exchange Information" of USD-M and COIN-M).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from leadline.book.venues.common.documented import Part, Piece, Shape, Type

Fields: TypeAlias = Mapping[str, Type]

INT, NUMBER, TEXT, DECIMAL, BOOL = Type.INT, Type.NUMBER, Type.TEXT, Type.DECIMAL, Type.BOOL
LEVELS, LIST, OBJECT, ANY = Type.LEVELS, Type.LIST, Type.OBJECT, Type.ANY

STREAMS, REST = "web-socket-streams.md", "rest-api.md"
FUTURES = "derivatives documents, WebSocket market streams"
DEPTH = {"e": TEXT, "E": INT, "s": TEXT, "U": INT, "u": INT, "b": LEVELS, "a": LEVELS}
TOP = {"u": INT, "s": TEXT, "b": DECIMAL, "B": DECIMAL, "a": DECIMAL, "A": DECIMAL}
DEAL = {"e": TEXT, "E": INT, "T": INT, "s": TEXT, "p": DECIMAL, "q": DECIMAL, "m": BOOL}
BOOK = {"lastUpdateId": INT, "bids": LEVELS, "asks": LEVELS}
MOMENT = {"T": INT}  # of the transaction, on futures
# ``ps`` and ``st`` since the COIN-M markets moved (derivatives changelog, 2026), ``nq`` since 2025-12-31.
MOVED = {"ps": TEXT, "st": INT}

WRAPPER = Shape("wrapper of a combined stream", {"stream": TEXT, "data": ANY}, {}, STREAMS)
REPLY = Shape("reply to a command", {"result": ANY, "id": ANY}, {}, f"{STREAMS}, Live Subscribing")
TIME = Shape("server time", {"serverTime": INT}, {}, f"{REST}, Check server time")
PAST = Shape(
    "past aggregate trade",
    {"a": INT, "p": DECIMAL, "q": DECIMAL, "f": INT, "l": INT, "T": INT, "m": BOOL},
    {"M": BOOL, "nq": DECIMAL},
    f"{REST}, Compressed/Aggregate trades list",
)
INFO = Shape(
    "exchange information",
    {"symbols": LIST, "serverTime": INT, "rateLimits": LIST},
    {"timezone": TEXT, "exchangeFilters": LIST, "sors": LIST, "assets": LIST, "futuresType": TEXT},
    f"{REST}, Exchange information",
)
FILTERS = {
    "PRICE_FILTER": ({"tickSize": DECIMAL}, {"minPrice": DECIMAL, "maxPrice": DECIMAL}),
    "LOT_SIZE": ({"stepSize": DECIMAL}, {"minQty": DECIMAL, "maxQty": DECIMAL}),
}
SPOT_SYMBOL = {
    **dict.fromkeys(("baseAsset", "quoteAsset", "defaultSelfTradePreventionMode"), TEXT),
    **dict.fromkeys(
        ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision", "baseCommissionPrecision",
         "quoteCommissionPrecision"),
        INT,
    ),
    **dict.fromkeys(
        ("orderTypes", "permissions", "permissionSets", "allowedSelfTradePreventionModes"), LIST
    ),
    **dict.fromkeys(
        ("icebergAllowed", "ocoAllowed", "otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed",
         "allowTrailingStop", "cancelReplaceAllowed", "amendAllowed", "pegInstructionsAllowed",
         "isSpotTradingAllowed", "isMarginTradingAllowed"),
        BOOL,
    ),
}  # fmt: skip
FUTURES_SYMBOL = {
    **dict.fromkeys(
        ("pair", "contractType", "maintMarginPercent", "requiredMarginPercent", "baseAsset", "quoteAsset",
         "marginAsset", "underlyingType", "liquidationFee", "marketTakeBound", "contractStatus", "status"),
        TEXT,
    ),
    **dict.fromkeys(
        ("deliveryDate", "onboardDate", "pricePrecision", "quantityPrecision", "baseAssetPrecision",
         "quotePrecision", "equalQtyPrecision", "maxMoveOrderLimit", "settlePlan"),
        INT,
    ),
    **dict.fromkeys(("contractSize", "triggerProtect"), ANY),
    **dict.fromkeys(
        ("underlyingSubType", "orderTypes", "OrderType", "timeInForce", "permissionSets"), LIST
    ),
}  # fmt: skip

SOURCES = {
    "fields": "the documents of each message",
    "ids": f"{STREAMS}, How to manage a local order book correctly (text of 2025-11-12)",
    "tickers": f"{STREAMS}, Individual Symbol Book Ticker Streams: u is the order book's update id",
    "trades": f"{STREAMS}, Trade Streams: each trade has an id of its own",
    "times": f"{STREAMS}, General WSS information: milliseconds, or timeUnit=MICROSECOND",
    "clock": f"{REST}, Check server time",
    "weights": f"{REST}, IP Limits: X-MBX-USED-WEIGHT-1M; Order book: weight by limit",
    "filters": "filters.md, PRICE_FILTER and LOT_SIZE; enums.md, symbol status",
    "depth": f"{REST}, Order book: limit",
    "streams": f"{STREAMS}, General WSS information and Diff. Depth Stream",
    "connection": f"{STREAMS}, General WSS information: ping and pong",
    "addresses": f"{REST}, General API Information; faqs/market_data_only.md",
}
FUTURES_SOURCES = SOURCES | {
    "ids": "derivatives documents, How to manage a local order book correctly: pu is the u before",
    "tickers": "derivatives documents, Individual Symbol Book Ticker Streams",
    "trades": "derivatives documents, Aggregate Trade Streams: a counts aggregates",
    "times": "derivatives documents: milliseconds",
    "weights": "derivatives documents, Order Book: request weight by limit",
    "depth": "derivatives documents, Order Book: limit",
    "streams": "derivatives documents, Important WebSocket Change Notice (2026-03-06): /public and /market",
    "connection": "derivatives documents, Connect: a ping every 3 minutes",
    "addresses": "derivatives documents, General Info",
}


@dataclass(frozen=True, slots=True)
class BinanceDocumented:
    """See `book.venues.common.documented.Documented`; ``is_spot`` tells spot from futures."""

    is_spot: bool
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    tells_weight: ClassVar = True

    @property
    def sources(self) -> Mapping[str, str]:
        """Where each rule is written."""
        return SOURCES if self.is_spot else FUTURES_SOURCES

    @property
    def statuses(self) -> frozenset[str]:
        """Statuses that enums.md or the derivatives documents name."""
        spot = {"TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"}
        futures = {"PENDING_TRADING", "TRADING", "PRE_DELIVERING", "DELIVERING", "DELIVERED", "PRE_SETTLE",
                   "SETTLING", "CLOSE"}  # fmt: skip
        return frozenset(spot if self.is_spot else futures)

    def pieces(self, part: Part, message: Any, symbols: Collection[str] = ()) -> Iterator[Piece]:
        """Take a message apart."""
        if part is Part.LISTING:
            yield from self._listing(message, symbols)
        elif part is Part.TIME:
            yield TIME, message
        elif part is Part.PAST:
            yield from ((PAST, one) for one in message)
        elif part is Part.REPLY:
            yield REPLY, message
        elif part is Part.BOOK:
            yield self._book("order book"), message
        else:
            payload = message
            if "stream" in message and "data" in message:
                yield WRAPPER, message
                payload = message["data"]
            yield self._payload(part, payload), payload

    def weight_limit(self, listing: Any) -> int | None:
        """Read REQUEST_WEIGHT of one minute."""
        for limit in listing.get("rateLimits", []):
            where = (limit.get("rateLimitType"), limit.get("interval"), limit.get("intervalNum"))
            if where == ("REQUEST_WEIGHT", "MINUTE", 1):
                return int(limit["limit"])
        return None

    def _payload(self, part: Part, payload: Mapping[str, Any]) -> Shape:
        if part is Part.DEPTH20 and self.is_spot:
            return self._book("partial depth")
        if part in (Part.DEPTH, Part.DEPTH20):
            return self._shape(
                f"{'partial' if part is Part.DEPTH20 else 'diff'} depth", DEPTH, MOMENT | {"pu": INT}
            )
        if part is Part.TICKER:
            return self._shape("book ticker", TOP, MOMENT | {"e": TEXT, "E": INT})
        if payload.get("e") == "aggTrade":
            return self._shape(
                "aggregate trade", DEAL | {"a": INT, "f": INT, "l": INT}, {}, {"nq": DECIMAL, "M": BOOL}
            )
        return self._shape("trade", DEAL | {"t": INT}, {}, {"M": BOOL} if self.is_spot else {"X": TEXT})

    def _shape(
        self, name: str, needed: Fields, of_futures: Fields, known: Fields = MappingProxyType({})
    ) -> Shape:
        """Return a stream's message; futures have more fields than spot, and may have others."""
        if self.is_spot:
            return Shape(name, needed, known, STREAMS)
        return Shape(name, {**needed, **of_futures}, {**known, **MOVED}, FUTURES)

    def _book(self, name: str) -> Shape:
        known = {} if self.is_spot else {"E": INT, "T": INT, "symbol": TEXT, "pair": TEXT}
        return Shape(name, BOOK, known, REST if self.is_spot else f"{FUTURES} and Order Book")

    def _listing(self, message: Mapping[str, Any], symbols: Collection[str]) -> Iterator[Piece]:
        yield INFO, message
        for entry in message.get("symbols", []):
            if not isinstance(entry, dict) or entry.get("symbol") not in symbols:
                continue
            known = SPOT_SYMBOL if self.is_spot else FUTURES_SYMBOL
            needed = {"symbol": TEXT, "filters": LIST}
            status = "contractStatus" if "contractStatus" in entry and not self.is_spot else "status"
            yield Shape("listed symbol", needed | {status: TEXT}, known, INFO.source), entry
            yield from self._filters(entry)

    def _filters(self, entry: Mapping[str, Any]) -> Iterator[Piece]:
        """Every filter is optional, says filters.md; those that are read must be whole."""
        met = {one.get("filterType"): one for one in entry.get("filters", []) if isinstance(one, dict)}
        for name, (needed, known) in FILTERS.items():
            shape = Shape(f"filter {name}", {"filterType": TEXT, **needed}, known, "filters.md")
            yield shape, met.get(name, {})


SPOT_DOCUMENTED = BinanceDocumented(is_spot=True)
USDM_DOCUMENTED = BinanceDocumented(is_spot=False)
COINM_DOCUMENTED = BinanceDocumented(is_spot=False, symbols=("BTCUSD_PERP", "ETHUSD_PERP"))
