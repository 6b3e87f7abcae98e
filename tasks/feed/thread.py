"""
The feed: a thread with its own event loop that keeps books in step with the venue, and never waits.

Nothing here knows Prefect. Work that a person should see (connect, resync) is offered on ``needs``; a
host that claims a need calls `perform`, and what nobody claims the feed does itself. Rows go to the
sink in batches; when the sink is full the feed reads no more until there is room.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from random import Random
from typing import Any, Protocol, TypeVar

from leadline.book.engine.factory import warm_up
from leadline.book.rows.batch import Batch, DepthSample, SeedRow
from leadline.tasks.feed.core import Core
from leadline.tasks.feed.requests.needs import Need, NeedQueue
from leadline.tasks.feed.routing.config import FeedConfig, FeedSink, FeedStatus
from leadline.tasks.feed.routing.stats import StatsBucket
from leadline.tasks.net.errors import FeedStopped

__all__ = ["Feed", "FeedConfig", "FeedStatus", "Need"]

log = logging.getLogger("leadline.feed")
T = TypeVar("T")

# With CPython's 5 ms a writer thread that holds the GIL makes the feed wait that long for each turn.
SWITCH_INTERVAL_S = 0.000_5
START_TIMEOUT_S = 60.0  # compiling the kernels the first time takes some 15 s
CALL_TIMEOUT_S = 10.0


class CommitNote(Protocol):
    """What the writer says of a commit; times are wall clock, ns."""

    @property
    def oldest_recv_ns(self) -> int | None:
        """When the oldest message in the batch was received; None where there was none."""
        ...

    @property
    def committed_ns(self) -> int:
        """When the transaction was durable."""
        ...

    @property
    def batch(self) -> Batch:
        """What is durable now; read within the call, then it is filled anew."""
        ...


class Feed:
    """
    Streams ``config.symbols`` into ``sink``; every method may be called from any thread.

    ``host_grace_s`` is how long a need waits to be claimed; 0 means that there is no host. ``rng``
    jitters the waits between attempts.
    """

    def __init__(
        self, config: FeedConfig, sink: FeedSink, *, rng: Random, host_grace_s: float = 0.0
    ) -> None:
        self.config = config
        self.needs = NeedQueue()
        self._sink = sink
        self._rng = rng
        self._host_grace_s = host_grace_s
        self._stats = StatsBucket(config.profile.name)
        self._core: Core | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._drain_s = 0.0
        self._stop_reason = "stopped"
        self._last_status: FeedStatus | None = None
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="leadline-feed", daemon=True)
        self._switch_interval_s = sys.getswitchinterval()

    def start(self) -> None:
        """Compile what needs it, start the thread, begin to connect; returns when the loop runs."""
        warm_up(self.config.profile.spec, self.config.engine)
        # A full collection walks everything Prefect brought along, some 100 ms in which no book moves.
        gc.freeze()
        sys.setswitchinterval(min(SWITCH_INTERVAL_S, self._switch_interval_s))
        self._thread.start()
        self._ready.result(START_TIMEOUT_S)

    def stop(self, timeout_s: float = 10.0, *, reason: str = "stopped") -> None:
        """
        Read no more, leave the books for ``reason``, hand the last batch over, end the thread.

        Takes a second or two, ``timeout_s`` at most; frames that the sink had no room for are given up
        after half of that. Raises `FeedStopped` if the thread did not end. Calling twice is harmless.
        """
        loop, stopping = self._loop, self._stopping
        if loop is None or stopping is None or not self._thread.is_alive():
            return
        self._drain_s, self._stop_reason = timeout_s / 2, reason
        with contextlib.suppress(RuntimeError):  # the loop closed in between
            loop.call_soon_threadsafe(stopping.set)
        self._thread.join(timeout_s)
        sys.setswitchinterval(self._switch_interval_s)
        if self._thread.is_alive():
            raise FeedStopped(f"the feed did not end within {timeout_s} s")

    @property
    def is_running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    def perform(self, need: Need) -> Future[None]:
        """Make one attempt at a claimed need; the future raises what went wrong, transient or not."""
        return self._submit(lambda core: core.perform(need))

    def sample(self, n: int, bands_bps: Sequence[float], *, store: bool = True) -> list[DepthSample]:
        """
        Look at every book: ``n`` levels a side, depth within each of ``bands_bps`` (half-widths, bps).

        With ``store`` the samples are in the batch already when this returns. Raises `FeedStopped`.
        """
        return self._call(lambda core: core.sample(n, bands_bps, store=store))

    def mark(self, hold: Callable[[], None], seeds: Callable[[], dict[int, SeedRow]]) -> dict[str, int]:
        """
        Begin to keep rows that were passed over until now; return by symbol where its rows begin.

        ``hold`` is called between two batches and lets the sink keep what follows; every book that is
        LIVE is written out whole then. ``seeds`` gives those passed over. Raises `FeedStopped`.
        """
        return self._call(lambda core: core.mark(hold, seeds))

    def start_anew(self, symbols: Sequence[str], why: str) -> None:
        """Drop these books and begin them again with new seeds. Raises `FeedStopped`."""
        self._call(lambda core: core.start_anew(symbols, why))

    def flush(self) -> bool:
        """Hand the batch over now; False if the sink has no room. Raises `FeedStopped`."""
        return self._call(lambda core: core.flush())

    def add_symbols(self, symbols: Sequence[str]) -> Future[None]:
        """Carry more symbols; one that the venue does not list says so in `status`, and is asked again."""
        return self._submit(lambda core: core.add_symbols(symbols))

    def remove_symbols(self, symbols: Sequence[str], why: str = "removed") -> Future[None]:
        """Carry these symbols no more; ``why`` goes into their last row."""
        return self._submit(lambda core: core.remove_symbols(symbols, why))

    def status(self) -> FeedStatus:
        """Tell where the feed stands; after `stop` where it stood at the end. Raises `FeedStopped`."""

        async def look(core: Core) -> FeedStatus:
            return core.status()

        try:
            return self._call(look)
        except FeedStopped:
            if self._last_status is None:
                raise
            return self._last_status

    def note_commit(self, commit: CommitNote) -> None:
        """Take the writer's word of a commit, for the latency figures; give it as ``on_commit``."""
        if commit.oldest_recv_ns:
            self._stats.note_durable(commit.committed_ns - commit.oldest_recv_ns)
        if self._core is not None:
            self._core.latencies.note_durable(commit.batch, commit.committed_ns)

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._live())
        except BaseException as exc:
            log.exception("the feed's thread failed")
            if not self._ready.done():
                self._ready.set_exception(exc)

    async def _live(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        core = self._core = Core(
            self.config,
            self._sink,
            self.needs,
            self._stats,
            rng=self._rng,
            host_grace_s=self._host_grace_s,
        )
        core.start()
        self._ready.set_result(None)
        try:
            await self._stopping.wait()
        finally:
            await core.stop(self._drain_s, self._stop_reason)
            self._last_status = core.status()

    def _submit(self, do: Callable[[Core], Coroutine[Any, Any, T]]) -> Future[T]:
        core, loop = self._core, self._loop
        if core is None or loop is None or not self._thread.is_alive():
            raise FeedStopped("the feed is not running")
        work = do(core)
        try:
            return asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError as exc:
            work.close()
            raise FeedStopped("the feed has just stopped") from exc

    def _call(self, do: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        try:
            return self._submit(do).result(CALL_TIMEOUT_S)
        except FutureTimeout as exc:
            raise FeedStopped(f"the feed did not answer within {CALL_TIMEOUT_S} s") from exc
        except asyncio.CancelledError as exc:
            raise FeedStopped("the feed is stopping") from exc


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's loop where it is installed: half the time per frame when frames come singly."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
