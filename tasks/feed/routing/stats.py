"""
What the feed did in one bucket of time, as the ``feed_stats`` row says it.

Latency from receive to book comes from the batch's own column, taken as a batch is handed over; from
receive to durable row, from what the writer reports of its commits.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leadline.book.rows.batch import Batch, Count, DiffCol
from leadline.book.rows.feed import FeedStats
from leadline.tasks.net.clock import ClockOffset


@dataclass(slots=True)
class Totals:
    """Counts since the feed started."""

    frames: int = 0
    bytes: int = 0
    sessions: int = 0
    takeovers: int = 0  # … of them, put in the place of another that was still there
    resyncs: int = 0
    bad_frames: int = 0


@dataclass(frozen=True, slots=True)
class Now:
    """What is true at the end of a bucket rather than counted during it."""

    live_symbols: int
    symbols: int
    queue_batches: int
    queue_limit: int
    offset: ClockOffset | None


class StatsBucket:
    """Collects one bucket after the other; `note_durable` may be called from any thread."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._began_ns = self._began_mono_ns = 0
        self._before = Totals()
        self._counts: NDArray[np.int64] = np.zeros(len(Count), np.int64)
        self._to_book_ns: list[NDArray[np.int64]] = []
        self._to_durable_ns: list[int] = []
        self._guard = threading.Lock()

    def begin(self, wall_ns: int, mono_ns: int) -> None:
        """Let the first bucket begin now, by our wall clock and by our monotonic one."""
        self._began_ns, self._began_mono_ns = wall_ns, mono_ns

    def note_batch(self, batch: Batch) -> None:
        """Take the figures of a batch on its way to the sink."""
        self._counts += batch.counts
        n = int(batch.counts[Count.DIFFS])
        if n:
            took = batch.diffs[:n, DiffCol.TO_BOOK_NS]
            self._to_book_ns.append(took[took > 0])

    def note_durable(self, took_ns: int) -> None:
        """Take the time from the oldest receipt in a batch to its commit."""
        with self._guard:
            self._to_durable_ns.append(took_ns)

    def close(self, totals: Totals, now: Now, wall_ns: int, mono_ns: int) -> FeedStats:
        """
        Return the row of the bucket that ends now, and begin the next.

        The row is dated when its bucket began; ``bucket_s`` is how long it really was, so that rates are
        right when the loop was late or the feed stopped early.
        """
        ts_ns, bucket_s = self._began_ns, (mono_ns - self._began_mono_ns) / 1e9
        self.begin(wall_ns, mono_ns)
        before, self._before = self._before, replace(totals)
        counts, self._counts = self._counts, np.zeros(len(Count), np.int64)
        to_book, self._to_book_ns = self._to_book_ns, []
        with self._guard:
            to_durable, self._to_durable_ns = self._to_durable_ns, []
        p50, p99, most = percentiles_us(np.concatenate(to_book) if to_book else np.zeros(0, np.int64))
        durable_p50, durable_p99, _ = percentiles_us(np.array(to_durable, np.int64))
        return FeedStats(
            venue=self._venue,
            ts_ns=ts_ns,
            bucket_s=bucket_s,
            frames=totals.frames - before.frames,
            bytes=totals.bytes - before.bytes,
            diffs=int(counts[Count.DIFFS]),
            trades=int(counts[Count.TRADES]),
            tickers=int(counts[Count.TICKERS]),
            bad_frames=totals.bad_frames - before.bad_frames,
            reconnects=totals.sessions - before.sessions,
            resyncs=totals.resyncs - before.resyncs,
            live_symbols=now.live_symbols,
            symbols=now.symbols,
            to_book_p50_us=p50,
            to_book_p99_us=p99,
            to_book_max_us=most,
            to_durable_p50_us=durable_p50,
            to_durable_p99_us=durable_p99,
            queue_batches=now.queue_batches,
            queue_limit=now.queue_limit,
            clock_offset_us=None if now.offset is None else now.offset.offset_ns / 1000,
            clock_error_us=None if now.offset is None else now.offset.error_ns / 1000,
        )


def percentiles_us(took_ns: NDArray[np.int64]) -> tuple[float | None, float | None, float | None]:
    """Return median, 99th percentile and maximum in µs; None where nothing was measured."""
    if not len(took_ns):
        return None, None, None
    p50, p99 = np.percentile(took_ns, [50, 99]) / 1000
    return float(p50), float(p99), float(took_ns.max() / 1000)
