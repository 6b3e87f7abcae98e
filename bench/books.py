"""
Frame to book to best bid and offer: raw bytes in, both best prices known after every frame.

Every contender gets the same combined frames, one at a time, and is asked for its best prices after
each; in a second run also for 20 levels a side after every tenth. Ours also writes each diff into the
batch that the store takes, because that is what it does in the product. Rounds are interleaved, figures
are medians, rates are per CPU second of the process. All must give the same series of best prices.
``python -m bench --only books`` runs it alone.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from bench.frames import STREAM, Frames, load
from bench.measure import BenchFailed, Child, Row
from bench.memory import LEVELS
from bench.naive import NaiveBook
from bench.peers import peers
from leadline.book.engine.factory import has_numba, make_book, warm_up
from leadline.book.errors import BatchFull
from leadline.book.messages import Bbo
from leadline.book.rows.batch import Batch, Market
from leadline.book.sync.events import State
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import SPOT

ROUNDS = 5
SLOW_S = 1.0  # a contender that takes longer is heard in two rounds only
TOP, EVERY = 20, 10


class Contender(Protocol):
    """A book made anew for each run, seeded, and past the diffs the seed already holds."""

    def take(self, frame: bytes) -> None:
        """Apply one combined frame."""
        ...

    def best(self) -> Any:
        """Return best bid and ask in the contender's own numbers."""
        ...

    def top(self, n: int) -> Any:
        """Return ``n`` levels of each side, best first."""
        ...


class OurBook:
    """Our live book, fed as the router feeds it; a full batch is emptied instead of stored."""

    def __init__(self, frames: Frames, engine: Any) -> None:
        market = Market("binance-spot", frames.symbol, frames.scale, SPOT)
        self._book = make_book(0, market, specs.SPOT, engine=engine)
        self._batch = Batch([market])
        self._start = len(f'{{"stream":"{STREAM}","data":')
        self._receive = self._book.receive_depth
        for frame in frames.diffs[: frames.seed_at]:
            self.take(frame)
        self._book.receive_snapshot(frames.seed, 1, self._batch)
        if self._book.state is not State.LIVE:
            raise BenchFailed(f"the seed did not join: {self._book.why}")
        self.best: Callable[[], Bbo] = self._book.bbo
        self.top = self._book.top

    def take(self, frame: bytes) -> None:
        """Apply one combined frame."""
        try:
            self._receive(frame, self._start, 1_723_161_253_937_085_768, self._batch)
        except BatchFull:
            self._batch.clear()
            self._receive(frame, self._start, 1_723_161_253_937_085_768, self._batch)


@dataclass(slots=True)
class Entry:
    """A contender and what was measured of it: CPU seconds of each round, without and with the top."""

    label: str
    make: Callable[[], Contender]
    scale: Callable[[Any], tuple[Decimal, Decimal]]
    seconds: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})

    def play(self, diffs: list[bytes], *, with_top: bool) -> list[Any]:
        """Run once over ``diffs``; return the best prices after each."""
        book = self.make()
        take, best, top = book.take, book.best, book.top
        series = []
        with _quiet():
            began = time.process_time()
            for number, frame in enumerate(diffs):
                take(frame)
                series.append(best())
                if with_top and number % EVERY == 0:
                    top(TOP)
            self.seconds[with_top].append(time.process_time() - began)
        return series

    def prices(self, series: list[Any]) -> list[tuple[Decimal, Decimal]]:
        """Turn a series into exact prices, to be compared."""
        return [self.scale(one) for one in series]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the garbage collector out of the figures, everybody's alike."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _entries(frames: Frames, early: list[bytes]) -> tuple[list[Entry], list[str]]:
    unit = Decimal(1).scaleb(-frames.scale.price_decimals)

    def ticks(best: Bbo) -> tuple[Decimal, Decimal]:
        return best.bid_ticks * unit, best.ask_ticks * unit

    def numbers(best: tuple[Any, Any]) -> tuple[Decimal, Decimal]:
        return Decimal(str(best[0])), Decimal(str(best[1]))

    def joined(make: Callable[[Frames], Contender]) -> Callable[[], Contender]:
        """Without a buffer of its own, a book is given what arrived before its seed by hand."""

        def joining() -> Contender:
            book = make(frames)
            for diff in early:
                book.take(diff)
            return book

        return joining

    def ours(engine: Any) -> Callable[[], Contender]:
        return lambda: OurBook(frames, engine)

    others, missing = peers()
    entries = [
        Entry("naive: json, float dicts, max and min", joined(_naive), numbers),
        Entry("Leadline, plain", ours("plain"), ticks),
        *(Entry(label, joined(make), numbers) for label, make in others),
    ]
    if has_numba():
        entries.insert(1, Entry("Leadline, compiled", ours("compiled"), ticks))
    else:
        missing.insert(0, "Leadline, compiled: skipped, numba is not installed")
    return entries, missing


