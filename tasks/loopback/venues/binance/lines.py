"""From what the market says to the payloads of a symbol's streams, made only when somebody listens."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from leadline.book.errors import BadInput
from leadline.book.synthetic.market import SymbolMarket
from leadline.book.synthetic.records import Depth, MarketDiff, MarketTicker, MarketTrade, Record
from leadline.book.synthetic.specs import Kind
from leadline.tasks.loopback.base.streams import Hub, Topic
from leadline.tasks.loopback.venues.binance.wire import MS, Wire
from leadline.tasks.venues.common.adapter import PastTrades

# Names of the diff stream and its pace. The market says a diff every 100 ms; a pace of 250 ms comes out
# as 300. Names at or under 100 ms carry every diff (0ms is the spelling of the 2024 recordings).
PACES_MS = {"depth": 1000, "depth@1000ms": 1000, "depth@500ms": 500, "depth@250ms": 250}
FAST = ("depth@100ms", "depth@0ms")
DEPTH20, LISTED = "depth20@100ms", 20
IDS = {
    "depth": re.compile(rb'"U":(\d+),"u":(\d+)'),
    "bookTicker": re.compile(rb'"(u)":(\d+)'),
    "trade": re.compile(rb'"(t)":(\d+)'),
    "aggTrade": re.compile(rb'"(a)":(\d+)'),
    "depth20": re.compile(rb'"(lastUpdateId|u)":(\d+)'),
}


@dataclass(slots=True)
class SlowDepth:
    """Joins several diffs of one symbol into one, latest quantity of each level."""

    topic: Topic
    pace_ns: int
    since_ns: int = 0
    first: MarketDiff | None = None
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)

    def add(self, diff: MarketDiff) -> MarketDiff | None:
        """Take a diff; return the joined one when it is time."""
        self.first = self.first or diff
        self.since_ns = self.since_ns or diff.ts_ns
        self.bids.update(diff.bids)
        self.asks.update(diff.asks)
        if diff.ts_ns - self.since_ns < self.pace_ns:
            return None
        joined = diff._replace(
            first_id=self.first.first_id,
            prev_id=self.first.prev_id,
            bids=sorted(self.bids.items(), reverse=True),
            asks=sorted(self.asks.items()),
        )
        self.forget()
        self.since_ns = diff.ts_ns
        return joined

    def forget(self) -> None:
        """Start anew."""
        self.first, self.since_ns, self.bids, self.asks = None, 0, {}, {}


TRADES_KEPT = 20_000


def _is_one_order(one: MarketTrade, other: MarketTrade) -> bool:
    same_ms = one.ts_ns // MS == other.ts_ns // MS
    return same_ms and (one.price, one.buyer_is_maker) == (other.price, other.buyer_is_maker)


def _is_wanted(trade: MarketTrade, wanted: PastTrades) -> bool:
    if wanted.from_id is not None:
        return trade.trade_id >= wanted.from_id
    return wanted.from_ms <= trade.ts_ns // MS <= wanted.to_ms


class SymbolLines:
    """The topics of one synthetic symbol."""

    def __init__(self, hub: Hub, market: SymbolMarket) -> None:
        self.hub = hub
        self.market = market
        self.wire = Wire(market.spec)
        self.fast = [self._topic(suffix, "depth") for suffix in FAST]
        self.slow = [
            SlowDepth(self._topic(suffix, "depth"), pace * 1_000_000) for suffix, pace in PACES_MS.items()
        ]
        self.ticker = self._topic("bookTicker", "bookTicker")
        self.depth20 = self._topic(DEPTH20, "depth20")
        self.trade = self._topic("trade", "trade")
        self.agg_trade = self._topic("aggTrade", "aggTrade")
        self.traded: deque[MarketTrade] = deque(maxlen=TRADES_KEPT)

    def _topic(self, suffix: str, kind: str) -> Topic:
        return self.hub.add(f"{self.wire.stream}@{suffix}", self.market.spec.symbol, kind, IDS[kind])

    def tell(self, record: Record) -> None:
        """Publish one record on the topics that carry it and are heard."""
        if isinstance(record, MarketTicker):
            if self.ticker.clients:
                self.hub.publish(self.ticker, self.ticker.wrap(self.wire.ticker(record)))
        elif isinstance(record, MarketDiff):
            self._tell_diff(record)
        else:
            self.traded.append(record)
            if self.trade.clients:
                self.hub.publish(self.trade, self.trade.wrap(self.wire.trade(record)))
            if self.agg_trade.clients:
                self.hub.publish(self.agg_trade, self.agg_trade.wrap(self.wire.agg_trade(record)))

    def snapshot(self, limit: int, now_ns: int, *, changes_ago: int = 0) -> str:
        """Write the REST depth answer."""
        at_id = self.market.id_before(changes_ago) if changes_ago else None
        return self.wire.snapshot(self.market.depth(limit, at_id), now_ns)

    def past_trades(self, wanted: PastTrades, limit: int) -> str:
        """
        Write the answer of ``aggTrades``, oldest first.

        On spot fills of one moment, side and price are one aggregate, named by the first of them; futures
        list what their stream told.
        """
        listed: list[list[MarketTrade]] = []
        for trade in self.traded:
            last = listed[-1][-1] if listed else None
            if last is not None and self.market.spec.kind is Kind.SPOT and _is_one_order(last, trade):
                listed[-1].append(trade)
            else:
                listed.append([trade])
        found = [fills for fills in listed if _is_wanted(fills[0], wanted)][:limit]
        return f"[{','.join(self.wire.past_trade(fills) for fills in found)}]"

    def depth(self, at_id: int | None) -> Depth:
        """Give the book at an id."""
        return self.market.depth(at_id=at_id)

    def restart(self) -> dict[str, Any]:
        """Refuse: its ids go on for ever."""
        raise BadInput(f"{self.market.spec.symbol}: this venue never numbers a stream anew")

    def _tell_diff(self, diff: MarketDiff) -> None:
        if self.depth20.clients:  # as the market is now, which may be within the next diff
            listing = self.wire.partial(self.market.depth(LISTED), diff)
            self.hub.publish(self.depth20, self.depth20.wrap(listing))
        heard = [topic for topic in self.fast if topic.clients]
        text = self.wire.depth(diff) if heard else ""
        for topic in heard:
            self.hub.publish(topic, topic.wrap(text))
        for slow in self.slow:
            if not slow.topic.clients:
                if slow.first is not None:
                    slow.forget()
                continue
            joined = slow.add(diff)
            if joined is not None:
                self.hub.publish(slow.topic, slow.topic.wrap(self.wire.depth(joined)))
