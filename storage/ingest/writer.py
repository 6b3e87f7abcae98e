"""
The one thread that writes what arrives: a bounded pool of batches, a transaction for what is queued.

    take() ──> caller fills ──> submit() ──> queue ──> one transaction ──> on_commit ──> back to the pool
      └ None: every batch is queued or in work; the caller waits or stops reading, nothing is dropped

What may happen in between, and what is done about it:

    no space left          rolled back; tried again with growing waits; ``status().state`` is "full"
    instance invalidated   (disk full in a checkpoint) closed, opened and served anew, then replayed
    commit of unknown fate ``ingest_batches`` says whether it is in
    write conflict         tried again; after some seconds the sessions of clients are ended
    anything else          the writer stops: "failed"; `submit`, `drain` and `close` raise `StoreBroken`

A batch is acknowledged when ``on_commit`` is called with it: its COMMIT had returned.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeAlias, TypeVar

import duckdb

from leadline.book.rows.batch import Batch, Market
from leadline.storage.access.owner import Owner, is_disk_full
from leadline.storage.access.upkeep import Pace, Upkeep
from leadline.storage.errors import StoreBroken, StoreError, StoreFull
from leadline.storage.ingest.commit import Commit, WriterState, WriterStatus
from leadline.storage.ingest.coverage import Tracker
from leadline.storage.ingest.disk import MIN_FREE_BYTES, check_room
from leadline.storage.ingest.tables import count_rows, oldest_recv_ns
from leadline.storage.ingest.trade_runs import TradeRuns
from leadline.storage.ingest.transaction import Ingest, Numbered, Plans

MAX_LEVELS_PER_COMMIT = 1_000_000  # bounds the pause of one transaction to about a second
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
CONFLICT_PATIENCE_S = 1.6  # the wait reached after 3 s of conflicts
WAL_LIMIT_BYTES = 320 * 1024 * 1024  # ten times the checkpoint threshold: something blocks checkpoints
RECYCLE_EVERY_S = 60.0

T = TypeVar("T")
Job: TypeAlias = Callable[[duckdb.DuckDBPyConnection], T]


class Writer:
    """
    Writes batches of ``markets`` to ``owner``'s database from a thread of its own.

    ``clock_ns`` gives ns since 1970, ``mono_s`` measures waits. ``take``, ``submit``, ``drain``, ``run``
    and ``status`` may be called from any thread. ``on_commit`` is called in the writer's thread and must
    be quick. A writer that is not started writes when somebody calls `turn`. ``is_recorded``: what it
    writes may be older than what is stored.
    """

    def __init__(
        self,
        owner: Owner,
        markets: list[Market],
        *,
        limit_batches: int = 12,
        on_commit: Callable[[Commit], None] | None = None,
        make_batch: Callable[[list[Market]], Batch] = Batch,
        min_free_bytes: int = MIN_FREE_BYTES,
        clock_ns: Callable[[], int] = time.time_ns,
        mono_s: Callable[[], float] = time.monotonic,
        is_recorded: bool = False,
    ) -> None:
        self.writer_id = uuid.uuid4().hex
        self._owner = owner
        self._markets = markets
        self._limit = limit_batches
        self._on_commit = on_commit
        self._make_batch = make_batch
        self._min_free_bytes = min_free_bytes
        self._clock_ns, self._mono_s = clock_ns, mono_s
        self._ingest = Ingest(self.writer_id, markets)
        self._tracker, self._trade_runs = Tracker(markets, is_recorded=is_recorded), TradeRuns(markets)
        with owner.cursor() as con:
            self._trade_runs.load(con)
            self._tracker.load(con)
        self._upkeep, self._pace = Upkeep(owner.memory_limit), Pace()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._change = threading.Condition()
        self._free: list[Batch] = []
        self._made = 0
        self._queue: deque[Batch] = deque()
        self._jobs: deque[Callable[[], None]] = deque()
        self._seq = self._in_work = 0
        self._diffs = self._levels = self._transactions = 0
        self._worst_s = 0.0
        self._recycled_s = float("-inf")
        self._state: WriterState = "running"
        self._trouble: str | None = None
        self._error: BaseException | None = None
        self._closing = self._give_up = False
        self._thread = threading.Thread(target=self._run, name="leadline-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def take(self) -> Batch | None:
        """Return an empty batch to fill, or None when all are queued: the store is behind."""
        with self._change:
            if self._free:
                return self._free.pop()
            if self._made >= self._limit:
                return None
            self._made += 1
        return self._make_batch(self._markets)

    def submit(self, batch: Batch) -> None:
        """Hand a batch over; it must not be touched after. Raises `StoreBroken` when the writer failed."""
        with self._change:
            self._raise_if_failed()
            if self._state == "closed":
                raise StoreBroken("the writer was closed; this batch came too late")
            if batch.is_empty:
                self._free.append(batch)
            else:
                self._queue.append(batch)
            self._change.notify_all()

    def adopt(self, batches: int) -> None:
        """Count batches that somebody else made and will submit; the pool shrinks back to its limit."""
        with self._change:
            self._made += batches

    def run(self, job: Job[T]) -> Future[T]:
        """Run ``job(connection)`` in the writer's thread between two transactions."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job(self._cursor()))
            except BaseException as exc:  # noqa: BLE001  handed to whoever asked
                self._rollback()
                future.set_exception(exc)

        with self._change:
            self._raise_if_failed()
            if self._closing:
                raise StoreBroken("the writer is closing; it takes no more jobs")
            self._jobs.append(work)
            self._change.notify_all()
        return future

    def drain(self, timeout_s: float) -> bool:
        """Wait until all that was submitted is durable; False if that took longer than ``timeout_s``."""
        with self._change:
            done = self._change.wait_for(
                lambda: self._error is not None or not (self._queue or self._in_work or self._jobs),
                timeout_s,
            )
            self._raise_if_failed()
            return done

    def status(self) -> WriterStatus:
        """Look at the writer; never waits for the disk."""
        with self._change:
            queued = len(self._queue) + self._in_work
            return WriterStatus(
                state=self._state,
                queued=queued,
                limit=self._limit,
                committed=self._seq - self._in_work,
                diffs=self._diffs,
                levels=self._levels,
                transactions=self._transactions,
                worst_transaction_s=self._worst_s,
                last_error=self._trouble,
            )

    def close(self, timeout_s: float = 60.0) -> None:
        """
        Store what is queued and stop; twice is once.

        Raises `StoreBroken` when the writer failed, `StoreFull` with the count of batches that could not
        be stored within ``timeout_s`` seconds.
        """
        with self._change:
            self._closing = True
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            with self._change:
                self._give_up = True
                self._change.notify_all()
            self._thread.join()
        self._raise_if_failed()
        left = len(self._queue) + self._in_work
        self._state = "closed"
        if left:
            raise StoreFull(f"{left} batches could not be stored: {self._trouble or 'not started'}")

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise StoreBroken(f"the writer stopped: {self._error}") from self._error

    def _run(self) -> None:
        try:
            while self._await_work():
                for wait_s in self.turn():
                    self._wait(wait_s)
        except _GaveUp:
            pass
        except BaseException as exc:  # noqa: BLE001  the thread's outer door: kept, and raised to callers
            with self._change:
                self._state = "failed"
                self._error = exc
                self._trouble = f"{type(exc).__name__}: {exc}"
        finally:
            self._drop_cursor()
            with self._change:
                self._change.notify_all()

    def turn(self) -> Iterator[float]:
        """
        Store what is queued and run the jobs that wait; yield the seconds to wait before each further try.

        This is what the thread does again and again; call it only on a writer that was not started. What
        there is no plan for is raised.
        """
        batches, jobs = self._next()
        if batches:
            yield from self._store(batches)
        for job in jobs:
            job()

    def _await_work(self) -> bool:
        """Wait for work; False when closing and all is done."""
        with self._change:
            self._change.wait_for(lambda: self._queue or self._jobs or self._closing)
            self._change.wait_for(self._is_pressed, self._pace.left_s(self._mono_s()))
            return not self._give_up and bool(self._queue or self._jobs)

    def _next(self) -> tuple[list[Batch], list[Callable[[], None]]]:
        with self._change:
            batches: list[Batch] = []
            levels = 0
            while self._queue and (not batches or levels < MAX_LEVELS_PER_COMMIT):
                batches.append(self._queue.popleft())
                levels += count_rows(batches[-1]).levels
            self._in_work = len(batches)
            self._seq += len(batches)
            jobs = list(self._jobs)
            self._jobs.clear()
            return batches, jobs

    def _is_pressed(self) -> bool:
        return bool(self._jobs or self._closing or 4 * len(self._queue) >= self._limit)

    def _store(self, batches: list[Batch]) -> Iterator[float]:
        first = self._seq - len(batches) + 1
        plans = Plans(self._tracker.plan(batches), self._trade_runs.plan(batches))
        group = [
            Numbered(first + at, batch, count_rows(batch, keep), oldest_recv_ns(batch))
            for at, (batch, keep) in enumerate(zip(batches, plans.trades.keeps, strict=True))
        ]
        rows = sum(one.rows.diffs + one.rows.trades + one.rows.tickers for one in group)
        self._pace.note(rows, self._mono_s())
        began = time.perf_counter()
        yield from self._until_stored(group, plans)
        seconds = time.perf_counter() - began
        committed_ns = self._clock_ns()
        if self._on_commit is not None:
            for one in group:
                self._on_commit(
                    Commit(one.seq, one.rows, one.oldest_recv_ns, committed_ns, seconds, one.batch)
                )
        for batch in batches:
            batch.clear()
        with self._change:
            self._in_work = 0
            self._transactions += 1
            self._worst_s = max(self._worst_s, seconds)
            self._diffs += sum(one.rows.diffs for one in group)
            self._levels += sum(one.rows.levels for one in group)
            self._state, self._trouble = "running", None
            for batch in batches:
                if self._made > self._limit:
                    self._made -= 1
                else:
                    self._free.append(batch)
            self._change.notify_all()
        self._upkeep.tend(self._cursor(), self._owner.wal_bytes(), self._mono_s())
        if self._upkeep.is_worn(rows):
            yield from self._reopen()

    def _until_stored(self, group: Sequence[Numbered], plans: Plans) -> Iterator[float]:
        """Try until the group is in the store, a wait between; raises what there is no plan for."""
        tables = self._ingest.tables(group, plans, self._clock_ns())
        wait_s = FIRST_WAIT_S
        in_doubt = False
        while True:
            try:
                con = self._cursor()
                if in_doubt and self._ingest.is_stored(con, group[0].seq):
                    break
                in_doubt = False
                check_room(self._owner.db, self._min_free_bytes)
                con.begin()
                self._ingest.write(con, tables, plans)
                in_doubt = True
                con.commit()
                break
            except (duckdb.Error, StoreError) as exc:
                self._rollback()
                if isinstance(exc, duckdb.TransactionException) and "onflict" in str(exc):
                    # Somebody else's transaction holds a coverage row, perhaps that of a dead client.
                    self._note("running", exc)
                    self._recycle_if_due(wait_s >= CONFLICT_PATIENCE_S)
                elif isinstance(exc, duckdb.ConnectionException) and self._owner.is_open:
                    in_doubt = True  # the file was opened anew beneath us
                    self._drop_cursor()
                    continue
                elif _is_invalid(exc):
                    in_doubt = True
                    self._note("reopening", exc)
                    yield from self._reopen()
                    continue
                elif isinstance(exc, StoreFull) or is_disk_full(exc):
                    self._note("full", exc)
                else:
                    raise
            yield wait_s
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self._tracker.keep(plans.books)
        self._trade_runs.keep(plans.trades)
        self._ingest.keep(tables)
        self._recycle_if_due(self._owner.wal_bytes() > WAL_LIMIT_BYTES)

    def _recycle_if_due(self, blocked: bool) -> None:
        """End the sessions of clients when something of theirs seems to stand in the way."""
        if blocked and self._mono_s() - self._recycled_s > RECYCLE_EVERY_S:
            self._recycled_s = self._mono_s()
            self._owner.recycle()

    def _reopen(self) -> Iterator[float]:
        """Open the file anew, for as long as it takes, a wait between."""
        wait_s = FIRST_WAIT_S
        while True:
            self._drop_cursor()
            try:
                self._owner.reopen()
            except (StoreError, duckdb.Error, OSError) as exc:
                self._note("reopening", exc)
                yield wait_s
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                return

    def _note(self, state: WriterState, exc: BaseException) -> None:
        with self._change:
            self._state = state
            self._trouble = f"{type(exc).__name__}: {exc}"

    def _wait(self, seconds: float) -> None:
        """Wait, unless told to give up."""
        with self._change:
            if self._change.wait_for(lambda: self._give_up, seconds):
                raise _GaveUp

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if self._con is None:
            self._con = self._owner.cursor()
        return self._con

    def _drop_cursor(self) -> None:
        con, self._con = self._con, None
        if con is not None:
            con.close()

    def _rollback(self) -> None:
        if self._con is not None:
            try:
                self._con.rollback()
            except duckdb.Error:
                self._drop_cursor()  # nothing was begun, or the instance is invalid


class _GaveUp(Exception):
    """`Writer.close` ran out of patience while the disk was full."""


def _is_invalid(exc: BaseException) -> bool:
    """Tell whether DuckDB declared its instance unusable until it is opened anew."""
    return isinstance(exc, duckdb.FatalException) or "has been invalidated" in str(exc)