def _naive(frames: Frames) -> Contender:
    return NaiveBook(json.loads(frames.seed))


def run(rounds: int = ROUNDS, *, synthetic: bool = False) -> list[tuple[str, list[Row]]]:
    """Measure all contenders; return titled rows. Raises `BenchFailed` if two disagree."""
    frames = load(synthetic=synthetic)
    warm_up(specs.SPOT)
    early, diffs = _split(frames)
    entries, missing = _entries(frames, early)
    naive = entries[0]
    for number in range(rounds):
        expected: list[tuple[Decimal, Decimal]] = []
        for entry in entries:
            if number >= 2 and entry.seconds[False][0] > SLOW_S:
                continue
            for with_top in (False, True):
                series = entry.play(diffs, with_top=with_top)
                if number == 0 and not with_top:
                    prices = entry.prices(series)
                    expected = expected or prices
                    _same(expected, prices, naive.label, entry.label)
    levels = sum(diff.count(b"],[") + diff.count(b"[[") for diff in diffs) / len(diffs)
    head = f"{frames.source}: {len(diffs):,} diffs of {levels:.0f} levels"
    return [
        (f"frame -> book -> best prices; {head}", _rows(entries, False, len(diffs), levels, missing)),
        (
            f"the same, and {TOP} levels a side every {EVERY}th frame",
            _rows(entries, True, len(diffs), levels),
        ),
        (f"memory of one book, {LEVELS:,} levels a side", _memory()),
    ]


def _split(frames: Frames) -> tuple[list[bytes], list[bytes]]:
    """Return the diffs that arrived before the seed and reach past it, and those that came after."""
    seed_id = json.loads(frames.seed)["lastUpdateId"]
    early = frames.diffs[: frames.seed_at]
    return [diff for diff in early if json.loads(diff)["data"]["u"] > seed_id], frames.diffs[
        frames.seed_at :
    ]


def _same(
    expected: list[tuple[Decimal, Decimal]], got: list[tuple[Decimal, Decimal]], one: str, other: str
) -> None:
    for number, (left, right) in enumerate(zip(expected, got, strict=True)):
        if left != right:
            raise BenchFailed(f"frame {number}: {one} says {left}, {other} says {right}")


def _rows(
    entries: list[Entry], with_top: bool, frames: int, levels: float, missing: list[str] | None = None
) -> list[Row]:
    naive = entries[0].seconds[with_top]
    rows = []
    for entry in entries:
        seconds = entry.seconds[with_top]
        rate = frames / statistics.median(seconds)
        # Paired by round: what else the machine did then slowed both.
        ratio = statistics.median([n / s for n, s in zip(naive, seconds, strict=False)])
        rows.append(Row(entry.label, rate, f"frames/s, {rate * levels / 1e6:.2f} M levels/s", ratio))
    return rows + [Row(word, "") for word in missing or ()]


def _memory() -> list[Row]:
    """Measure what a book adds to a process, each kind in its own."""
    kinds = [("Leadline, plain", "plain"), ("naive", "naive")]
    if has_numba():
        kinds.insert(0, ("Leadline, compiled", "compiled"))
    rows = []
    for label, kind in kinds:
        with Child("bench.memory", kind) as child:
            rows.append(Row(label, child.ready["kb"], "kB"))
    return rows
