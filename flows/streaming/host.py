"""
Feed, writer and database of one stream, wired together, without Prefect.

    venue ── Feed (own thread) ── batches ──> Writer (own thread) ── commits ──> the Owner's file
               │ needs: connect, resync                                            └ served to others
               └──> whoever hosts them, else the feed itself

The database is locked before anything is received, and released last.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from leadline.book.engine.factory import Engine, warm_up
from leadline.book.errors import LeadlineError
from leadline.book.rows.batch import Batch, DepthSample, Market
from leadline.book.rows.feed import FeedStats
from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import Settings
from leadline.flows.config.venue import profile_of, refuse_unpaired
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreOwned
from leadline.storage.handover.cut import Cutter
from leadline.storage.handover.holding import Holding
from leadline.storage.handover.requests import holder_pid, take_request
from leadline.storage.handover.succession import Ends, SymbolEnd, ends, ensure_no_heir
from leadline.storage.ingest.commit import Commit, WriterStatus
from leadline.storage.ingest.tables import Rows
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.trades import newest_trades
from leadline.storage.symbols.watchlist import overrule, symbols_to_stream
from leadline.tasks.feed.routing.config import SinkStatus
from leadline.tasks.feed.thread import Feed, FeedConfig, FeedStatus, Need
from leadline.tasks.net.errors import FeedStopped
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import USUAL_KINDS

log = logging.getLogger("leadline.host")

NAMED = "a stream that was started with its name"
PASSING_S = 10.0  # an owner that serves nobody is a short command; wait this long for it
PAUSE_S = 0.1
LOOK_S = 0.02
CATCH_UP_S = 5.0  # how late the venue may serve one connection after another
FEED_STOP_S = 15.0
WRITER_CLOSE_S = 60.0


@dataclass(frozen=True, slots=True)
class HostStatus:
    """The stream at one moment."""

    seconds: float
    feed: FeedStatus
    writer: WriterStatus
    rows: dict[str, int]  # durable, by kind
    stats: FeedStats | None  # of the newest bucket

    @property
    def gaps(self) -> int:
        """How many gaps all books met."""
        return sum(symbol.gaps for symbol in self.feed.symbols)


class _StatsTap:
    """A sink that passes batches on to the writer, or its stand-in, and keeps the newest stats."""

    def __init__(self, sink: Writer | Holding) -> None:
        self.newest: FeedStats | None = None
        self.take = sink.take
        self.status: Callable[[], SinkStatus] = sink.status
        self._submit = sink.submit

    def submit(self, batch: Batch) -> None:
        """Queue a batch for the store."""
        if batch.stats:
            self.newest = batch.stats[-1]
        self._submit(batch)


class StreamHost:
    """The working parts of one stream, from `open` to `close`. Thread-safe except for these two."""

    def __init__(
        self, settings: Settings, *, host_grace_s: float | None = None, named: Sequence[str] = ()
    ) -> None:
        """
        Raise `BadSetting` for an unknown venue; with ``host_grace_s`` 0 nobody hosts the needs.

        ``named`` are symbols that a person has just asked for: they are streamed even if they were dropped.
        """
        self.settings = settings
        self._named = named
        self.started = time.monotonic()
        self.markets: list[Market] = []  # what rows and samples count as ``book``; append-only
        self._profile = profile_of(settings)
        self._grace_s = settings.host_grace_s if host_grace_s is None else host_grace_s
        self._owner: Owner | None = None
        self._writer: Writer | None = None
        self._sink: _StatsTap | None = None
        self._holding: Holding | None = None
        self._feed: Feed | None = None
        self._rows: dict[str, int] = {}
        self._guard = threading.Lock()
        self._last: HostStatus | None = None

    def open(self, *, tick: Callable[[], None] | None = None) -> None:
        """
        Lock and open the database, then begin to stream.

        Raises `StoreOwned` when another stream has it, `HasHeir` when one is about to, and what opening
        raises; nothing is left open then.
        """
        self.settings.db.absolute().parent.mkdir(parents=True, exist_ok=True)
        ensure_no_heir(self.settings.db)
        if holder_pid(self.settings.db) is None:
            # The first time takes a quarter of a minute and ignores requests: not while holding the file.
            warm_up(spec_of(self.settings.venue), cast("Engine", self.settings.engine))
        self._owner = self._own(tick)
        try:
            writer = self._start_writer(self._owner)
            now = dt.datetime.now(dt.UTC)
            overrule(self._owner.cursor(), self.venue, self._named, is_wanted=True, who=NAMED, now=now)
            self._start_feed(writer)
        except BaseException:
            self.close()
            raise

    def warm(self) -> None:
        """
        Follow the venue without the database: rows are dropped until `mark`, then retained.

        Raises `BadSetting` where the venue's connections cannot be told to bring the same ids.
        """
        refuse_unpaired(self._profile.spec)
        self._holding = Holding(self.markets)
        try:
            self._start_feed(self._holding)
        except BaseException:
            self.close()
            raise

    def mark(self) -> dict[str, int]:
        """Begin to retain rows; return by symbol the update id after which they are retained."""
        assert self._holding is not None
        holding = self._holding
        return self.feed.mark(holding.hold, lambda: holding.seeds)

    def take_over(self) -> None:
        """
        Lock and open the database, and store the retained rows from where its rows end.

        Raises `StoreOwned` while another process has it; then nothing has changed: call again.
        """
        assert self._holding is not None
        self._owner = self._own_now()
        try:
            writer = self._start_writer(self._owner)
            found = ends(self._owner.cursor(), self._profile.name)
            self._catch_up(found)
            self._holding.release(writer, Cutter(self.markets, found))
            self.started = time.monotonic()
        except BaseException:
            self.close()
            raise

    def _catch_up(self, found: Ends) -> None:
        """Wait until the retained rows reach the stored ones; a book that does not is seeded again."""
        deadline = time.monotonic() + CATCH_UP_S
        while behind := [
            book.symbol
            for book in self.feed.status().symbols
            if book.is_live and book.last_id < found.symbols.get(book.symbol, SymbolEnd()).last_id
        ]:
            if time.monotonic() > deadline:
                log.warning("behind the previous stream, so seeded again: %s", ", ".join(behind))
                self.feed.start_anew(behind, "handover")
                break
            time.sleep(LOOK_S)
        while not self.feed.flush() and time.monotonic() < deadline + CATCH_UP_S:
            time.sleep(LOOK_S)

    def _start_writer(self, owner: Owner) -> Writer:
        old_request = take_request(self.settings.db)  # meant for the previous holder of the file
        if old_request is not None:
            log.info("a request for an earlier stream, ignored: %s", old_request.said())
        self._writer = Writer(owner, self.markets, on_commit=self._note)
        self._writer.start()
        return self._writer

    def _start_feed(self, sink: Writer | Holding) -> None:
        settings = self.settings
        config = FeedConfig(
            profile=self._profile,
            symbols=symbols_to_stream(settings.db, self.venue, settings.symbols),
            engine=cast("Engine", settings.engine),
            max_levels=settings.max_levels,
            buffer_limit=settings.buffer_limit,
            stats_every_s=settings.stats_every_s,
            status_every_s=settings.status_every_s,
            backfill_trades=settings.backfill_trades,
            trades_stored={} if self._owner is None else newest_trades(self._owner.cursor(), self.venue),
            audit_every_s=settings.audit_every_s,
            audit_levels=settings.audit_levels,
            kinds=USUAL_KINDS | {StreamKind.DEPTH20} if settings.depth20 == "on" else USUAL_KINDS,
            legs=settings.legs,
            lag_s=settings.lag_s,
            bans_file=settings.bans_file,
        )
        self._sink = _StatsTap(sink)
        self._feed = Feed(config, self._sink, rng=random.Random(), host_grace_s=self._grace_s)
        self._feed.start()
        self.started = time.monotonic()  # compiling, the first time, is not streaming

    def _own(self, tick: Callable[[], None] | None) -> Owner:
        deadline = time.monotonic() + PASSING_S
        while True:
            try:
                return self._own_now()
            except StoreOwned as exc:
                if exc.uri is not None or time.monotonic() > deadline:
                    raise
            if tick is not None:
                tick()
            time.sleep(PAUSE_S)

    def _own_now(self) -> Owner:
        settings = self.settings
        return Owner(settings.db, serve=True, memory_limit=settings.memory_limit, threads=settings.threads)

    @property
    def venue(self) -> str:
        """Name of the venue, as rows have it."""
        return self._profile.name

    @property
    def feed(self) -> Feed:
        """The feed; raises `FeedStopped` before `open`."""
        if self._feed is None:
            raise FeedStopped("the stream is not open")
        return self._feed

    def next_need(self, timeout_s: float) -> Need | None:
        """Return what the feed needs done next, waiting up to ``timeout_s``."""
        return self.feed.needs.get(timeout_s)

    def sample(self) -> Sequence[DepthSample]:
        """Sample every book; the rows are on their way to the store when this returns."""
        return self.feed.sample(self.settings.snapshot_levels, self.settings.snapshot_bands_bps, store=True)

    def top_levels(self, levels: int) -> list[DepthSample]:
        """Return the best ``levels`` of every book; nothing is stored."""
        return self.feed.sample(levels, (), store=False)

    def check(self) -> None:
        """Raise the error of the writer or the feed, if there is one."""
        if self._writer is not None:
            self._writer.drain(0)
        if self._feed is not None and not self._feed.is_running:
            raise FeedStopped(f"the feed ended by itself; see {self.settings.log_file}")

    def status(self) -> HostStatus:
        """Return the current status; after `close`, the last one."""
        if self._writer is None or self._feed is None:
            if self._last is None:
                raise FeedStopped("the stream is not open")
            return self._last
        with self._guard:
            rows = dict(self._rows)
        seconds = time.monotonic() - self.started
        stats = None if self._sink is None else self._sink.newest
        self._last = HostStatus(seconds, self._feed.status(), self._writer.status(), rows, stats)
        return self._last

    def summary(self) -> str:
        """Summarise the stream in one line."""
        status = self.status()
        rows = ", ".join(f"{n:,} {kind}" for kind, n in status.rows.items() if n)
        return f"{status.seconds:,.0f} s, {rows or 'no rows'}, {status.gaps} gaps"

    def close(self, reason: str = "stopped") -> None:
        """
        Flush what was received, close the file, unlock; raise the first error after all three.

        ``reason`` goes into ``coverage`` as what ended the open intervals.
        """
        errors: list[Exception] = []
        feed, writer, owner = self._feed, self._writer, self._owner
        steps: list[Callable[[], object]] = []
        if feed is not None:
            steps.append(lambda: feed.stop(FEED_STOP_S, reason=reason))
        if writer is not None:
            steps.append(lambda: writer.close(WRITER_CLOSE_S))
        if feed is not None and writer is not None:
            steps.append(self.status)
        if owner is not None:
            steps.append(owner.close)
        for step in steps:
            try:
                step()
            except LeadlineError as exc:
                log.error("closing: %s", exc)  # noqa: TRY400 - a word for a person; the cause is raised
                errors.append(exc)
        self._feed = self._writer = self._owner = None
        if errors:
            raise errors[0]

    def _note(self, commit: Commit) -> None:
        """Count durable rows; called in the writer's thread."""
        with self._guard:
            _add(self._rows, commit.rows)
        if self._feed is not None:
            self._feed.note_commit(commit)


def _add(total: dict[str, int], rows: Rows) -> None:
    for kind in rows.__dataclass_fields__:
        total[kind] = total.get(kind, 0) + int(getattr(rows, kind))
