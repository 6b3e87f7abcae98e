"""Right books in a fast fall in which book tickers are left out; nothing moves but what is told."""

from __future__ import annotations

from decimal import Decimal
from threading import Event
from typing import Any

import pytest

from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import ListSink, all_live, feeding, until
from tests.tasks.still_venue import StillVenue

SYMBOLS = tuple(f"S{n:02}USDT" for n in range(20))
QUICK: dict[str, Any] = {"check_every_s": 0.05, "flush_every_s": 0.02, "settled_s": 0.0}
APART_S = 1.0  # between the tickers that are left out, about as in a real fall


def deepen(venue: StillVenue, symbol: str) -> None:
    bids = {f"{99.98 - n / 100:.2f}": "1" for n in range(40)}
    venue.books[symbol] = (bids, {"100.02": "1", "100.03": "2"})


def fall(venue: StillVenue, symbol: str, quantity: int) -> None:
    """The best bid goes at t+3, which no ticker tells; the next ticker is of t+6."""
    venue.ticker(symbol)
    for size in ("0", f"{quantity}"):
        best = max(venue.books[symbol][0], key=Decimal)
        venue.diff(symbol, ((best, size),), n=3)
    venue.ticker(symbol)


def best_bid(venue: StillVenue, symbol: str) -> tuple[int, int]:
    """In ticks of 0.01 and lots of 0.00001."""
    price, quantity = max(venue.books[symbol][0].items(), key=lambda level: Decimal(level[0]))
    return int(Decimal(price) * 100), int(Decimal(quantity) * 100_000)


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_twenty_books_stay_when_tickers_are_left_out_twice(engine: Any) -> None:
    sink = ListSink()
    with StillVenue(*SYMBOLS) as venue:
        for symbol in SYMBOLS:
            deepen(venue, symbol)
        profile = loopback("spot", ws_url=venue.ws_url, rest_url=venue.rest_url)
        config = FeedConfig(profile=profile, symbols=SYMBOLS, engine=engine, **QUICK)
        with feeding(config, sink) as feed:
            all_live(feed)
            asked = venue.asked("depth")
            epochs = {one.symbol: one.epoch for one in feed.status().symbols}
            for turn in (1, 2):
                for symbol in SYMBOLS:
                    fall(venue, symbol, 6 + turn)
                until(
                    lambda: all(one.last_id == venue.ids[one.symbol] for one in feed.status().symbols),
                    "every diff is applied",
                )
                Event().wait(APART_S)
            all_live(feed)
            feed.flush()
            assert {one.symbol: one.epoch for one in feed.status().symbols} == epochs, "none was discarded"
            assert venue.asked("depth") == asked, "no snapshot was asked for"
            contradicted = [symbol for symbol in SYMBOLS if sink.mismatches(symbol)]
            assert contradicted == list(SYMBOLS), "every book was contradicted"
            assert not any(row.refuted for symbol in SYMBOLS for row in sink.mismatches(symbol))
            tops = {symbol: best_bid(venue, symbol) for symbol in SYMBOLS}
            held = feed.sample(1, (), store=False)
            assert [list(book.bids) for book in held] == [[tops[symbol]] for symbol in SYMBOLS]
