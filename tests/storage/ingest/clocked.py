"""
A stream whose wall clock is set at will: shipped router, books, writer and handover, driven by hand.

The venue is one symbol whose every update sets the level 99.98 to its own id, so that the book after any
update is known. The monotonic clock goes on by itself; the wall clock is where somebody put it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from leadline.book.engine.factory import make_book
from leadline.book.engine.live import LiveBook
from leadline.book.rows.batch import Batch, Market
from leadline.book.sync.events import SnapshotNeeded, State
from leadline.storage.access.owner import Owner
from leadline.storage.handover.cut import Cutter
from leadline.storage.handover.holding import Holding
from leadline.storage.handover.succession import ends
from leadline.storage.ingest.writer import Writer
from leadline.tasks.feed.connections.handover import mark_books
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.feed.routing.steps import ClockSteps
from leadline.tasks.net.clock import Clock
from leadline.tasks.venues.registry import model_of
from tests.storage.helpers import BTC, START_NS

VENUE, SYMBOL = BTC.venue, BTC.symbol
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


@dataclass
class Venue:
    """The true clock, ours, and the ids: when each update was sent, by our clock as it was then."""

    mono_ns: int = 500 * SECOND_NS
    offset_ns: int = START_NS
    last_id: int = 1000
    sent: dict[int, int] = field(default_factory=dict)  # id -> our wall clock, ns
    shown: list[tuple[int, int]] = field(default_factory=list)  # stretches of our wall clock

    def __post_init__(self) -> None:
        self.shown.append((self.wall_ns(), self.wall_ns()))

    def wall_ns(self) -> int:
        return self.mono_ns + self.offset_ns

    @property
    def clock(self) -> Clock:
        return Clock(self.wall_ns, lambda: self.mono_ns)

    def wait(self, seconds: float) -> None:
        self.mono_ns += int(seconds * SECOND_NS)
        self.shown[-1] = (self.shown[-1][0], self.wall_ns())

    def step(self, seconds: float) -> None:
        self.offset_ns += int(seconds * SECOND_NS)
        self.shown.append((self.wall_ns(), self.wall_ns()))

    def next_diff(self) -> bytes:
        self.last_id += 1
        self.sent[self.last_id] = self.wall_ns()
        data = {
            "e": "depthUpdate", "E": (START_NS + self.mono_ns) // 1_000_000, "s": SYMBOL, "U": self.last_id,
            "u": self.last_id, "b": [["99.98", f"{self.last_id}"]], "a": [],
        }  # fmt: skip
        return _frame({"stream": f"{SYMBOL.lower()}@depth@100ms", "data": data})

    def snapshot(self) -> bytes:
        bids = [["100.00", "1"], ["99.98", f"{self.last_id}"]]
        return _frame({"lastUpdateId": self.last_id, "bids": bids, "asks": [["100.01", "1"]]})


def _frame(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


class Stream:
    """One process: a feed of one book, and the database once it is its own."""

    def __init__(self, venue: Venue, db: Path) -> None:
        self._venue, self._db = venue, db
        self.markets: list[Market] = [BTC]
        self.owner: Owner | None = None
        self.writer: Writer | None = None
        self.holding: Holding | None = None

    def open(self) -> Stream:
        self._own()
        assert self.writer is not None
        self._connect(self.writer)
        return self

    def warm(self) -> Stream:
        self.holding = Holding(self.markets, make_batch=_batch)
        self._connect(self.holding)
        return self

    def mark(self) -> None:
        assert self.holding is not None
        self.router.flush()
        self.holding.hold()
        asyncio.run(mark_books(self.router, self.holding.seeds, self._venue.wall_ns))

    def take_over(self) -> None:
        assert self.holding is not None
        self._own()
        assert self.owner is not None
        assert self.writer is not None
        self.router.flush()
        self.holding.release(self.writer, Cutter(self.markets, ends(self.owner.cursor(), VENUE)))

    def hear(self, frame: bytes) -> None:
        """Take a diff, and the seed that it may ask for."""
        venue = self._venue
        told = self.router.dispatch(frame, venue.wall_ns(), venue.mono_ns)
        if any(isinstance(event, SnapshotNeeded) for _, event in told):
            self.router.receive_snapshot(self.book, venue.snapshot(), venue.wall_ns())

    def flush(self) -> None:
        is_flushed = self.router.flush()
        if self.writer is not None:
            self._write(self.writer)
            if not is_flushed:
                self.router.flush()
                self._write(self.writer)

    @staticmethod
    def _write(writer: Writer) -> None:
        for _ in writer.turn():
            raise AssertionError("nothing stands in the way of the writer")

    def stop(self, reason: str = "stopped") -> None:
        self.book.leave(reason, self._venue.wall_ns(), self.router.batch)
        self.flush()
        self._close()

    def kill(self) -> None:
        """End at once: what was not committed is gone."""
        self._close()

    def _own(self) -> None:
        self.owner = Owner(self._db)
        self.writer = Writer(
            self.owner,
            self.markets,
            make_batch=_batch,
            min_free_bytes=0,
            clock_ns=self._venue.wall_ns,
            mono_s=lambda: self._venue.mono_ns / 1e9,
        )

    def _connect(self, sink: Writer | Holding) -> None:
        profile = model_of(VENUE)
        self.book: LiveBook = make_book(0, BTC, profile.spec, engine="plain")
        self.router = Router(None, [self.book], sink, profile, steps=ClockSteps(VENUE, self._venue.clock))

    def _close(self) -> None:
        if self.writer is not None:
            self.writer._drop_cursor()
        if self.owner is not None:
            self.owner.close()
        self.owner = None


def _batch(markets: list[Market]) -> Batch:
    return Batch(markets, diff_rows=64, level_rows=256, trade_rows=4, ticker_rows=4)


class Life:
    """A database over several streams. Moves are methods; `end` closes it."""

    def __init__(self, template: Path, db: Path) -> None:
        shutil.copy(template, db)
        self.db, self.venue = db, Venue()
        self.stream = Stream(self.venue, db).open()

    def diffs(self, n: int, *, every_s: float = 0.2) -> None:
        for done in range(n):
            self._each(self.venue.next_diff())
            self.venue.wait(every_s)
            if done % 200 == 199:
                self.flush()

    def lose(self, n: int) -> None:
        """The venue sends, and nothing comes."""
        for _ in range(n):
            self.venue.next_diff()
            self.venue.wait(0.2)

    def step(self, seconds: float) -> None:
        self.venue.step(seconds)

    def flush(self) -> None:
        self.stream.flush()

    def restart(self, *, kill: bool, away_s: float, step_s: float) -> None:
        """End the stream; the clock may be set while nobody streams."""
        (self.stream.kill if kill else self.stream.stop)()
        self.lose(2)
        self.venue.wait(away_s / 2)
        self.venue.step(step_s)
        self.venue.wait(away_s / 2)
        self.lose(2)
        self.stream = Stream(self.venue, self.db).open()

    def hand_over(self, step_s: float, *, when: int) -> None:
        """Give the database to a warm successor; the clock is set before, in or after the overlap."""
        old, self._next = self.stream, Stream(self.venue, self.db).warm()
        for phase in range(4):
            if phase == when:
                self.venue.step(step_s)
            for _ in range(4):
                frame = self.venue.next_diff()
                for stream in (old, self._next) if phase < 3 else (self._next,):
                    stream.hear(frame)
                self.venue.wait(0.2)
            if phase == 1:
                self._next.mark()
            if phase == 2:
                old.stop("handover")
        self._next.take_over()
        self._next.flush()
        self.stream = self._next

    def end(self) -> None:
        if self.stream.book.state is not State.LIVE:
            self.diffs(2)
        self.diffs(2)
        self._each(self.venue.next_diff())
        self.stream.stop()

    def _each(self, frame: bytes) -> None:
        self.stream.hear(frame)


def moment(ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ns / 1e9, dt.UTC).replace(tzinfo=None)


Move = Callable[[Life], None]
