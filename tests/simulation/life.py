"""
A life as planned, and everything seen of it: what the market said, what the books held, what was stored.

`tests.simulation.promises` judges it, by what is kept in `Seen` and in the database.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from random import Random

from leadline.book.analytics.signal_features import BookView
from leadline.book.errors import BadInput
from leadline.book.rows.batch import Batch
from leadline.book.sync.events import State
from leadline.storage.access.connect import connect
from leadline.storage.handover.succession import open_ends
from leadline.storage.ingest.commit import Commit
from leadline.storage.signals.view import Refusal, look
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from tests.simulation.grammar import OWN_MOVES, SETTLE_S, Move, Plan
from tests.simulation.market import Venue
from tests.simulation.seen import Looked, Seen, template
from tests.simulation.stream import Stream, closing
from tests.simulation.watching import watching
from tests.simulation.world import FIRST_DAY_NS, Body, World, _body, virtual_time

WARM_S, LOOK_S = 60.0, 0.5
LEVELS, BANDS_BPS = 20, (5.0, 25.0)
AWAY_S = 20.0  # a symbol that is dropped comes back after so long


class Life:
    """Lives a plan; `run` once."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self._folder = folder
        start_ns = FIRST_DAY_NS + int(plan.start_s * 1e9)
        self.world = World(plan.seed, start_ns, int(plan.offset_s * 1e9))
        self.streams: list[Stream] = []
        self.current: Stream | None = None
        self._lock = asyncio.Lock()
        self._by_body: dict[Body, Stream] = {}
        self._rng = Random(f"{plan.seed}:life")
        self.seen: Seen

    def run(self) -> Seen:
        """Live it, and return what was seen; the database is closed and whole then."""
        with virtual_time(self.world) as loop, self._watching(), closing(self.streams):
            loop.run_until_complete(self._live())
        return self.seen

    # -- the course ----------------------------------------------------------------------------------

    async def _live(self) -> None:
        plan, world = self.plan, self.world
        venue = Venue(plan, world)
        db = self._path(0)
        db.write_bytes(template())
        self.seen = Seen(plan, world, venue, db)
        await venue.start()
        for each in plan.markets:
            if each.opens_s:
                self._set_status(each.symbol, "BREAK")
        self._begin(db)
        chores = [asyncio.ensure_future(each) for each in (self._sample(), self._look(), self._watch())]
        moves = [asyncio.ensure_future(self._at(move.at_s, move)) for move in plan.moves]
        moves += [
            asyncio.ensure_future(self._open_at(each.opens_s, each.symbol))
            for each in plan.markets
            if each.opens_s
        ]
        await self._until(plan.life_s - SETTLE_S)
        self._calm()
        await self._until(plan.life_s)
        await asyncio.gather(*moves)
        async with self._lock:
            assert self.current is not None
            self.seen.states = self.current.live()
            self.seen.note(f"states {sorted(self.seen.states.items())}")
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await self._end()
        self.seen.failed += [f"stream {s.number}: {s.failed!r}" for s in self.streams if s.failed]
        await venue.stop()

    async def _end(self) -> None:
        stream = self.current
        assert stream is not None
        if self._rng.random() < 0.3:
            self.seen.db = self._path(stream.number + 1)
            stream.kill(self.seen.db)
        else:
            await stream.stop("stopped")
            self.seen.db = stream.db

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self.world.now_s))

    async def _at(self, at_s: float, move: Move) -> None:
        await self._until(at_s)
        self.seen.note(f"move {move.kind} {sorted(move.args.items())}")
        self.seen.faults.append(move.kind)
        try:
            await self._carry_out(move)
        except BadInput as exc:
            self.seen.note(f"not possible: {exc}")

    async def _carry_out(self, move: Move) -> None:
        if move.kind not in OWN_MOVES:
            self._loopback_fault(move)
            return
        does = getattr(self, f"_do_{move.kind}")(**move.args)
        if does is not None:
            await does

    # -- faults --------------------------------------------------------------------------------------

    def _loopback_fault(self, move: Move) -> None:
        args = dict(move.args)
        if args.get("stream") == "trade" and self.plan.kind != "spot":
            args["stream"] = "aggTrade"
        self.seen.venue.inject(Fault(FaultKind(move.kind), **args))

    def _calm(self) -> None:
        """End all faults: whatever the stream needs it can have from now on."""
        venue = self.seen.venue
        self.seen.note("calm")
        venue.calm()
        for stream in self.streams:
            stream.disk.slow_until_s = stream.disk.full_until_s = 0.0
            stream.disk.doubts = 0

    def _do_clock_step(self, seconds: float) -> None:
        self.world.step(seconds)

    def _do_slow_store(self, seconds: float) -> None:
        if self.current is not None:
            self.current.disk.slow_until_s = self.world.now_s + seconds

    def _do_full_disk(self, seconds: float) -> None:
        if self.current is not None:
            self.current.disk.full_until_s = self.world.now_s + seconds

    def _do_doubtful_commit(self, n: int, is_stored: bool) -> None:
        if self.current is not None:
            self.current.disk.doubts, self.current.disk.doubt_is_stored = n, is_stored

    def _do_weather(self, symbol: str, what: str, much: float, seconds: float) -> None:
        self.seen.venue.weather.begin(seconds, symbol, "bookTicker", what, much)

    def _do_lost_trades(self, symbol: str, seconds: float) -> None:
        stream = "trade" if self.plan.kind == "spot" else "aggTrade"
        self.seen.venue.weather.begin(seconds, symbol, stream, "left_out", 0.5)

    def _do_delist(self, symbol: str) -> None:
        self.seen.venue.source.delist(symbol)

    async def _do_drop_symbol(self, symbol: str) -> None:
        async with self._lock:
            stream = self.current
            if stream is not None:
                await stream.core.remove_symbols([symbol])
        await asyncio.sleep(AWAY_S)
        async with self._lock:
            if stream is not None and stream is self.current:
                adding = stream.body.run(lambda: asyncio.ensure_future(stream.core.add_symbols([symbol])))
                await asyncio.gather(adding, return_exceptions=True)

    async def _do_restart(self, how: str, down_s: float) -> None:
        async with self._lock:
            stream = self.current
            assert stream is not None
            db = stream.db
            self.current = None
            if how == "stop":
                await stream.stop("stopped")
            else:
                db = self._kill(stream, is_torn=how == "torn")
            await asyncio.sleep(down_s)
            self._begin(db)

    async def _do_handover(self, dies: str, after_s: float) -> None:
        async with self._lock:
            old, began_s = self.current, self.world.now_s
            assert old is not None
            new = self._make(old.db)
            new.warm()
            marked: dict[str, int] | None = None
            while self.world.now_s < began_s + WARM_S:
                if dies and self.world.now_s >= began_s + after_s:
                    break
                lacks = self._lacks(old, new, marked)
                if not lacks and marked is not None:
                    await old.stop("handover")
                    await self._follow(new)
                    return
                if not lacks:
                    marked = await new.mark()
                    continue
                await asyncio.sleep(LOOK_S)
            if dies == "old":
                self.current = None
                new.db = self._kill(old, is_torn=False)
                if marked is None:
                    await new.mark()
                await self._follow(new)
            else:
                self.seen.note("no handover")
                new.kill(None)

    async def _follow(self, new: Stream) -> None:
        self.current = None
        await new.take_over()
        self.current = new
        self.seen.note(f"handed over to {new.number}")

    def _lacks(self, old: Stream, new: Stream, marked: dict[str, int] | None) -> bool:
        """Whether something is missing before the next step, as `flows.streaming.handover` asks."""
        assert old.owner is not None
        stored = open_ends(old.owner.cursor(), old.core.config.profile.name)
        if not stored:
            return True
        if marked is not None:
            return any(at < marked.get(symbol, -1) for symbol, at in stored.items())
        live = {book.symbol for book in new.core.status().symbols if book.is_live}
        return any(symbol not in live for symbol in stored)

    def _kill(self, stream: Stream, *, is_torn: bool) -> Path:
        """Kill a process; return the database that it leaves. A torn one ends within its last commit."""
        db = self._path(stream.number + 1000)
        before, now = stream.wal_before, stream.wal_bytes()
        assert stream.writer is not None
        writer_id = stream.writer.writer_id
        stream.kill(db)
        if is_torn and now > before:
            wal = db.with_name(db.name + ".wal")
            with wal.open("r+b") as file:
                file.truncate(self._rng.randrange(before, now))
            for key, (turn, _) in list(self.seen.acks.items()):
                if key[0] == writer_id and turn == before:
                    del self.seen.acks[key]
        return db

    # -- processes -----------------------------------------------------------------------------------

    def _path(self, number: int) -> Path:
        return self._folder / f"life-{number}.duckdb"

    def _make(self, db: Path) -> Stream:
        number = len(self.streams) + 1
        stream = Stream(
            self.world,
            self.plan,
            self.seen.venue,
            db,
            number,
            on_batch=self._note_batch,
            on_commit=self._note_commit,
        )
        self._by_body[stream.body] = stream
        self.streams.append(stream)
        return stream

    def _begin(self, db: Path) -> None:
        stream = self._make(db)
        stream.open()
        self.current = stream
        self.seen.note(f"stream {stream.number} opened")

    # -- what is seen --------------------------------------------------------------------------------

    def _note_batch(self, stream: Stream, batch: Batch) -> None:
        for row in batch.events:
            symbol = batch.markets[row.book].symbol
            said = f"{row.from_state}>{row.to_state} {row.reason} {row.expected_id} {row.got_id}"
            self.seen.note(f"s{stream.number} {symbol} {row.ts_ns} {said}")
            seen = (
                self.world.now_s,
                stream.number,
                symbol,
                str(row.from_state),
                str(row.to_state),
                row.reason,
            )
            self.seen.events.append(seen)

    def _note_commit(self, stream: Stream, commit: Commit) -> None:
        assert stream.writer is not None
        rows = commit.rows
        self.seen.acks[stream.writer.writer_id, commit.seq] = (stream.wal_before, rows.diffs)
        self.seen.note(f"s{stream.number} commit {commit.seq} {rows}")

    def _watching(self) -> AbstractContextManager[None]:
        def number() -> int:
            body = _body.get()
            stream = self._by_body.get(body) if body is not None else None
            return stream.number if stream is not None else len(self.streams)

        return watching(lambda: self.seen, number)

    async def _watch(self) -> None:
        """Note since when a book is not LIVE."""
        while True:
            states = {} if self.current is None else self.current.live()
            for symbol in self.plan.symbols:
                if states.get(symbol) == State.LIVE:
                    self.seen.left_live_s.pop(symbol, None)
                else:
                    self.seen.left_live_s.setdefault(symbol, self.world.now_s)
            await asyncio.sleep(0.5)

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(self.plan.sample_every_s)
            if self.current is not None:
                with suppress(Exception):
                    await self.current.core.sample(LEVELS, BANDS_BPS, store=True)

    async def _look(self) -> None:
        """Ask the store what a signal would ask, now and then."""
        while True:
            await asyncio.sleep(self.plan.look_every_s * self._rng.uniform(0.5, 1.5))
            stream = self.current
            if stream is None or stream.owner is None or stream.is_stopping:
                continue
            symbol = self._rng.choice(self.plan.markets).symbol
            wall_ns = self.world.wall_ns()
            at = dt.datetime.fromtimestamp(wall_ns / 1e9, dt.UTC)
            with connect(stream.db) as con:
                found = look(con, stream.core.config.profile.name, symbol, at, stale_s=self.plan.stale_s)
            view = found if isinstance(found, BookView) else None
            said = (
                f"{found.outcome}: {found.reason}"
                if isinstance(found, Refusal)
                else f"view {found.last_id}"
            )
            lag_s = 0.0 if view is None else (wall_ns - view.at_ns) / 1e9
            as_of_s = self.world.now_s - lag_s
            lost_s = as_of_s - self.seen.left_live_s.get(symbol, as_of_s)
            state = stream.live().get(symbol, "WAITING")
            self.seen.looks.append(Looked(self.world.now_s, symbol, view, state, lost_s, said))
            self.seen.note(f"look {symbol} {said}")

    # -- listing -------------------------------------------------------------------------------------

    async def _open_at(self, at_s: float, symbol: str) -> None:
        await self._until(at_s)
        self._set_status(symbol, "TRADING")
        self.seen.note(f"{symbol} opens")

    def _set_status(self, symbol: str, status: str) -> None:
        self.seen.venue.source.set_status(symbol, status)


def live(plan: Plan, folder: Path) -> Seen:
    """Live a plan in ``folder``, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Life(plan, folder).run()
