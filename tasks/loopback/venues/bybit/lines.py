"""
A synthetic symbol's topics in Bybit's words: ``orderbook.1``, ``50``, ``200``, ``1000``, ``publicTrade``.

    market's diffs ──> Mirror: the book so far ──> BookTopic, one for each depth: what changed at the top

Each topic of a book counts its messages by ``u`` of its own; ``seq`` is the market's id. A level that
leaves the best ones is deleted, one that moves up into them is told. A new subscriber gets the state after
the last message. The market tells a diff every 100 ms; the deepest topic takes two as one. Real ones are
faster on the first depths, and count on while nobody listens, as these do.

Sources: as in `book.venues.bybit.decode`; the spelling is that of `tests/book/venues/bybit/frames`.
"""

from __future__ import annotations

import re
import uuid
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from leadline.book.errors import BadInput
from leadline.book.messages import Level
from leadline.book.synthetic.market import SymbolMarket
from leadline.book.synthetic.records import Depth as Book
from leadline.book.synthetic.records import MarketDiff, MarketTicker, MarketTrade, Record
from leadline.book.synthetic.specs import fixed
from leadline.tasks.loopback.base.streams import Hub, Topic
from leadline.tasks.venues.common.adapter import PastTrades

MS = 1_000_000
RESTARTED = 1
DEPTHS = {50: 1, 200: 1, 1000: 2}  # levels a side: the market's diffs in one message
DEEPEST = 1000
TOP_PACE_NS = 10 * MS  # tops in between are left out
REPEAT_NS = 3_000 * MS  # a top that did not change is told again
REMEMBERED = 20_000  # messages of a topic whose book can be asked for
IDS = re.compile(rb'"(u)":(\d+)')
TRADE_IDS = re.compile(rb'"(seq)":(\d+)')

Sides = tuple[dict[int, int], dict[int, int]]


class Mirror:
    """The book as the market's diffs have told it so far, in units."""

    def __init__(self, book: Book) -> None:
        self.last_id = book.last_id
        self._held = [dict(book.bids), dict(book.asks)]
        self._prices = [sorted(side) for side in self._held]

    def apply(self, diff: MarketDiff) -> None:
        """Take the next diff."""
        self.last_id = diff.last_id
        for held, prices, levels in zip(self._held, self._prices, (diff.bids, diff.asks), strict=True):
            for price, qty in levels:
                if qty and price not in held:
                    insort(prices, price)
                elif not qty and price in held:
                    del prices[bisect_left(prices, price)]
                held[price] = qty
                if not qty:
                    del held[price]

    def best(self, levels: int) -> Sides:
        """Return the best levels of both sides, best first."""
        (bids, asks), (low, high) = self._held, self._prices
        return {p: bids[p] for p in low[: -levels - 1 : -1]}, {p: asks[p] for p in high[:levels]}


class BookTopic:
    """One depth of a symbol's book: what was told last, its count, and which market id each count was."""

    def __init__(
        self, topic: Topic, mirror: Mirror, levels: int, write: Callable[..., bytes], first_u: int
    ) -> None:
        self.topic = topic
        self.levels = levels
        self.u = first_u
        self.seq = mirror.last_id  # the market's id of the last message
        self._mirror = mirror
        self._write = write
        self._told: Sides | None = None  # None: nobody listened
        self._counted: deque[tuple[int, int]] = deque([(self.u, self.seq)], maxlen=REMEMBERED)
        topic.greet = self._greet

    def tell(self, hub: Hub, ts_ns: int) -> None:
        """Say what changed since the last message; nothing where nothing did."""
        before, now = self._told, self._mirror.best(self.levels) if self.topic.clients else None
        if before is None or now is None:
            self._count(self.u + 1, now)
            return
        changes = [_changes(old, new) for old, new in zip(before, now, strict=True)]
        if any(changes):
            self._count(self.u + 1, now)
            hub.publish(self.topic, self._write(self, "delta", changes, ts_ns))

    def restart(self, hub: Hub, ts_ns: int) -> None:
        """Send the whole book, and count it as the first message."""
        self._count(RESTARTED, self._mirror.best(self.levels))
        hub.publish(self.topic, self._snapshot(ts_ns))

    def at(self, u: int | None) -> tuple[int, int]:
        """Return count and market id of a message, None: of the last; raises `BadInput` for another."""
        for known in reversed(self._counted):
            if u in (None, known[0]):
                return known
        raise BadInput(f"{self.topic.name}: no message {u} among the last {len(self._counted)}")

    def _count(self, u: int, now: Sides | None) -> None:
        self.u, self._told, self.seq = u, now, self._mirror.last_id
        self._counted.append((self.u, self.seq))

    def _greet(self) -> bytes:
        if self._told is None:
            self._count(self.u, self._mirror.best(self.levels))
        return self._snapshot(None)

    def _snapshot(self, ts_ns: int | None) -> bytes:
        assert self._told is not None
        return self._write(self, "snapshot", [side.items() for side in self._told], ts_ns)


