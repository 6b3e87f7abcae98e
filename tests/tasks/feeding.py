"""A feed, a loopback venue and a sink in memory, for the tests of the feed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar

import numpy as np

from leadline.book.messages import Level
from leadline.book.rows.batch import (
    Batch,
    BookEventRow,
    Count,
    CoverageEnded,
    CoverageOpened,
    DiffCol,
    Market,
    MismatchRow,
)
from leadline.book.sync.events import State
from leadline.tasks.feed.routing.liveness import Patience
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.loopback import ThreadedVenue
from leadline.tasks.net.errors import FeedStopped
from leadline.tasks.venues.registry import loopback

T = TypeVar("T")
WITHIN_S = 40.0  # on a machine that has much else to do


def until(get: Callable[[], T], what: str, *, within_s: float = WITHIN_S) -> T:
    """Return the first truthy value of ``get``."""
    deadline = time.monotonic() + within_s
    turn = threading.Event()
    while not (value := get()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        turn.wait(0.005)
    return value


@dataclass
class ListSink:
    """A writer that keeps batches in memory; ``limit`` of them, until `release` takes them away."""

    limit: int = 1_000_000
    queued: int = 0
    markets: list[Market] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    # Rows of the batches given out: all are kept, and a full-sized one every 50 ms would fill the memory.
    room: dict[str, int] = field(
        default_factory=lambda: {
            "diff_rows": 512, "level_rows": 32_768, "trade_rows": 2_048, "ticker_rows": 4_096,
        }
    )  # fmt: skip

    def take(self) -> Batch | None:
        return None if self.queued >= self.limit else Batch(self.markets, **self.room)

    def submit(self, batch: Batch) -> None:
        self.queued += 1
        self.batches.append(batch)

    def status(self) -> ListSink:
        return self

    def release(self) -> None:
        self.queued = 0

    # -- what arrived ------------------------------------------------------------------------------

    def index(self, symbol: str) -> int:
        return next(n for n, market in enumerate(self.markets) if market.symbol == symbol)

    def events(self, symbol: str | None = None) -> list[BookEventRow]:
        rows = [row for batch in list(self.batches) for row in list(batch.events)]
        return [row for row in rows if symbol is None or self.markets[row.book].symbol == symbol]

    def reasons(self, symbol: str | None = None) -> list[str]:
        return [row.reason for row in self.events(symbol)]

    def coverage(self) -> list[CoverageOpened | CoverageEnded]:
        return [row for batch in self.batches for row in batch.coverage]

    def mismatches(self, symbol: str) -> list[MismatchRow]:
        rows = [row for batch in list(self.batches) for row in list(batch.mismatches)]
        return [row for row in rows if self.markets[row.book].symbol == symbol]

    def diffs(self, symbol: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """All diff rows of a symbol, in order."""
        index = self.index(symbol)
        rows = [batch.diffs[: batch.counts[Count.DIFFS]] for batch in self.batches]
        every = np.concatenate(rows) if rows else np.zeros((0, len(DiffCol)), np.int64)
        return every[every[:, DiffCol.BOOK] == index]

    def count(self, what: Count) -> int:
        return sum(int(batch.counts[what]) for batch in self.batches)


IMPATIENT = Patience(depth_s=0.7, resubscribe_s=0.5, line_s=1.0, line_most_s=2.0)


def config_for(venue: ThreadedVenue, symbols: Sequence[str] = (), **changes: Any) -> FeedConfig:
    """A config for tests: short waits, the plain engine (nothing to compile)."""
    profile_changes = changes.pop("profile", {})
    profile = loopback(venue.kind, ws_url=venue.ws_url, rest_url=venue.rest_url, **profile_changes)
    profile = replace(profile, **changes.pop("limits", {}))
    settings: dict[str, Any] = {
        "engine": "plain",
        "flush_every_s": 0.02,
        "check_every_s": 0.02,
        "backoff_first_s": 0.05,
        "backoff_cap_s": 0.2,
        "settled_s": 0.0,
    }
    return FeedConfig(profile=profile, symbols=tuple(symbols or venue.symbols), **(settings | changes))


@contextmanager
def feeding(config: FeedConfig, sink: ListSink, *, host_grace_s: float = 0.0) -> Iterator[Feed]:
    """A running feed, stopped at the end of the block."""
    feed = Feed(config, sink, rng=Random(7), host_grace_s=host_grace_s)
    feed.start()
    try:
        yield feed
    finally:
        try:
            feed.stop(30.0)  # a busy machine may take its time
        except FeedStopped:
            for task in asyncio.all_tasks(feed._loop):  # what it hangs on
                task.print_stack()
            raise


def all_live(feed: Feed, *, within_s: float = WITHIN_S) -> None:
    """Wait until every book is LIVE."""
    want = len(feed.status().symbols)
    until(lambda: feed.status().live == want, "all books LIVE", within_s=within_s)


def is_live(feed: Feed, symbol: str) -> Callable[[], bool]:
    return lambda: feed.status().symbol(symbol).state is State.LIVE


def standing(feed: Feed, symbol: str) -> tuple[int, tuple[int, int], list[Level], list[Level]]:
    """A LIVE book as it stands: id, certified band, bids and asks, read on the feed's own loop."""

    async def read(core: Any) -> tuple[int, tuple[int, int], list[Level], list[Level]]:
        book = core.router.books[symbol]
        return (book.last_id, book.certified_band, *book.levels())

    return feed._call(read)


def assert_true_book(feed: Feed, venue: ThreadedVenue, symbol: str) -> None:
    """
    The book equals the venue's own at the same id, level by level.

    Beyond the prices that the seed reached it cannot know every level, but what it holds is right.
    """
    until(is_live(feed, symbol), f"{symbol} LIVE")
    last_id, (low, high), bids, asks = standing(feed, symbol)
    truth = venue.truth(symbol, last_id)
    assert truth.last_id == last_id
    for held, true in ((bids, truth.bids), (asks, truth.asks)):
        assert len(held) > 10
        assert [level for level in held if low <= level[0] <= high] == [
            level for level in true if low <= level[0] <= high
        ]
        assert set(held) <= set(true)
