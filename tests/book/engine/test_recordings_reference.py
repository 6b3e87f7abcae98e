"""The plain door, ladder and synchroniser over real frames, against the venue's own top of book."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.messages import Bbo, BookTicker, DepthDiff, DepthSnapshot
from leadline.book.scale import Scale
from leadline.book.sync.events import BookReady, Event, GapFound, SnapshotNeeded, State
from leadline.book.sync.machine import BookSync
from leadline.book.sync.rules import SequenceRule
from leadline.book.venues.binance.decode import decode_frame, decode_snapshot
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from tests.recordings import COINM_BTC, SPOT_BTC, SPOT_ETH, USDM_BTC, recording

pytestmark = pytest.mark.recordings


@dataclass(frozen=True)
class Market:
    name: str
    symbol: str
    rule: SequenceRule
    scale: Scale
    diffs: int  # how many to play: all of spot; plain code is too slow for more of the others
    agreeing: int  # ids, beyond the seed's, of both a diff's end and a book ticker: counted without us


# Spot is scaled to the eight decimals of the wire: BTC quantities there are finer than the step size.
MARKETS = [
    Market(SPOT_BTC, "BTCUSDT", SPOT, Scale(2, 8), 3451, 564),
    Market(SPOT_ETH, "ETHUSDT", SPOT, Scale(2, 8), 3434, 577),
    Market(USDM_BTC, "BTCUSDT", FUTURES, Scale(2, 3), 2000, 172),
    Market(COINM_BTC, "BTCUSD_PERP", FUTURES, Scale(1, 0), 6000, 236),
]
EACH = pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.name.removesuffix(".gz"))


def frames(path: Path) -> Iterator[tuple[int, bytes]]:
    with gzip.open(path, "rb") as file:
        for line in file:
            ts_recv_ns, _, frame = line.rstrip().partition(b" ")
            yield int(ts_recv_ns), frame


def messages(market: Market) -> Iterator[DepthDiff | DepthSnapshot | BookTicker]:
    for ts_recv_ns, frame in frames(recording(market.name)):
        if frame.startswith(b'{"lastUpdateId"'):
            yield decode_snapshot(frame, market.symbol, market.scale, ts_recv_ns)
        elif b"@trade" not in frame[:60]:
            message = decode_frame(frame, market.scale, ts_recv_ns)
            assert isinstance(message, DepthDiff | BookTicker)
            yield message


@dataclass
class Run:
    """What came of playing a recording; ``tops`` is the best bid and ask at each diff's last id."""

    sync: BookSync[DepthDiff, DepthSnapshot]
    events: list[Event] = field(default_factory=list)
    applied: int = 0
    heard: int = 0
    tops: dict[int, Bbo] = field(default_factory=dict)
    tickers: dict[int, Bbo] = field(default_factory=dict)

    def hear(self, message: DepthDiff | DepthSnapshot | BookTicker) -> None:
        if isinstance(message, BookTicker):
            self.tickers[message.update_id] = Bbo(
                message.bid_ticks, message.bid_lots, message.ask_ticks, message.ask_lots
            )
            return
        if isinstance(message, DepthDiff):
            self.heard += 1
            self.events += self.sync.receive_diff(message)
        else:
            self.events += self.sync.receive_snapshot(message)
        self.applied += len(self.sync.applied)
        if self.sync.state is State.LIVE:
            self.tops[self.sync.last_id] = self.sync.bbo()


def play(market: Market, diffs: int, *, without: int | None = None) -> Run:
    """Play the first ``diffs`` of a recording, ``without`` the one of that number."""
    run = Run(BookSync(PlainLadder(), market.rule))
    numbers = itertools.count()
    for message in messages(market):
        number = next(numbers) if isinstance(message, DepthDiff) else -1
        if number == diffs:
            break
        if number < 0 or number != without:
            run.hear(message)
    return run


@EACH
def test_in_step_from_the_seed_to_the_end_and_equal_to_the_book_tickers(market):
    run = play(market, market.diffs)
    assert [type(event) for event in run.events] == [SnapshotNeeded, BookReady]  # no gap, no cross
    assert (run.sync.state, run.heard) == (State.LIVE, market.diffs)
    shared = run.tops.keys() & run.tickers.keys()
    assert len(shared) == market.agreeing
    assert {at: run.tops[at] for at in shared} == {at: run.tickers[at] for at in shared}


@EACH
def test_a_missing_diff_is_found_at_exactly_its_id_and_a_seed_heals_it(market):
    lost = 100
    diffs = list(itertools.islice((m for m in messages(market) if isinstance(m, DepthDiff)), 300))
    before, missing, after = diffs[lost - 1 : lost + 2]
    run = play(market, 200, without=lost)
    if market.rule is SPOT:
        gap = GapFound(before.last_id + 1, after.first_id)
    else:
        gap = GapFound(before.last_id, missing.last_id)
    assert run.events[2:] == [gap, SnapshotNeeded(market.rule.oldest_seed(after), "gap")]
    assert run.sync.state is State.BUFFERING
    assert max(run.tops) == before.last_id  # no book was shown after it

    whole = play(market, 150).sync  # the venue's book as it was when diff 149 had been applied
    bids, asks = whole.ladder.top()
    run.hear(DepthSnapshot(market.symbol, whole.last_id, after.ts_recv_ns, tuple(bids), tuple(asks)))
    for diff in diffs[200:]:
        run.hear(diff)
    assert isinstance(run.events[-1], BookReady)
    assert run.sync.ladder.top() == play(market, 300).sync.ladder.top()
