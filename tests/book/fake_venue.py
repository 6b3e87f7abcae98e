"""A small venue with a true book, which writes frames and bodies as the real one does, or worse."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from leadline.book.engine.factory import has_numba, make_book, warm_up
from leadline.book.engine.live import LiveBook
from leadline.book.rows.batch import Batch, Market
from leadline.book.scale import Scale
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from leadline.book.venues.common.spec import VenueSpec

needs_numba = pytest.mark.skipif(not has_numba(), reason="numba is not installed here")
# "decoded" is the compiled engine of a venue that has no scanner.
ENGINES = [
    "plain",
    pytest.param("compiled", marks=needs_numba),
    pytest.param("decoded", marks=needs_numba),
]

# Compiling takes 10 s once, or minutes on a machine that is busy: not within some test's time limit.
warm_up(specs.SPOT)

MS = 1_000_000
EXTRA_ZEROS = ("", "0", "00000")


def make_live(index: int, market: Market, engine: str, spec: VenueSpec = specs.SPOT, **options) -> LiveBook:
    """Make a book with one of `ENGINES`."""
    if engine == "decoded":
        spec, engine = replace(spec, load_scanner=None), "compiled"
    return make_book(index, market, spec, engine=engine, **options)


def text(number: int, decimals: int, zeros: str = "") -> str:
    """Write ``number / 10**decimals`` as the venue does, with more zeros than needed if told."""
    digits = f"{number:0{decimals + 1}d}"
    fraction = digits[len(digits) - decimals :] + zeros
    whole = digits[: len(digits) - decimals]
    return f"{whole}.{fraction}" if fraction else whole


KINDS = ("MARKET", "MARKET", "MARKET", "INSURANCE_FUND", "ADL", "NA", "SETTLE")


class FakeVenue:
    """One symbol: its true book, update ids and times; ``futures`` says how ids join."""

    def __init__(
        self, seed: int, *, futures: bool = False, symbol: str = "BTCUSDT", depth: int = 5
    ) -> None:
        self.random = Random(seed)
        self.futures = futures
        self.market = Market("loopback", symbol, Scale(2, 3), FUTURES if futures else SPOT)
        self.now_ns = 1_700_000_000_000_000_000
        self.last_id = 1_000
        self.sent_id = 1_000  # where the last diff written ended
        middle = self.random.choice((100_000, 10_000, 99_990))  # prices of 5 and 6 digits meet here
        self.bids = {middle - n: self._lots() for n in range(1, depth + 1)}
        self.asks = {middle + n: self._lots() for n in range(1, depth + 1)}

    def _lots(self) -> int:
        return self.random.choice((1, 1000, 54_321, 10**12))

    def tick(self) -> int:
        """Let a moment pass; return the time."""
        self.now_ns += self.random.randrange(1, 200) * MS
        return self.now_ns

    def change(self, count: int = 4) -> tuple[list, list]:
        """Change some levels for true; return them as a diff lists them."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for _ in range(self.random.randrange(count + 1)):
            is_bid = self.random.random() < 0.5
            side, other = (self.bids, self.asks) if is_bid else (self.asks, self.bids)
            listed = bids if is_bid else asks
            limit = (min(other) if is_bid else max(other)) if other else 100_000
            distance = self.random.randrange(1, 3 * count + 2)
            price = limit - distance if is_bid else limit + distance
            if self.random.random() < 0.4 and (len(side) > 1 or price not in side):
                side.pop(price, None)  # perhaps one that was never there
                listed[price] = 0
            else:
                side[price] = listed[price] = self._lots()
        return list(bids.items()), list(asks.items())

    def diff(self, levels: tuple[list, list] | None = None, *, step: int | None = None) -> dict:
        """Take a change, the next one or this, into the true book and into a diff, as numbers."""
        bids, asks = self.change() if levels is None else levels
        for side, listed in ((self.bids, bids), (self.asks, asks)):
            side.update(listed)
            for price in [price for price, lots in side.items() if not lots]:
                del side[price]
        first = self.last_id + 1
        self.last_id = first + (self.random.randrange(5) if step is None else step)
        prev, self.sent_id = self.sent_id, self.last_id
        if self.futures and self.random.random() < 0.5:
            first += 1  # ids of other symbols lie in between
            self.last_id += 1
            self.sent_id = self.last_id
        return {"U": first, "u": self.last_id, "pu": prev, "b": bids, "a": asks}

    def frame(self, diff: dict, *, order: int = 1, zeros: str = "") -> tuple[bytes, int]:
        """Write a diff as a combined frame; also return where its payload begins."""
        scale = self.market.scale

        def side(levels: list) -> str:
            pairs = [
                f'["{text(p, scale.price_decimals, zeros)}","{text(q, scale.qty_decimals, zeros)}"]'
                for p, q in (sorted(levels, reverse=order < 0) if order else levels)
            ]
            return f"[{','.join(pairs)}]"

        prev = f',"pu":{diff["pu"]}' if self.futures else ""
        event_ms = self.now_ns // MS - 5
        times = f'"E":{event_ms},"T":{event_ms - 1}' if self.futures else f'"E":{event_ms}'
        payload = (
            f'{{"e":"depthUpdate",{times},"s":"{self.market.symbol}","U":{diff["U"]},"u":{diff["u"]}'
            f'{prev},"b":{side(diff["b"])},"a":{side(diff["a"])}}}'
        )
        return self.combined(payload, "depth")

    def combined(self, payload: str, stream: str) -> tuple[bytes, int]:
        """Wrap a payload as the combined stream does."""
        head = f'{{"stream":"{self.market.symbol.lower()}@{stream}","data":'.encode()
        return head + payload.encode() + b"}", len(head)

    def snapshot(self) -> bytes:
        """Answer with the whole true book."""
        scale = self.market.scale

        def side(levels: dict, *, falling: bool) -> str:
            pairs = [
                f'["{text(p, scale.price_decimals)}","{text(levels[p], scale.qty_decimals)}"]'
                for p in sorted(levels, reverse=falling)
            ]
            return f"[{','.join(pairs)}]"

        times = f',"E":{self.now_ns // MS},"T":{self.now_ns // MS}' if self.futures else ""
        bids, asks = side(self.bids, falling=True), side(self.asks, falling=False)
        return f'{{"lastUpdateId":{self.last_id}{times},"bids":{bids},"asks":{asks}}}'.encode()

    def ticker(self, ahead: int = 0, *, lie: int = 0) -> tuple[bytes, int]:
        """Write the best bid and offer as a book ticker: ``ahead`` updates from now, ``lie`` ticks off."""
        scale = self.market.scale
        bid, ask = max(self.bids, default=0), min(self.asks, default=0)
        numbers = [
            text(bid - lie, scale.price_decimals),
            text(self.bids.get(bid, 0), scale.qty_decimals),
            text(ask, scale.price_decimals),
            text(self.asks.get(ask, 0), scale.qty_decimals),
        ]
        ms = self.now_ns // MS
        head = f'"e":"bookTicker","T":{ms - 1},"E":{ms},' if self.futures else ""
        fields = ",".join(f'"{key}":"{n}"' for key, n in zip("bBaA", numbers, strict=True))
        payload = f'{{{head}"u":{self.last_id + ahead},"s":"{self.market.symbol}",{fields}}}'
        return self.combined(payload, "bookTicker")

    def trade(self) -> tuple[bytes, int]:
        """Write a trade, on futures of any kind."""
        price, lots = text(self.random.choice((99_999, 99_999, 0)), 2, "00"), text(self._lots(), 3)
        kind = f'"X":"{self.random.choice(KINDS)}",' if self.futures else ""
        taker_sold = str(self.random.random() < 0.5).lower()
        payload = (
            f'{{"e":"trade","E":{self.now_ns // MS},"s":"{self.market.symbol}","t":{self.last_id},'
            f'"p":"{price}","q":"{lots}",{kind}"T":{self.now_ns // MS},"m":{taker_sold},"M":true}}'
        )
        return self.combined(payload, "trade")

    def book(self, engine: str, **options):
        """Make a live book of this symbol."""
        return make_live(0, self.market, engine, **options)

    def batch(self, **rooms: int) -> Batch:
        """Make a batch for it."""
        return Batch([self.market], **rooms)


def rows(batch: Batch) -> dict[str, list]:
    """What a batch holds, as plain values; diffs carry their levels."""
    diffs, at = [], 0
    for row in batch.diffs[: batch.counts[0]].tolist():
        count = row[7] + row[8]
        diffs.append((row, batch.levels[at : at + count].tolist()))
        at += count
    assert at == batch.counts[1]
    return {
        "diffs": diffs,
        "trades": batch.trades[: batch.counts[2]].tolist(),
        "tickers": batch.tickers[: batch.counts[3]].tolist(),
        "seeds": list(batch.seeds),
        "events": list(batch.events),
        "coverage": list(batch.coverage),
        "attestations": list(batch.attestations),
        "mismatches": list(batch.mismatches),
    }
