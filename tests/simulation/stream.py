"""
One process of a stream, as `flows.streaming.host` wires it, without threads: every part is driven in steps.

The feed's core runs on the loop of the life; the writer takes its turns from a task. A kill is a copy of
the database's file and log at that instant, which the next process opens.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from leadline.book.rows.batch import Batch, Market
from leadline.book.synthetic.market import FUTURES_STRIDE
from leadline.storage.access.address import beside
from leadline.storage.access.owner import Owner
from leadline.storage.handover.cut import Cutter
from leadline.storage.handover.holding import Holding
from leadline.storage.handover.succession import SymbolEnd, ends
from leadline.storage.ingest.commit import Commit
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.trades import newest_trades
from leadline.tasks.feed.core import Core
from leadline.tasks.feed.requests.needs import NeedQueue
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.stats import StatsBucket
from leadline.tasks.venues.common.rest import Reply, Rest
from leadline.tasks.venues.registry import loopback
from tests.simulation.grammar import Plan
from tests.simulation.market import Venue
from tests.simulation.world import Body, World

CATCH_UP_S, LOOK_S = 5.0, 0.02
NO_ROOM = 1 << 62
MOST_BACKFILLED = 5_000


@dataclass(slots=True)
class Disk:
    """What stands between the writer and the disk; times of the life, in seconds."""

    slow_until_s: float = 0.0
    full_until_s: float = 0.0
    doubts: int = 0  # commits that fail …
    doubt_is_stored: bool = False  # … after they were carried out


class Doubtful:
    """A connection whose next commits end in an error that breaks the instance, carried out or not."""

    def __init__(self, con: duckdb.DuckDBPyConnection, disk: Disk) -> None:
        self._con = con
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def commit(self) -> None:
        """Commit, or break."""
        if not self._disk.doubts:
            self._con.commit()
            return
        self._disk.doubts -= 1
        if self._disk.doubt_is_stored:
            self._con.commit()
        raise duckdb.FatalException("the database has been invalidated (planned)")


class Stream:
    """A process: `open` or `warm` and `take_over`; then `stop` or `kill`."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        venue: Venue,
        db: Path,
        number: int,
        *,
        on_batch: Callable[[Stream, Batch], None],
        on_commit: Callable[[Stream, Commit], None],
    ) -> None:
        self.world, self.plan, self.venue, self.db, self.number = world, plan, venue, db, number
        self.body = Body()
        self.disk = Disk()
        self.markets: list[Market] = []
        self.is_dead = False
        self.is_stopping = False
        self.failed: BaseException | None = None
        self.core: Core
        self.owner: Owner | None = None
        self.writer: Writer | None = None
        self._holding: Holding | None = None
        self._on_batch, self._on_commit = on_batch, on_commit
        self._turns: asyncio.Task[None] | None = None
        self._rng = Random(f"{plan.seed}:stream:{number}")
        self.wal_before = 0  # size of the log as the newest transaction began

    # -- life ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Own the database and begin to stream."""
        self._start_writer()
        assert self.writer is not None
        self._start_core(self.writer)

    def warm(self) -> None:
        """Follow the venue without the database."""
        self._holding = Holding(self.markets, make_batch=self._make_batch)
        self._start_core(self._holding)

    async def mark(self) -> dict[str, int]:
        """Keep rows back from here on."""
        assert self._holding is not None
        holding = self._holding
        return await self.core.mark(holding.hold, lambda: holding.seeds)

    async def take_over(self) -> None:
        """Own the database and store what was kept back, cut to where the stored rows end."""
        assert self._holding is not None
        self._start_writer()
        assert self.writer is not None
        assert self.owner is not None
        found = ends(self.owner.cursor(), self.core.config.profile.name)
        await self._catch_up(found.symbols)
        self._holding.release(self.writer, Cutter(self.markets, found))

    async def stop(self, reason: str) -> None:
        """End in order; what is queued is stored first."""
        self.is_stopping = True
        await self.core.stop(5.0, reason)
        if self._turns is not None:
            await self._turns
        self._close()

    def kill(self, copy_to: Path | None) -> None:
        """End at once; what a kill leaves on the disk goes to ``copy_to``."""
        self.is_dead = True
        if self.owner is not None and copy_to is not None:
            for suffix in ("", ".wal"):
                file = beside(self.db, suffix) if suffix else self.db
                if file.exists():
                    shutil.copyfile(file, beside(copy_to, suffix) if suffix else copy_to)
        self.body.kill()
        self._close()

    def wal_bytes(self) -> int:
        """Return the size of the log."""
        return self.owner.wal_bytes() if self.owner is not None else 0

    def live(self) -> dict[str, str]:
        """Return the state of each book."""
        return {symbol: str(book.state) for symbol, book in self.core.router.books.items()}

    # -- parts ---------------------------------------------------------------------------------------

    def _start_core(self, sink: Any) -> None:
        plan, world = self.plan, self.world
        ws_url, rest_url = self.venue.urls
        profile = loopback(plan.kind, ws_url=ws_url, rest_url=rest_url)
        config = FeedConfig(
            profile=profile,
            symbols=plan.symbols,
            engine=plan.engine,  # type: ignore[arg-type]
            flush_every_s=plan.flush_every_s,
            check_every_s=0.5,
            status_every_s=plan.status_every_s,
            audit_every_s=plan.audit_every_s,
            backfill_trades=MOST_BACKFILLED,
            trades_stored={} if self.owner is None else newest_trades(self.owner.cursor(), profile.name),  # type: ignore[arg-type]
            backoff_cap_s=10.0,
            legs=plan.legs,
            bans_file=self.db.with_name("bans.json"),
            clock=world.ours,
        )
        stats = StatsBucket(profile.name)
        make = partial(
            Core, config, _Tapped(self, sink), NeedQueue(), stats, rng=self._rng, host_grace_s=0.0
        )
        self.core = self.body.run(make)
        if plan.snapshot_lag:
            ids = plan.snapshot_lag * (1 if plan.kind == "spot" else FUTURES_STRIDE)
            self.core._auditor._rest = Lagging(self.core._rest, ids)  # type: ignore[assignment]
        self.body.run(self.core.start)

    def _start_writer(self) -> None:
        self.owner = Owner(self.db)
        self.writer = Writer(
            self.owner,
            self.markets,
            on_commit=self._note,
            make_batch=self._make_batch,
            min_free_bytes=0,
            clock_ns=self.world.wall_ns,
            mono_s=lambda: self.world.mono_ns() / 1e9,
        )
        make_cursor = self.owner.cursor
        self.writer._cursor = lambda: self._cursor(make_cursor)  # type: ignore[method-assign]
        self.wal_before = self.wal_bytes()  # what another stream left in the log is not ours to tear
        self._turns = self.body.run(lambda: asyncio.get_running_loop().create_task(self._write()))

    def _cursor(self, make: Callable[[], duckdb.DuckDBPyConnection]) -> Any:
        assert self.writer is not None
        if self.writer._con is None:
            self.writer._con = Doubtful(make(), self.disk)  # type: ignore[assignment]
        return self.writer._con

    def _make_batch(self, markets: list[Market]) -> Batch:
        rooms = (48, 2_048, 64, 128) if self.plan.small_batches else (1_024, 32_768, 2_048, 4_096)
        names = ("diff_rows", "level_rows", "trade_rows", "ticker_rows")
        return Batch(markets, **dict(zip(names, rooms, strict=True)))

    async def _write(self) -> None:
        """Be the writer's thread: a turn every so often, as the disk allows."""
        assert self.writer is not None
        try:
            while not (self.is_stopping and not self.writer.status().queued):
                await asyncio.sleep(0.05 if self.is_stopping else self.plan.store_every_s)
                if self.world.now_s < self.disk.slow_until_s:
                    await asyncio.sleep(self.disk.slow_until_s - self.world.now_s)
                self._look_at_disk()
                self.wal_before = self.wal_bytes()
                for wait_s in self.writer.turn():
                    await asyncio.sleep(wait_s)
                    self._look_at_disk()
        except (duckdb.Error, Exception) as exc:  # noqa: BLE001 - what stops a writer is told
            self.failed = exc

    def _look_at_disk(self) -> None:
        assert self.writer is not None
        self.writer._min_free_bytes = NO_ROOM if self.world.now_s < self.disk.full_until_s else 0

    async def _catch_up(self, found: dict[str, SymbolEnd]) -> None:
        deadline_s = self.world.now_s + CATCH_UP_S
        while behind := [
            book.symbol
            for book in self.core.status().symbols
            if book.is_live and book.last_id < found.get(book.symbol, SymbolEnd()).last_id
        ]:
            if self.world.now_s > deadline_s:
                await self.core.start_anew(behind, "handover")
                break
            await asyncio.sleep(LOOK_S)
        while not await self.core.flush() and self.world.now_s < deadline_s + CATCH_UP_S:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    def _note(self, commit: Commit) -> None:
        if commit.oldest_recv_ns:
            self.core._stats.note_durable(commit.committed_ns - commit.oldest_recv_ns)
        self.core.latencies.note_durable(commit.batch, commit.committed_ns)
        self._on_commit(self, commit)

    def tapped(self, batch: Batch) -> None:
        """Look at a batch on its way to the sink."""
        self._on_batch(self, batch)

    def _close(self) -> None:
        if self.writer is not None:
            self.writer._drop_cursor()
        if self.owner is not None:
            self.owner.close()
        self.owner = None


