"""
The feed on its loop: lines, books, seeds, timers. `tasks.feed.thread` is its thread-safe face.

    Line ──frames──> Router ──rows──> sink
      │                └──events──> Seeds ──needs──> Desk ──> host, or the feed itself
      └──lost──> books leave, need to connect ──────^
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

from leadline.book.engine.factory import make_book
from leadline.book.engine.live import LiveBook
from leadline.book.errors import LeadlineError
from leadline.book.rows.batch import Batch, DepthSample, Market, SeedRow
from leadline.book.sync.events import State
from leadline.tasks.feed.connections.approach import Approach
from leadline.tasks.feed.connections.handover import mark_books
from leadline.tasks.feed.connections.lag import LagWatch
from leadline.tasks.feed.connections.line import Line
from leadline.tasks.feed.connections.lines import Lines
from leadline.tasks.feed.requests.audit import Auditor
from leadline.tasks.feed.requests.backfill import Backfiller
from leadline.tasks.feed.requests.needs import Need, NeedQueue
from leadline.tasks.feed.requests.runner import Desk
from leadline.tasks.feed.requests.seeds import Seeds
from leadline.tasks.feed.requests.silences import Silences
from leadline.tasks.feed.routing.addresses import Addresses
from leadline.tasks.feed.routing.clock import ClockWatch
from leadline.tasks.feed.routing.config import FeedConfig, FeedSink, FeedStatus
from leadline.tasks.feed.routing.latency import Latencies
from leadline.tasks.feed.routing.liveness import LineSilent, Resubscribe, Silent, Verdict
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.feed.routing.stats import Now, StatsBucket, Totals
from leadline.tasks.feed.routing.steps import ClockSteps
from leadline.tasks.feed.symbols import Symbols
from leadline.tasks.net.bans import Bans
from leadline.tasks.net.limits import AttemptBudget, WeightGovernor
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")

SAMPLES_A_TURN = 16  # books looked at before the loop turns to the socket again
DRAIN_TURN_S = 0.01


class Core:
    """Everything of the feed that runs on its event loop."""

    def __init__(
        self,
        config: FeedConfig,
        sink: FeedSink,
        queue: NeedQueue,
        stats: StatsBucket,
        *,
        rng: Random,
        host_grace_s: float,
    ) -> None:
        self.config = config
        self.totals = Totals()
        self._queue = queue
        self._stats = stats
        self._rng = rng
        clock, profile = config.clock, config.profile
        self._sink = sink
        self.router = Router(
            *(None, (), sink, profile),
            make_book=self._make_book,
            on_submit=self._note_batch,
            steps=ClockSteps(profile.name, clock),
        )
        self._governor = WeightGovernor(profile.weight_per_minute, clock.mono_s)
        self._addresses = Addresses(profile.name, self.router, clock)
        self._bans = Bans(config.bans_file, clock)
        self._rest = Rest(
            profile,
            self._governor,
            clock,
            timeout_s=config.rest_timeout_s,
            bans=self._bans,
            notes=self._addresses,
        )
        self._desk = Desk(self._work, queue, config=config, rng=rng, host_grace_s=host_grace_s)
        self._lines = Lines(config, self._make_line)
        self._seeds = Seeds(
            self.router,
            self._rest,
            self._desk,
            config=config,
            totals=self.totals,
            ask_anew=self._lines.ask_depth_anew,
            on_unknown=self._doubt,
        )
        self._symbols = Symbols(config, self.router, self._rest, self._lines, self._seeds, self._desk)
        self._clock = ClockWatch(profile.name, self._rest, clock)
        self.latencies = Latencies(lambda: self.router.markets)
        self._auditor = Auditor(self.router, self._rest, self._seeds, config=config)
        self._backfiller = Backfiller(self.router, self._rest, config=config)
        self._attempts = AttemptBudget(
            clock.mono_s, limit=profile.attempts, window_s=profile.attempts_window_s
        )
        self._silences = Silences(self.router, self._rest, config)
        self._lags: dict[str, LagWatch] = {}  # by line
        self._timers: list[asyncio.Task[None]] = []
        self._is_stopped = False

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; returns at once."""
        config = self.config
        self._stats.begin(config.clock.wall_ns(), config.clock.mono_ns())
        self._symbols.start(config.symbols)
        for every_s, do in (
            (config.flush_every_s, self.flush),
            (config.check_every_s, self._check),
            (config.stats_every_s, self._count),
            (config.check_every_s, self._symbols.listing.tend),
            (config.clock_every_s, self._ask_clock),
            (config.check_every_s, self._backfiller.tend),
        ):
            self._timers.append(asyncio.get_running_loop().create_task(self._every(every_s, do)))
        self._timers.append(asyncio.get_running_loop().create_task(self._ask_clock_first()))
        self._timers.append(asyncio.get_running_loop().create_task(self._auditor.run()))

    async def stop(self, drain_s: float, reason: str) -> None:
        """End in order: read no more, leave the books, hand over the last batch."""
        self._is_stopped = True
        for timer in self._timers:
            timer.cancel()
        await asyncio.wait(self._timers)
        await self._desk.stop()
        await self._silences.stop()
        for _ in range(int(drain_s / DRAIN_TURN_S)):
            if all(line.oldest_held_ns is None for line in self._lines):
                break
            await asyncio.sleep(DRAIN_TURN_S)  # frames already read are brought home by `Line`
        for line in self._lines:
            await line.close()
        ts_ns = self.config.clock.wall_ns()
        for book in self.router.books.values():
            book.leave(reason, ts_ns, self.router.batch)
        self.router.flush()  # so that the last bucket counts these rows
        await self._count()
        self.router.batch.through_ns = self._through_ns()
        self.router.finish()
        await self._rest.close()

    # -- symbols ---------------------------------------------------------------------------------

    async def add_symbols(self, symbols: Sequence[str]) -> None:
        """Carry more symbols, each once it is listed."""
        await self._symbols.add(symbols)

    def _doubt(self, symbol: str) -> None:
        """Ask soon whether a symbol is listed that the venue does not know."""
        self._symbols.listing.doubt(symbol)

    async def remove_symbols(self, symbols: Sequence[str], why: str = "removed") -> None:
        """Carry these symbols no more; their books leave."""
        await self._symbols.remove(symbols, why)

    def _make_line(self, name: str, carries: StreamKind) -> Line:
        told = self._attempts, self._rng, self._bans, self._addresses
        approach = Approach(name, carries, self.config, *told)
        return Line(
            name,
            carries,
            config=self.config,
            router=self.router,
            approach=approach,
            totals=self.totals,
            rng=self._rng,
            on_told=self._seeds.hear,
            on_lost=self._lost,
        )

    def _make_book(self, index: int, market: Market) -> LiveBook:
        config = self.config
        return make_book(
            index,
            market,
            config.profile.spec,
            engine=config.engine,
            max_levels=config.max_levels,
            buffer_limit=config.buffer_limit,
            time_unit_ns=config.profile.time_unit_ns,
            mono_ns=config.clock.mono_ns,
        )

    # -- needs -----------------------------------------------------------------------------------

    async def perform(self, need: Need) -> None:
        """Make one attempt at a need, for the host."""
        await self._desk.perform(need)

    async def _work(self, need: Need) -> None:
        if need.kind == "resync":
            await self._seeds.fetch(need)
            return
        for line in self._lines:
            if line.need is need:
                await self._symbols.connect(line)

    def _lost(self, line: Line, why: str) -> None:
        """Act on a session's end: the books it carried leave, and a new session is needed."""
        if line.carries is StreamKind.DEPTH:
            self._drop_books(line.symbols, "session_lost", f"session lost: {why}")
        if not self._is_stopped and (line.need is None or line.need.is_over):
            self._symbols.need_connection(line, why)

    # -- handing over ----------------------------------------------------------------------------

    async def mark(
        self, hold: Callable[[], None], seeds: Callable[[], dict[int, SeedRow]]
    ) -> dict[str, int]:
        """Begin to keep rows, each LIVE book from a seed of its own; see `Feed.mark`."""
        self.router.flush()
        hold()
        self._symbols.listing.tell_all()
        return await mark_books(self.router, seeds(), self.config.clock.wall_ns)

    async def start_anew(self, symbols: Sequence[str], why: str) -> None:
        """Drop these books; their next diffs begin them again."""
        self._drop_books(symbols, why, why)

    def _drop_books(self, symbols: Sequence[str], reason: str, why: str) -> None:
        """Drop books for a reason that no frame shows; a recording is told, for replay to do the same."""
        ts_ns = self.config.clock.wall_ns()
        carried = [symbol for symbol in symbols if symbol in self.router.books]
        if self.config.tap is not None and carried:
            self.config.tap.left(carried, reason, ts_ns)
        for symbol in carried:
            self.router.books[symbol].leave(reason, ts_ns, self.router.batch)
            self._seeds.void(symbol, why)

    async def flush(self) -> bool:
        """Hand over what there is; False if the sink is full."""
        self.router.batch.through_ns = self._through_ns()
        return self.router.flush()

    def _through_ns(self) -> int:
        """Return until when the books have taken in all that was received; call it between two reads."""
        held = [line.oldest_held_ns for line in self._lines]
        return min([self.config.clock.wall_ns(), *(ns for ns in held if ns is not None)])

    # -- timers ----------------------------------------------------------------------------------

    async def _every(self, every_s: float, do: Callable[[], Awaitable[object]]) -> None:
        """Call ``do`` again and again; what it raises is told, and the next turn comes."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await do()
            except LeadlineError as exc:
                self._desk.last_error = str(exc)
                log.warning("%s", exc)
            except Exception:  # the timer's outer door: one bad turn must not end it
                log.exception("a timer of the feed failed; it goes on")

    async def _check(self) -> None:
        for line in self._lines:
            for verdict in line.check():
                self._act_on(line, verdict)
            self._look_for_lag(line)
            self._seek(line)

    def _seek(self, line: Line) -> None:
        """Have those books seeded whose streams are being sent and have brought no diff: quiet ones."""
        config, profile = self.config, self.config.profile
        if profile.seeds_in_stream or line.carries is not StreamKind.DEPTH:
            return
        for symbol in line.symbols:
            book = self.router.books.get(symbol)
            if book is None or book.state is not State.WAITING:
                continue
            if line.sent_for_s(profile.stream(symbol, StreamKind.DEPTH)) >= config.seek_after_s:
                told = book.seek(config.clock.wall_ns(), self.router.batch)
                self._seeds.hear([(book, event) for event in told])

    def _look_for_lag(self, line: Line) -> None:
        newest, line.newest = line.newest, None
        if newest is None or not line.is_up or line.oldest_held_ns is not None:
            return
        config = self.config
        watch = self._lags.setdefault(line.name, self._lag_watch())
        late_s = watch.is_due(*newest, self._clock.best, config.clock.mono_ns())
        if late_s is not None:
            log.warning(
                "%s: everything comes %.1f s late, going over to another connection", line.name, late_s
            )
            line.leave(f"lag of {late_s:.1f} s")

    def _lag_watch(self) -> LagWatch:
        config, profile = self.config, self.config.profile
        return LagWatch(config.lag_s, config.lag_for_s, profile.adapter.event_time, profile.time_unit_ns)

    def _act_on(self, line: Line, verdict: Verdict) -> None:
        if isinstance(verdict, Silent):
            book = self.router.books.get(verdict.symbol)
            if book is not None:
                log.warning("%s: depth silent for %.1f s", verdict.symbol, verdict.for_s)
                book.mark_stale(self.config.clock.wall_ns(), self.router.batch)
        elif isinstance(verdict, LineSilent):
            self._silences.look_into(line, verdict)
        elif isinstance(verdict, Resubscribe):
            log.warning("%s: still silent, asking for %s anew", verdict.symbol, verdict.stream)
            line.ask_anew(verdict.stream)

    async def _ask_clock(self) -> None:
        self.router.batch.clocks.append(await self._clock.ask())

    async def _ask_clock_first(self) -> None:
        try:
            await self._ask_clock()
        except LeadlineError as exc:
            log.warning("%s", exc)

    def _note_batch(self, batch: Batch) -> None:
        self._stats.note_batch(batch)
        self._clock.note_batch(batch)
        self.latencies.note_batch(batch, self._clock.best)
        self._auditor.note_batch(batch)
        self._backfiller.note_batch(batch)

    async def _count(self) -> None:
        """Close a bucket of figures; its row travels with the rows it counts."""
        config = self.config
        self.totals.bad_frames = self.router.bad_frames
        queue = self._sink.status()
        now = Now(
            live_symbols=sum(status.is_live for status in self._symbols.statuses()),
            symbols=len(self._symbols.wanted),
            queue_batches=queue.queued,
            queue_limit=queue.limit,
            offset=self._clock.best,
        )
        row = self._stats.close(self.totals, now, config.clock.wall_ns(), config.clock.mono_ns())
        self.router.batch.stats.append(row)
        rows = self.latencies.close(config.clock.wall_ns(), self._clock.best, is_last=self._is_stopped)
        self.router.batch.latencies += rows
        for line in self._lines:
            self.router.batch.legs += line.beside.ledger.close(row.venue, row.ts_ns, row.bucket_s)

    # -- for people ------------------------------------------------------------------------------

    async def sample(self, n: int, bands_bps: Sequence[float], *, store: bool) -> list[DepthSample]:
        """Look at every book; with ``store`` the samples are on their way to the store already."""
        samples: list[DepthSample] = []
        for count, symbol in enumerate(list(self._symbols.wanted), start=1):
            book = self.router.books.get(symbol)
            if book is not None:
                sample = book.sample(n, bands_bps, self.config.clock.wall_ns())
                samples.append(sample)
                if store:
                    self.router.batch.samples.append(sample)
            if count % SAMPLES_A_TURN == 0:
                await asyncio.sleep(0)
        return samples

    def status(self) -> FeedStatus:
        """Tell where the feed stands."""
        lines = [line for line in self._lines if line.width]
        up = sum(line.is_up for line in lines)
        best = self._clock.best
        return FeedStatus(
            state="stopped"
            if self._is_stopped
            else "streaming"
            if lines and up == len(lines)
            else "connecting",
            symbols=tuple(self._symbols.statuses()),
            lines_up=up,
            lines=len(lines),
            frames=self.totals.frames,
            bytes=self.totals.bytes,
            bad_frames=self.router.bad_frames,
            unrecognised=self.router.unrecognised,
            sessions=self.totals.sessions,
            takeovers=self.totals.takeovers,
            audits=replace(self._auditor.counts),
            legs=tuple(leg for line in self._lines for leg in line.beside.legs()),
            resyncs=self.totals.resyncs,
            open_needs=self._desk.open_needs,
            is_paused=any(line.oldest_held_ns is not None for line in self._lines),
            used_weight=self._governor.used,
            clock_offset_us=None if best is None else best.offset_ns / 1000,
            clock_error_us=None if best is None else best.error_ns / 1000,
            last_error=self._desk.last_error,
            last_bad_frame=self.router.last_bad,
        )