class TopTopic:
    """``orderbook.1``: the whole top, every 10 ms at most, and again after three seconds."""

    def __init__(self, topic: Topic, write: Callable[..., bytes], seq: int, sides: Sides, u: int) -> None:
        self.topic = topic
        self.u = u
        self.seq = seq
        self._write = write
        self._sides = [list(side.items()) for side in sides]
        self._waiting: MarketTicker | None = None
        self._told_ns = 0
        topic.greet = lambda: self._write(self, "snapshot", self._sides, None)

    def hear(self, hub: Hub, ticker: MarketTicker) -> None:
        """Take a new top; tell it now or later, unless another comes in between."""
        self._waiting = ticker
        if ticker.ts_ns - self._told_ns >= TOP_PACE_NS:
            self.tell(hub, ticker.ts_ns)

    def tell(self, hub: Hub, ts_ns: int) -> None:
        """Tell a top that waits; the old one again where nothing came for long."""
        ticker, self._waiting = self._waiting, None
        if ticker is not None:
            self.u, self.seq = self.u + 1, ticker.last_id
            bid, ask = (ticker.bid, ticker.bid_qty), (ticker.ask, ticker.ask_qty)
            self._sides = [[level] if level[1] else [] for level in (bid, ask)]
        elif ts_ns - self._told_ns < REPEAT_NS:
            return
        self._told_ns = ts_ns
        if self.topic.clients:
            hub.publish(self.topic, self._write(self, "snapshot", self._sides, ts_ns))

    def restart(self, hub: Hub, ts_ns: int) -> None:
        """Count from the first message on."""
        self.u, self._told_ns = RESTARTED, ts_ns
        hub.publish(self.topic, self._write(self, "snapshot", self._sides, ts_ns))