class Lagging:
    """REST for audits, at a venue whose snapshots bear older ids than what they list."""

    def __init__(self, rest: Rest, ids: int) -> None:
        self.governor = rest.governor
        self._rest, self._ids = rest, ids

    async def depth(self, symbol: str, limit: int) -> Reply:
        """Fetch a book; its id is one of some time before."""
        reply = await self._rest.depth(symbol, limit)
        body = json.loads(reply.body)
        body["lastUpdateId"] -= self._ids
        return replace(reply, body=json.dumps(body, separators=(",", ":")).encode())


class _Tapped:
    """The sink of a feed; after a kill nothing goes through."""

    def __init__(self, stream: Stream, sink: Any) -> None:
        self._stream, self._sink = stream, sink
        self.status = sink.status

    def take(self) -> Batch | None:
        """Give an empty batch."""
        return None if self._stream.is_dead else self._sink.take()

    def submit(self, batch: Batch) -> None:
        """Pass a batch on."""
        if not self._stream.is_dead:
            self._stream.tapped(batch)
            self._sink.submit(batch)


@contextmanager
def closing(streams: list[Stream]) -> Iterator[None]:
    """End whatever still runs as the block ends."""
    try:
        yield
    finally:
        for stream in streams:
            if not stream.is_dead:
                stream.kill(None)
