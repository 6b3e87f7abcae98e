"""
Replays recordings through the code a live stream uses: router, books, batches, writer.

Time is the recording's own: rows carry the receive times of the file. A recording that ends is not a
fault; its coverage says ``end_of_recording``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from leadline.book.engine.factory import Engine, make_book, warm_up
from leadline.book.errors import BadInput
from leadline.book.rows.batch import Batch, Market
from leadline.book.sync.events import Crossed, GapFound, State
from leadline.book.venues.common.recorded import RecordedKind
from leadline.book.venues.registry import converted_venue, spec_of
from leadline.flows.config.settings import Settings
from leadline.flows.recordings.files import Survey, survey
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreFull
from leadline.storage.ingest.commit import Commit
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries import catalog
from leadline.storage.recordings.notes import read_left
from leadline.storage.recordings.reader import Faults, Line, Recording
from leadline.tasks.feed.routing.clock import StreamClock
from leadline.tasks.feed.routing.router import Router, Told
from leadline.tasks.feed.routing.steps import RecordedSteps
from leadline.tasks.net.errors import SinkFull
from leadline.tasks.venues.registry import model_of

END = "end_of_recording"
FULL_WAIT_S = 0.01  # between looks for a free batch
FLUSH_S = 0.25  # how long a row may wait when replaying at a speed
TICK_S = 0.1
DRAIN_S = 600.0
LOOK_EVERY = 256  # frames between looks at clock and writer


@dataclass(slots=True)
class Summary:
    """What a replay did; ``diffs`` are all that were read, ``applied`` those that made it into a book."""

    venue: str
    db: str
    files: list[str]
    symbols: list[str]
    live_symbols: list[str] = field(default_factory=list)  # LIVE when the recording ended
    without_seed: list[str] = field(default_factory=list)  # no snapshot fitted: there never was a book
    last_ids: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    frames: int = 0
    diffs: int = 0
    applied: int = 0
    levels: int = 0
    snapshots: int = 0
    seeds: int = 0
    trades: int = 0
    tickers: int = 0
    gaps: int = 0
    crossed: int = 0
    bad_frames: int = 0
    unrecognised: int = 0
    unreadable: int = 0
    faults: list[str] = field(default_factory=list)
    caveat: str | None = None  # what the data cannot prove
    seconds: float = 0.0
    frames_per_s: float = 0.0


class AlreadyStored(BadInput):
    """The database holds rows of these symbols at these times; a second copy would count twice."""


class Replay:
    """One run over some files into one database; ``summary`` grows while it runs."""

    def __init__(
        self,
        files: Sequence[Path],
        settings: Settings,
        *,
        speed: float | None = None,
        symbol: str | None = None,
    ) -> None:
        """
        Open the files; ``speed`` is in times real time, None as fast as it goes.

        ``symbol`` is that of a table that names none. Converted data get a venue of their own, because
        their ids prove less (`book.venues.converted`).
        """
        self.recording = Recording(files, exchange=settings.venue, symbol=symbol)
        if self.recording.exchange is not None:
            settings = replace(settings, venue=converted_venue(self.recording.exchange))
        self.survey: Survey | None = None
        self.summary = Summary(settings.venue, str(settings.db), [str(file) for file in files], [])
        self._settings = settings
        self._spec = spec_of(settings.venue)
        self.summary.caveat = self._spec.caveat
        self._speed = speed
        self._faults = Faults()
        self._markets: list[Market] = []
        self._steps: RecordedSteps
        self._early: dict[str, Line] = {}  # snapshots that came before any diff of their symbol
        self._started = time.perf_counter()
        self._tick: Callable[[], None] = _nothing

    def run(self, tick: Callable[[], None] | None = None) -> Summary:
        """
        Replay everything, calling ``tick`` now and then; Ctrl-C stores what was read, then goes on up.

        Raises `BadRecording`, `AlreadyStored`, and what the store raises.
        """
        self._tick = tick or _nothing
        self.survey = survey(self.recording, self._spec, at=lambda _: self._tick())
        self.summary.symbols = list(self.survey.scales)
        for line, why in self.survey.unread:
            self._faults.note(line.file, line.number, why)
        warm_up(self._spec, cast("Engine", self._settings.engine))
        with Owner(
            self._settings.db,
            serve=True,
            memory_limit=self._settings.memory_limit,
            threads=self._settings.threads,
        ) as owner:
            self._refuse_copies(owner)
            writer = Writer(owner, self._markets, on_commit=self._count, is_recorded=True)
            writer.start()
            router = self._router(writer)
            self._started = time.perf_counter()
            try:
                self._play(router, writer)
                self.summary.seconds = time.perf_counter() - self._started
            finally:
                writer.close()
        self._conclude()
        return self.summary

    def _refuse_copies(self, owner: Owner) -> None:
        assert self.survey is not None
        con = owner.cursor()
        try:
            for symbol in self.survey.scales:
                first_ns, last_ns = self.survey.times[symbol]
                if n := catalog.diffs_between(con, self._settings.venue, symbol, first_ns, last_ns):
                    what = f"{n} diffs of {self._settings.venue} {symbol} from the time of this recording"
                    raise AlreadyStored(f"{self._settings.db} already holds {what}; give another --db")
        finally:
            con.close()

    def _router(self, writer: Writer) -> Router:
        assert self.survey is not None
        profile, settings = model_of(self._settings.venue), self._settings
        books = []
        for index, (symbol, scale) in enumerate(self.survey.scales.items()):
            self._markets.append(Market(settings.venue, symbol, scale, profile.spec.rule))
            books.append(
                make_book(
                    index,
                    self._markets[index],
                    profile.spec,
                    engine=cast("Engine", settings.engine),
                    max_levels=settings.max_levels,
                    buffer_limit=settings.buffer_limit,
                    time_unit_ns=self.survey.time_unit_ns,
                )
            )
        clock, unit_ns = StreamClock(settings.venue), self.survey.time_unit_ns
        steps = self._steps = RecordedSteps(settings.venue, profile.adapter.event_time, unit_ns)

        def hand_over(batch: Batch) -> None:
            clock.note_batch(batch)
            steps.hand_over(batch)

        router = Router(self._markets, books, writer, profile, on_submit=hand_over, time_unit_ns=unit_ns)
        router.batch.listings += [replace(row, venue=settings.venue) for row in self.survey.listings]
        return router

    def _play(self, router: Router, writer: Writer) -> None:
        ended, pacer, last_ns = END, Pacer(self._speed), 0
        try:
            lines = self._steps.settle(self.recording.lines(self._faults))
            for n, (line, expected_ns) in enumerate(lines):
                if n % LOOK_EVERY == 0:
                    self._tick()
                if expected_ns is not None:
                    self._steps.note(expected_ns, line.ts_recv_ns, router.batch)
                pacer.wait(line.ts_recv_ns, self._tick, router.flush)
                self._hear(line, router, writer)
                last_ns = line.ts_recv_ns
        except KeyboardInterrupt:
            ended = "stopped"
            raise
        finally:
            self._leave(router, writer, ended, last_ns)

    def _hear(self, line: Line, router: Router, writer: Writer) -> None:
        """Give one line to its book and count what came of it."""
        summary, kind = self.summary, self._spec.recorded.kind(line.frame)
        summary.lines += 1
        if kind is RecordedKind.LISTING:
            return  # the survey has read it
        if (note := read_left(line.frame)) is not None:
            for symbol in note[1]:
                if symbol in router.books:
                    router.books[symbol].leave(note[0], line.ts_recv_ns, router.batch)
            return
        if kind is RecordedKind.SNAPSHOT:
            summary.snapshots += 1
            if self._is_early(line, router):
                return
        else:
            summary.frames += 1
            summary.diffs += kind is RecordedKind.DIFF
        self._count_events(line, router, writer)
        if kind is RecordedKind.DIFF and self._early:
            early = self._early.pop(self._spec.recorded.symbol(line.frame) or "", None)
            if early is not None:
                self._count_events(early, router, writer)

    def _count_events(self, line: Line, router: Router, writer: Writer) -> None:
        """Deliver a line and count what came of it."""
        summary, bad = self.summary, router.bad_frames
        for _, event in self._deliver(line, router, writer):
            summary.gaps += isinstance(event, GapFound)
            summary.crossed += isinstance(event, Crossed)
        if router.bad_frames != bad:
            self._faults.note(line.file, line.number, router.last_bad)

    def _is_early(self, line: Line, router: Router) -> bool:
        """Keep a snapshot whose symbol has shown no diff yet: the first diff asks for the seed."""
        symbol = self._spec.recorded.symbol(line.frame)
        if symbol is None and len(router.books) == 1:
            symbol = next(iter(router.books))
        book = router.books.get(symbol) if symbol is not None else None
        if symbol is None or book is None or book.state is not State.WAITING:
            return False
        self._early[symbol] = line
        return True

    def _deliver(self, line: Line, router: Router, writer: Writer) -> Told:
        """Give a line to the router, waiting while every batch is queued."""
        while True:
            try:
                return router.dispatch(line.frame, line.ts_recv_ns)
            except SinkFull:
                self._tick()
                writer.drain(FULL_WAIT_S)  # raises if the writer can write no more

    def _leave(self, router: Router, writer: Writer, ended: str, last_ns: int) -> None:
        """End every book and store what there is."""
        summary = self.summary
        for symbol, book in router.books.items():
            summary.last_ids[symbol] = book.last_id
            if book.state is State.LIVE:
                summary.live_symbols.append(symbol)
            if book.seed_id < 0:
                summary.without_seed.append(symbol)
            book.leave(ended, last_ns, router.batch)
        summary.bad_frames, summary.unrecognised = router.bad_frames, router.unrecognised
        router.finish()
        if not writer.drain(DRAIN_S):
            raise StoreFull(f"{summary.db}: not all could be stored: {writer.status().last_error}")

    def _count(self, commit: Commit) -> None:
        """Count durable rows; called by the writer's thread."""
        rows, summary = commit.rows, self.summary
        summary.applied += rows.diffs
        summary.levels += rows.levels
        summary.trades += rows.trades
        summary.tickers += rows.tickers
        summary.seeds += rows.seeds

    def _conclude(self) -> None:
        summary = self.summary
        summary.unreadable = self._faults.count - summary.bad_frames
        summary.faults = self._faults.words
        summary.frames_per_s = summary.frames / summary.seconds if summary.seconds else 0.0


class Pacer:
    """Holds frames back until their time has come, at ``speed`` times real time; None: never."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._start: tuple[int, float] | None = None
        self._flushed = 0.0

    def wait(self, ts_ns: int, tick: Callable[[], None], flush: Callable[[], object]) -> None:
        """Wait until the frame is due, calling ``tick`` often meanwhile and ``flush`` now and then."""
        if self._speed is None:
            return
        if self._start is None:
            self._start = ts_ns, time.monotonic()
        start_ns, start = self._start
        due = start + (ts_ns - start_ns) / 1e9 / self._speed
        while True:
            now = time.monotonic()
            if now - self._flushed >= FLUSH_S:
                self._flushed = now
                flush()
            if now >= due:
                return
            tick()
            time.sleep(min(due - now, TICK_S))


def _nothing() -> None:
    return None