class BybitLines:
    """The topics of one synthetic symbol; ``levels`` is the depth whose counts others ask for."""

    def __init__(self, hub: Hub, market: SymbolMarket, *, levels: int, is_spot: bool) -> None:
        self.hub = hub
        self.market = market
        self._is_spot = is_spot
        self._now_ns = 0
        book = market.depth()
        self._mirror = mirror = Mirror(book)
        self._diffs = 0
        self.books = {
            n: BookTopic(self._topic(f"orderbook.{n}", "depth"), mirror, n, self._write, 1_000 * n)
            for n in DEPTHS
        }
        top_topic = self._topic("orderbook.1", "bookTicker")
        self.top = TopTopic(top_topic, self._write, book.last_id, mirror.best(1), u=100)
        self.trades = self._topic("publicTrade", "trade", TRADE_IDS)
        self._asked = self.books[levels]

    def _topic(self, name: str, kind: str, ids: re.Pattern[bytes] = IDS) -> Topic:
        symbol = self.market.spec.symbol
        return self.hub.add(f"{name}.{symbol}", symbol, kind, ids)

    def tell(self, record: Record) -> None:
        """Publish one record on the topics that carry it."""
        self._now_ns = record.ts_ns
        if isinstance(record, MarketTicker):
            self.top.hear(self.hub, record)
        elif isinstance(record, MarketDiff):
            self._tell_diff(record)
        elif self.trades.clients:
            self.hub.publish(self.trades, self._trade(record))

    def past_trades(self, wanted: PastTrades, limit: int) -> str:  # noqa: ARG002
        """Refuse: its trades are not numbered one by one."""
        raise BadInput(f"{self.market.spec.symbol}: this venue lists no past trades by id")

    def snapshot(self, limit: int, now_ns: int, *, changes_ago: int = 0) -> str:
        """Write the result of ``/v5/market/orderbook``; its ``u`` is that of the deepest topic."""
        book = self.market.depth(limit, self.market.id_before(changes_ago) if changes_ago else None)
        at = now_ns // MS
        tail = f'"ts":{at},"u":{self.books[DEEPEST].u},"seq":{book.last_id},"cts":{at}'
        return f'{{"s":"{self.market.spec.symbol}",{self._levels((book.bids, book.asks))},{tail}}}'

    def depth(self, at_id: int | None) -> Book:
        """Give the best levels as they stood after a message of the topic that is asked about."""
        u, seq = self._asked.at(at_id)
        return self.market.depth(self._asked.levels, seq)._replace(last_id=u)

    def restart(self) -> dict[str, Any]:
        """Let every topic of the symbol begin with a snapshot of ``u`` 1."""
        held = self._asked.u
        for book in self.books.values():
            book.restart(self.hub, self._now_ns)
        self.top.restart(self.hub, self._now_ns)
        return {"last_id": held, "first_id": RESTARTED, "seq": self._asked.seq}

    def _tell_diff(self, diff: MarketDiff) -> None:
        self._mirror.apply(diff)
        self._diffs += 1
        self.top.tell(self.hub, diff.ts_ns)
        for n, book in self.books.items():
            if self._diffs % DEPTHS[n] == 0:
                book.tell(self.hub, diff.ts_ns)

    # -- words -----------------------------------------------------------------------------------

    def _write(
        self, of: BookTopic | TopTopic, kind: str, sides: Iterable[Iterable[Level]], ts_ns: int | None
    ) -> bytes:
        at = (self._now_ns if ts_ns is None else ts_ns) // MS
        return (
            f'{{"topic":"{of.topic.name}","type":"{kind}","ts":{at},"data":{{"s":"{self.market.spec.symbol}",'
            f'{self._levels(sides)},"u":{of.u},"seq":{of.seq}}},"cts":{at}}}'
        ).encode()

    def _levels(self, sides: Iterable[Iterable[Level]]) -> str:
        spec = self.market.spec
        bids, asks = (
            ",".join(f'["{fixed(p, spec.price_digits)}","{fixed(q, spec.qty_digits)}"]' for p, q in side)
            for side in sides
        )
        return f'"b":[{bids}],"a":[{asks}]'

    def _trade(self, trade: MarketTrade) -> bytes:
        """Write one trade, as an order of its own; futures name it by a UUID."""
        spec, at = self.market.spec, trade.ts_ns // MS
        n = trade.trade_id
        name = str(n) if self._is_spot else str(uuid.uuid5(uuid.NAMESPACE_OID, f"{spec.symbol}{n}"))
        side = "Sell" if trade.buyer_is_maker else "Buy"
        size, price = fixed(trade.qty, spec.qty_digits), fixed(trade.price, spec.price_digits)
        return (
            f'{{"topic":"{self.trades.name}","type":"snapshot","ts":{at},"data":[{{"T":{at},"s":"{spec.symbol}",'
            f'"S":"{side}","v":"{size}","p":"{price}","L":"ZeroPlusTick","i":"{name}","BT":false,"RPI":false,'
            f'"seq":{n}}}]}}'
        ).encode()


def _changes(old: dict[int, int], new: dict[int, int]) -> list[Level]:
    """Return what turns the old levels into the new ones: the new quantities, 0 for what is gone."""
    changed = [(price, qty) for price, qty in new.items() if old.get(price) != qty]
    return changed + [(price, 0) for price in old if price not in new]
