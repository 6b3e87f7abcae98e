"""
Where the time goes between the venue and a durable row, for each book and minute: rows of ``latency``.

    venue ── network ──> socket ── queue ──> decoder ── decode ──> numbers ── apply ──> batch ── durable ──>

Every diff counts, none is sampled: the book takes the times with two more readings of the clock inside
the kernel that decodes and applies (`book.kernel.entries`). They lie in the batch's own columns and are
taken from there as the batch is handed over, into histograms of 16 bins an octave: a percentile is right
within 3 %, a minute takes 11 kB a book however many diffs it has, and a diff costs some 0.2 µs. What takes
64 ns or less is one bin. Trades and tickers are not counted.

The network's part needs the difference of the two clocks: without an estimate it is not counted, and a
diff that would have arrived before it was made (an error of the estimate) counts as nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from leadline.book.rows.batch import Batch, Count, DiffCol, Market
from leadline.book.rows.feed import LatencyRow
from leadline.tasks.net.clock import ClockOffset

Ints = NDArray[np.int64]

MINUTE_NS = 60_000_000_000
# How long a minute waits for the commits of its last diffs; what comes later is not counted.
GRACE_NS = 10_000_000_000


class Stage(IntEnum):
    """What a diff goes through, in order."""

    NETWORK = 0
    QUEUE = 1
    DECODE = 2
    APPLY = 3
    DURABLE = 4


_FIGURES = [f"{stage.name.lower()}_{figure}_us" for stage in Stage for figure in ("p50", "p99")]

LEAST, MOST, PARTS = 6, 42, 16  # bins from 2**6 ns to 2**42 ns (73 minutes), 16 to each doubling
BINS = (MOST - LEAST) * PARTS
_SHIFT = 52 - 4  # a double's exponent and the first four bits of its fraction are its bin
_ONE = np.int32(1)  # of the counts' own kind: thirty times faster
_TAKEN = [DiffCol.BOOK, DiffCol.TS_EVENT_NS, DiffCol.TS_RECV_NS]
_TAKEN += [DiffCol.TO_BOOK_NS, DiffCol.QUEUE_NS, DiffCol.DECODE_NS]
_FIRST = (1023 + LEAST) * PARTS


class Latencies:
    """Counts by book and minute; `note_durable` may be called from any thread, the rest from one."""

    def __init__(self, markets: Callable[[], Sequence[Market]]) -> None:
        """``markets`` gives what rows count as ``book``, by index; it may grow."""
        self._markets = markets
        self._minutes: dict[int, NDArray[np.int32]] = {}  # by minute: book, stage, bin
        self._closed_ns = 0  # no diff received before this is counted any more
        self._durable: deque[tuple[Ints, Ints, Ints]] = deque()  # book, receipt, what the commit took

    def note_batch(self, batch: Batch, offset: ClockOffset | None) -> None:
        """Take a batch on its way to the sink; ``offset`` is the venue's clock minus ours."""
        rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
        columns = rows.T[_TAKEN]
        books, event, received, _, _, decode = columns
        if not decode.all():
            columns = columns[:, decode > 0]
        took = columns[-3:]
        took[0] -= columns[-2] + columns[-1]
        self._count(Stage.QUEUE, columns[0], columns[2], took[[1, 2, 0]])
        if offset is not None:
            self._count(Stage.NETWORK, books, received, (received - event + offset.offset_ns)[None])

    def note_durable(self, batch: Batch, committed_ns: int) -> None:
        """Take a batch whose rows are durable since ``committed_ns``, wall clock; it may change after."""
        rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
        rows = rows[rows[:, DiffCol.TO_BOOK_NS] > 0]
        received = rows[:, DiffCol.TS_RECV_NS].copy()
        took = committed_ns - received - rows[:, DiffCol.TO_BOOK_NS]
        self._durable.append((rows[:, DiffCol.BOOK].copy(), received, took[None]))

    def close(self, now_ns: int, offset: ClockOffset | None, *, is_last: bool = False) -> list[LatencyRow]:
        """Return the rows of minutes that were over by ``now_ns`` (wall clock); of all if it is the end."""
        while self._durable:
            self._count(Stage.DURABLE, *self._durable.popleft())
        over = [n for n in sorted(self._minutes) if is_last or (n + 1) * MINUTE_NS + GRACE_NS <= now_ns]
        rows: list[LatencyRow] = []
        for minute in over:
            rows += self._rows(minute * MINUTE_NS, self._minutes.pop(minute), offset)
            self._closed_ns = max(self._closed_ns, (minute + 1) * MINUTE_NS)
        return rows

    def _count(self, first: Stage, books: Ints, received: Ints, took_ns: Ints) -> None:
        """Count diffs; ``took_ns`` has a row for each stage from ``first`` on."""
        if not len(books):
            return
        bins = (took_ns.astype(np.float64).view(np.int64) >> _SHIFT) - _FIRST
        np.clip(bins, 0, BINS - 1, out=bins)
        bins += books * (len(Stage) * BINS)
        bins += BINS * np.arange(first, first + len(bins))[:, None]
        room = int(books.max()) + 1
        for minute in range(int(received.min()) // MINUTE_NS, int(received.max()) // MINUTE_NS + 1):
            if minute * MINUTE_NS < self._closed_ns:
                continue
            at = bins[:, received // MINUTE_NS == minute].ravel()
            if len(at):
                np.add.at(self._counts_of(minute, room), at, _ONE)

    def _counts_of(self, minute: int, books: int) -> NDArray[np.int32]:
        """Return a minute's counts, flat, with room for so many books."""
        counts = self._minutes.get(minute)
        room = books * len(Stage) * BINS
        if counts is None or len(counts) < room:
            wide = np.zeros(max(room, len(self._markets()) * len(Stage) * BINS), np.int32)
            if counts is not None:
                wide[: len(counts)] = counts
            counts = self._minutes[minute] = wide
        return counts

    def _rows(
        self, minute_ns: int, counts: NDArray[np.int32], offset: ClockOffset | None
    ) -> list[LatencyRow]:
        markets = self._markets()
        table = counts.reshape(-1, len(Stage), BINS)
        error_us = None if offset is None else offset.error_ns / 1000
        rows = []
        for market, diffs, figures in zip(markets, *percentiles_us(table), strict=False):
            if diffs:
                took = dict(zip(_FIGURES, figures, strict=True))
                error = None if took["network_p50_us"] is None else error_us
                rows.append(
                    LatencyRow(
                        venue=market.venue,
                        symbol=market.symbol,
                        minute_ns=minute_ns,
                        diffs=diffs,
                        network_error_us=error,
                        **took,
                    )
                )
        return rows


def percentiles_us(table: NDArray[np.int32]) -> tuple[list[int], list[list[float | None]]]:
    """
    Return by book how many diffs were counted, and median and 99th percentile of each stage, in µs.

    ``table`` is book, stage, bin. None stands where nothing was counted.
    """
    sums = table.cumsum(axis=2, dtype=np.int32)
    totals = sums[:, :, -1].astype(np.int64)
    ranks = np.stack(((totals + 1) // 2, -(-99 * totals // 100)), axis=2)
    figures: list[list[float | None]] = []
    for by_stage, wanted in zip(sums, ranks.tolist(), strict=True):
        figures.append(
            [
                MIDDLES_US[stage.searchsorted(rank)] if rank else None
                for stage, pair in zip(by_stage, wanted, strict=True)
                for rank in pair
            ]
        )
    return totals.max(axis=1).tolist(), figures


def middle_ns(bin_: int) -> float:
    """Return the middle of a bin, in ns; of the first, which holds all that is shorter, its lower end."""
    octave, part = divmod(bin_, PARTS)
    return float(2 ** (LEAST + octave)) * (1 + (part + (0.5 if bin_ else 0.0)) / PARTS)


MIDDLES_US = [middle_ns(n) / 1000 for n in range(BINS)]
