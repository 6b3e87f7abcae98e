"""Drift planted in the built-in venue, and what the report on a contact has to say of each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from leadline.book.contact.findings import Verdict
from leadline.tasks.loopback.base.faults import Fault, FaultKind

K = FaultKind
ALWAYS = 1_000_000_000
SPOT, USDM, COINM, BYBIT = "spot", "usdm", "coinm", "bybit-spot-50"
BROKEN, NOTED = Verdict.BROKEN, Verdict.NOTED


def drift(stream: str, n: int = ALWAYS, **changes: Any) -> Fault:
    return Fault(K.DRIFT, stream=stream, n=n, text=json.dumps(changes))


def lie(symbol: str, text: str) -> Fault:
    return Fault(K.LISTING, symbol, text=text)


@dataclass(frozen=True)
class Planted:
    """One fault; the finding of ``assumption`` must be of ``verdict`` and say ``words``."""

    name: str
    kind: str
    assumption: str
    words: str
    faults: tuple[Fault, ...] = ()
    during: tuple[Fault, ...] = ()  # once streams are open
    verdict: Verdict = BROKEN
    options: dict[str, Any] = field(default_factory=dict)
    beside: str = ""  # cases of one kind and word are planted together: they do not touch each other

    @property
    def contact(self) -> str:
        """The contact that it is planted in."""
        return f"{self.kind} {self.beside}" if self.beside else self.name


TOGETHER = (
    (
        "missing",
        "unreadable",
        "retyped",
        "snapshot-id",
        "time",
        "reply",
        "partial",
        "untold",
        "no-raw",
        "no-pong",
        "no-time",
        "no-subscribe",
    ),
    (
        "renamed",
        "new",
        "wrapper",
        "no-filters",
        "clock",
        "dearer",
        "dearer-listing",
        "dearer-past",
        "listing",
        "pings",
    ),
    (
        "number-for-text",
        "levels-of-three",
        "unlisted",
        "raw-wrapped",
        "no-micros",
        "less-a-minute",
        "garbage",
    ),
    ("gap", "trade-gap", "ticker-order", "shallow", "status", "shutdown", "raw-silent"),
    ("again", "ticker-qty", "effect-before-cause", "partial-qty", "bare"),
    ("U", "crossed", "future", "muted", "falls"),
    ("snapshot-off", "tick", "step"),
    ("old", "snapshot-ahead", "cut"),
    ("finer",),
    ("retyped-known", "pu", "market-refused"),
    ("aggregate-gap", "dearer-futures", "diff-qty", "past-side"),
    ("new-in-trade", "snapshot-off-coinm"),
    ("bybit-seq", "bybit-side", "bybit-time", "bybit-reply", "bybit-book"),
    ("bybit-new", "bybit-u", "bybit-top", "bybit-deep", "bybit-step"),
)  # each in one contact
BESIDE = {name: f"together {n}" for n, names in enumerate(TOGETHER) for name in names}


def plant(name: str, kind: str, assumption: str, words: str, *faults: Fault, **more: Any) -> Planted:
    return Planted(name, kind, assumption, words, faults, beside=BESIDE.get(name, ""), **more)


FIELDS = (
    plant("missing", SPOT, "fields of: diff depth", "missing: U", drift("depth", drop=["data.U"])),
    plant("unreadable", SPOT, "messages can be read", "depth:", drift("depth", drop=["data.U"])),
    plant("renamed", SPOT, "fields of: book ticker", "missing: u",
          drift("bookTicker", rename={"data.u": "v"})),
    plant("retyped", SPOT, "fields of: trade", "type changed: t: expected whole number, got text",
          drift("trade", text=["data.t"])),
    plant("number-for-text", SPOT, "fields of: trade", "type changed: p: expected decimal text, got 1.5",
          drift("trade", set={"data.p": 1.5})),
    plant("new", SPOT, "fields of: diff depth", "new: z = 1",
          drift("depth", set={"data.z": 1}), verdict=NOTED),
    plant("new-in-trade", COINM, "fields of: aggregate trade", "new: kind",
          drift("aggTrade", set={"data.kind": "x"}), verdict=NOTED),
    plant("retyped-known", USDM, "fields of: order book", "type changed, not read: T",
          drift("rest/depth", set={"T": "x"}), verdict=NOTED),
    plant("levels-of-three", SPOT, "fields of: diff depth", "type changed: b",
          drift("depth", set={"data.b": [["1.00", "1.0", "0"]]})),
    plant("snapshot-id", SPOT, "fields of: order book", "missing: lastUpdateId",
          drift("rest/depth", drop=["lastUpdateId"])),
    plant("no-filters", SPOT, "fields of: filter PRICE_FILTER", "missing: filterType; missing: tickSize",
          lie("ETHUSDT", "no_filters")),
    plant("listing", SPOT, "fields of: exchange information", "missing: rateLimits",
          drift("rest/exchangeInfo", drop=["rateLimits"])),
    plant("time", SPOT, "fields of: server time", "missing: serverTime",
          drift("rest/time", drop=["serverTime"])),
    plant("reply", SPOT, "fields of: reply to a command", "missing: id",
          drift("reply", rename={"id": "ID"})),
    plant("wrapper", SPOT, "fields of: wrapper of a combined stream", "new: at",
          drift("trade", set={"at": 1}), verdict=NOTED),
    plant("partial", SPOT, "fields of: partial depth", "missing: bids",
          drift("depth20", drop=["data.bids"])),
    plant("garbage", SPOT, "messages can be read", "not a message", during=(Fault(K.GARBAGE),)),
    plant("bybit-seq", BYBIT, "fields of: data of an order book message", "missing: seq",
          drift("depth", drop=["data.seq"])),
    plant("bybit-side", BYBIT, "fields of: trade", "missing: S", drift("trade", drop=["data.*.S"])),
    plant("bybit-new", BYBIT, "fields of: order book message", "new: z",
          drift("depth", set={"z": 1}), verdict=NOTED),
    plant("bybit-book", BYBIT, "fields of: order book", "missing: seq",
          drift("rest/orderbook", drop=["result.seq"])),
    plant("bybit-step", BYBIT, "fields of: lotSizeFilter", "missing: qtyStep",
          drift("rest/instruments-info", n=1, drop=["result.list.0.lotSizeFilter.basePrecision"])),
    plant("bybit-time", BYBIT, "fields of: server time", "type changed: timeNano",
          drift("rest/time", set={"result.timeNano": 5})),
    plant("bybit-reply", BYBIT, "fields of: reply to a command", "new: z",
          drift("reply", set={"z": 1}), verdict=NOTED),
)  # fmt: skip
IDS = (
    plant("gap", SPOT, "each diff joins the one before it", "expected ",
          during=(Fault(K.DROP, "ETHUSDT"),)),
    plant("again", SPOT, "each diff joins the one before it", "again or out of order",
          during=(Fault(K.DUPLICATE, "BTCUSDT"),)),
    plant("U", SPOT, "each diff joins the one before it", "expected ", drift("depth", add={"data.U": 1})),
    plant("pu", USDM, "each diff joins the one before it", "expected ", drift("depth", add={"data.pu": 1})),
    plant("bybit-u", BYBIT, "each diff joins the one before it", "expected ",
          during=(Fault(K.DROP, "ETHUSDT"),)),
    plant("snapshot-ahead", SPOT, "an order book of REST joins the diffs", "the newest diff ends at",
          drift("rest/depth", add={"lastUpdateId": 10**9})),
    plant("snapshot-off", SPOT, "a later order book, carried on by the diffs, equals the first one",
          "differs in", drift("rest/depth", add={"lastUpdateId": 60})),
    plant("snapshot-off-coinm", COINM, "a later order book, carried on by the diffs, equals the first one",
          "differs in", drift("rest/depth", add={"lastUpdateId": 400})),
    plant("trade-gap", SPOT, "trade ids count one by one", "expected ",
          during=(Fault(K.DROP, "BTCUSDT", "trade"),)),
    plant("aggregate-gap", USDM, "trade ids count one by one", "expected ",
          during=(Fault(K.DROP, "BTCUSDT", "aggTrade"),)),
    plant("past-price", SPOT, "a past trade of REST equals the streamed one", "differ",
          drift("rest/aggTrades", set={"*.p": "1.00"})),
    plant("past-side", USDM, "fields of: past aggregate trade", "missing: m",
          drift("rest/aggTrades", drop=["*.m"])),
    plant("dearer-past", SPOT, "weight of past trades is 4", "counted 8, 8",
          drift("headers", scale={"X-MBX-USED-WEIGHT-1M": 2})),
    plant("ticker-order", SPOT, "update ids of tickers never fall", " after ",
          during=(Fault(K.REORDER, "BTCUSDT", "bookTicker", n=2),)),
)  # fmt: skip
BOOKS = (
    plant("ticker-qty", SPOT, "a ticker equals the book at the same id", "the book says",
          drift("bookTicker", set={"data.A": "9.00000"})),
    plant("diff-qty", USDM, "a ticker equals the book at the same id", "the book says",
          Fault(K.WRONG_QTY, n=ALWAYS)),
    plant("crossed", SPOT, "the bid is below the ask", " at id ",
          drift("bookTicker", set={"data.b": "999999.00"})),
    plant("partial-qty", SPOT, "partial depth equals the book at the same id", "levels differ",
          drift("depth20", set={"data.bids.0.1": "9.00000"})),
    plant("bybit-top", BYBIT, "a ticker equals the book at the same id", "the book says",
          drift("bookTicker", set={"data.b.0.1": "9.000"}), verdict=NOTED),
    plant("tick", SPOT, "prices are multiples of tickSize", "with tickSize 0.07",
          drift("rest/exchangeInfo", set={"symbols.*.filters.0.tickSize": "0.07000000"})),
    plant("step", SPOT, "traded quantities are multiples of stepSize", "with stepSize 0.0007",
          drift("rest/exchangeInfo", set={"symbols.*.filters.1.stepSize": "0.00070000"})),
    plant("finer", SPOT, "messages can be read", "more than the 1 decimals",
          drift("rest/exchangeInfo", set={"symbols.*.filters.0.tickSize": "0.1"})),
    plant("unlisted", SPOT, "ETHUSDT is listed", "-1121", lie("ETHUSDT", "unlisted")),
    plant("status", SPOT, "ETHUSDT is listed and trades", "FROZEN", lie("ETHUSDT", '{"status":"FROZEN"}'),
          verdict=NOTED),
    plant("shallow", SPOT, "an order book has as many levels as asked for", "5000 gave 100 bids, a smaller",
          drift("rest/depth", cut={"bids": 100})),
    plant("bybit-deep", BYBIT, "a later order book, carried on by the diffs, equals the first one",
          "differs in", drift("rest/orderbook", set={"result.b.*.1": "9.999", "result.a.*.1": "9.999"})),
)  # fmt: skip
TIMES = (
    plant("old", SPOT, "event times are milliseconds of now", "received long after it happened",
          drift("depth", add={"data.E": -86_400_000})),
    plant("future", SPOT, "event times are milliseconds of now", "from the future",
          drift("trade", add={"data.E": 5_000})),
    plant("micros-unasked", SPOT, "messages can be read", "before the year 2262",
          drift("depth", scale={"data.E": 1000})),
    plant("falls", SPOT, "event times of a stream never fall", "ms back",
          during=(Fault(K.REORDER, "BTCUSDT", n=2),)),
    plant("effect-before-cause", SPOT, "a trade's time is not after its event's", "trade ",
          drift("trade", add={"data.T": 4_000})),
    plant("clock", SPOT, "both clocks agree", "ms ahead", verdict=NOTED, options={"clock_skew_s": 5.0}),
    plant("no-time", SPOT, "the time can be read", "serverTime", drift("rest/time", drop=["serverTime"])),
)  # fmt: skip
WEIGHTS = (
    plant("dearer", SPOT, "weight of an order book of 100 is 5", "counted 10, 10",
          drift("headers", scale={"X-MBX-USED-WEIGHT-1M": 2})),
    plant("dearer-listing", SPOT, "weight of a listing is 20", "counted 40, 40",
          drift("headers", scale={"X-MBX-USED-WEIGHT-1M": 2})),
    plant("dearer-futures", USDM, "weight of an order book of 1000 is 20", "counted 40, 40",
          drift("headers", scale={"X-MBX-USED-WEIGHT-1M": 2})),
    plant("untold", SPOT, "used weight is told by each answer", "0 of ",
          drift("headers", drop=["X-MBX-USED-WEIGHT-1M"])),
    plant("less-a-minute", SPOT, "weight of a minute is 6000", "the listing states 5000",
          options={"weight_limit": 5000}),
)  # fmt: skip
ADDRESSES = (
    plant("no-raw", SPOT, "a raw stream has an address of its own", "404", drift("address", refuse="/ws/")),
    plant("raw-wrapped", SPOT, "a raw stream has an address of its own", "wrapper",
          drift("address", wrap="/ws/")),
    plant("raw-silent", SPOT, "a raw stream has an address of its own", "silent",
          drift("address", silence="/ws/")),
    plant("bare", SPOT, "times come in microseconds if asked for", "without its wrapper",
          drift("address", bare="timeUnit")),
    plant("no-micros", SPOT, "times come in microseconds if asked for", "is not now in units of 1000 ns",
          drift("address", millis="timeUnit")),
    plant("no-subscribe", SPOT, "streams can be subscribed to", "refused",
          drift("reply", rename={"result": "error"})),
    plant("market-refused", USDM, "one connection serves trade", "404", drift("address", refuse="/market")),
    plant("market-silent", USDM, "BTCUSDT: the stream of trade speaks", "silent, while another",
          drift("address", silence="/market")),
    plant("undivided", COINM, "one connection serves depth, ticker, depth20", "404",
          drift("address", refuse="/public")),
    plant("muted", SPOT, "BTCUSDT: the stream of trade speaks", "silent, while another",
          Fault(K.SILENCE, "BTCUSDT", "trade", n=ALWAYS)),
    plant("cut", SPOT, "one connection serves depth, ticker, trade, depth20 and stays", "aborted",
          during=(Fault(K.CUT, which="oldest"),)),
    plant("shutdown", SPOT, "the venue goes on", "announced a shutdown", verdict=NOTED,
          during=(Fault(K.SHUTDOWN, seconds=60.0),)),
    plant("no-pong", SPOT, "the venue answers a ping of ours", "no pong", Fault(K.NO_PONG)),
    plant("pings", SPOT, "the venue pings every 20 s", "s apart", options={"ping_s": 0.4}),
    plant("books-refused", SPOT, "BTCUSDT: an order book of 100", "503", Fault(K.REST_5XX, "BTCUSDT", n=1)),
)  # fmt: skip
PLANTED = (*FIELDS, *IDS, *BOOKS, *TIMES, *WEIGHTS, *ADDRESSES)
