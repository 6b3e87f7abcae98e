"""
Fast falls at a venue whose diffs are whole and whose book tickers are not: all drawn from one seed.

Taker orders eat through several levels, each level an update of its own; makers follow. The stream of
diffs is cut every so many updates, also in the middle of a taker order. What comes of the tickers is the
`Weather`: inside taker orders none may be sent, and of the others some are left out, several come as one,
or they come late, twice, or in another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.book.fake_venue import MS, FakeVenue

DIFFS = 40
LEAST_LEVELS = 6
UPDATE_MS = 6  # from one update to the next, at most
OVERTAKEN_MS = 20
LATE_MS = 300


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of the tickers; times in ms."""

    hides_orders: bool  # none is sent within one taker order
    left_out: float  # share
    conflated_ms: int  # one that another follows so soon is not sent
    late_ms: int  # all come later by up to this, in order
    overtaken_ms: int  # each comes later by up to this, in no order
    doubled: float  # share that comes twice

    @classmethod
    def draw(cls, random: Random) -> Weather:
        """Draw one; every kind of it meets every other."""
        return cls(
            hides_orders=random.random() < 0.7,
            left_out=random.choice((0.0, 0.0, 0.02, 0.3, 0.7)),
            conflated_ms=random.choice((0, 0, 0, 10, 100)),
            late_ms=random.choice((0, 0, 50, LATE_MS)),
            overtaken_ms=random.choice((0, 0, OVERTAKEN_MS)),
            doubled=random.choice((0.0, 0.0, 0.1)),
        )

    @property
    def words(self) -> list[str]:
        """Name what there is of it."""
        return [
            name
            for name, there in (
                ("silent within orders", self.hides_orders),
                (f"left out {self.left_out:.0%}", self.left_out),
                ("conflated", self.conflated_ms),
                ("late", self.late_ms),
                ("out of order", self.overtaken_ms),
            )
            if there
        ]


@dataclass(frozen=True, slots=True)
class Message:
    """What arrives at ``ts_ns``, and the method of a live book that takes it."""

    ts_ns: int
    method: str
    frame: tuple[bytes, int]


class Crash:
    """One fall: `messages` in their order of arrival; the true book of its end is that of `venue`."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"crash {seed}")
        self.venue = FakeVenue(seed, futures=self.random.random() < 0.3, depth=30)
        self.weather = Weather.draw(self.random)
        self.splits = self.random.random() < 0.7  # diffs end within taker orders more often than not
        self.at_ns = self.venue.now_ns
        self.body = b""  # the seed
        self._sent_id = self.venue.last_id
        self._tickers: list[Message] = []  # as sent, before the weather
        self._diffs: list[Message] = []

    def messages(self) -> list[Message]:
        """Return everything but the seed; the last is a ticker of the last update."""
        self._fall()
        found = [*self._diffs, *self._weathered()]
        found.sort(key=lambda message: message.ts_ns)
        end_ns = found[-1].ts_ns + MS
        return [*found, Message(end_ns, "receive_ticker", self.venue.ticker())]

    def _fall(self) -> None:
        updates = self._updates()
        while len(self._diffs) < DIFFS:
            first, sides = self.venue.last_id + 1, ({}, {})
            wanted = self.random.randrange(1, 12)
            for held, (side, price, is_within) in enumerate(updates, 1):
                sides[side][price] = (self.venue.bids, self.venue.asks)[side].get(price, 0)
                if held >= wanted and (not self.splits or is_within or held >= 4 * wanted):
                    break
            self._send_diff(*sides, first)
            self.body = self.body or self.venue.snapshot()  # the seed holds the first diff

    def _updates(self) -> Iterator[tuple[int, int, bool]]:
        """Change the book, one update after the other: the side, the price, whether its order goes on."""
        while True:
            falls = self.random.random() < 0.8
            if self.random.random() < 0.4:
                levels = self.random.randrange(1, 7)
                for n in range(levels):
                    yield self._eat(int(not falls), is_within=n < levels - 1)
            else:
                yield self._rest(int(self.random.random() < 0.5))

    def _eat(self, side: int, *, is_within: bool) -> tuple[int, int, bool]:
        """Let a taker have the best level, or the most of it where it is the end of the order."""
        book = (self.venue.bids, self.venue.asks)[side]
        best = max(book) if side == 0 else min(book)
        is_gone = is_within or self.random.random() < 0.5
        lots = 0 if is_gone and len(book) > LEAST_LEVELS else max(1, book[best] // 2)
        return self._set(side, best, lots, is_within=is_within)

    def _rest(self, side: int) -> tuple[int, int, bool]:
        """Let a maker add, change or cancel near the top."""
        bids, asks = self.venue.bids, self.venue.asks
        edge = min(asks) if side == 0 else max(bids)
        away = 1 + int(self.random.expovariate(0.25))
        price = edge - away if side == 0 else edge + away
        book = (bids, asks)[side]
        cancels = price in book and len(book) > LEAST_LEVELS and self.random.random() < 0.4
        return self._set(side, price, 0 if cancels else self.random.randrange(1, 4), is_within=False)

    def _set(self, side: int, price: int, lots: int, *, is_within: bool) -> tuple[int, int, bool]:
        venue = self.venue
        before = _top(venue)
        venue.diff(([(price, lots)], []) if side == 0 else ([], [(price, lots)]), step=0)
        self.at_ns += self.random.randrange(UPDATE_MS * MS)
        venue.now_ns = self.at_ns
        if _top(venue) != before and not (is_within and self.weather.hides_orders):
            self._tickers.append(Message(self.at_ns, "receive_ticker", venue.ticker()))
        return side, price, is_within

    def _send_diff(self, bids: dict[int, int], asks: dict[int, int], first: int) -> None:
        prev, self._sent_id = self._sent_id, self.venue.last_id
        told = {"U": first, "u": self._sent_id, "pu": prev, "b": [*bids.items()], "a": [*asks.items()]}
        late_ns = self.random.randrange(4 * MS)
        last_ns = self._diffs[-1].ts_ns if self._diffs else 0
        at_ns = max(last_ns, self.at_ns + late_ns)
        self._diffs.append(Message(at_ns, "receive_depth", self.venue.frame(told)))

    def _weathered(self) -> Iterator[Message]:
        weather, random, last_ns = self.weather, self.random, 0
        for n, sent in enumerate(self._tickers):
            following = self._tickers[n + 1].ts_ns if n + 1 < len(self._tickers) else sent.ts_ns
            if 0 < following - sent.ts_ns < weather.conflated_ms * MS:
                continue
            if random.random() < weather.left_out:
                continue
            last_ns = max(last_ns, sent.ts_ns + random.randrange(weather.late_ms * MS + 1))
            at_ns = last_ns + random.randrange(weather.overtaken_ms * MS + 1)
            yield Message(at_ns, sent.method, sent.frame)
            if random.random() < weather.doubled:
                yield Message(at_ns + random.randrange(OVERTAKEN_MS * MS), sent.method, sent.frame)


def _top(venue: FakeVenue) -> tuple[int, int, int, int]:
    bid, ask = max(venue.bids), min(venue.asks)
    return bid, venue.bids[bid], ask, venue.asks[ask]
