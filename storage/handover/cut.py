"""
Cut batches so that they begin where the stored rows of another stream end.

Of each book and epoch the diffs up to the end are folded into the seed they apply to, so that the book
can still be rebuilt from a seed of its own; coverage begins at the end, in ids and in time. Nothing here
touches a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from leadline.book.rows.batch import (
    Batch,
    Count,
    CoverageEnded,
    CoverageOpened,
    DiffCol,
    FlatBook,
    Market,
    SeedRow,
    TickerCol,
    TradeCol,
)
from leadline.book.rows.feed import ClockStepped
from leadline.storage.handover.succession import Ends, SymbolEnd

Ints: TypeAlias = NDArray[np.int64]
Key: TypeAlias = tuple[int, int]  # book and epoch
Change: TypeAlias = CoverageOpened | CoverageEnded | ClockStepped

REBUILT = "rebuilt"
_NOWHERE = SymbolEnd()
SAME_CLOCK_NS = 5_000_000  # two processes read the same clocks at different moments


@dataclass(slots=True)
class _Folded:
    """Levels of the diffs of one book and epoch that are stored already, oldest first."""

    last_id: int = -1
    ts_ns: int = 0
    bids: list[Ints] = field(default_factory=list)
    asks: list[Ints] = field(default_factory=list)


class Cutter:
    """Cuts the batches of one feed at ``ends``; ``markets`` are what their rows count as ``book``."""

    def __init__(self, markets: Sequence[Market], ends: Ends) -> None:
        self._stats_ns = ends.stats_ns
        self._clock_ns = ends.clock_ns
        known = [ends.symbols.get(market.symbol, _NOWHERE) for market in markets]
        self._ends = known
        self._diffs = np.array([end.last_id for end in known], np.int64)
        self._trades = np.array([end.trade_id for end in known], np.int64)
        self._tickers = np.array([end.ticker_id for end in known], np.int64)

    def cut_all(self, batches: Sequence[Batch]) -> None:
        """Cut batches that hold everything up to the ends: books, their seeds and their coverage too."""
        folded: dict[Key, _Folded] = {}
        self._drop_steps(batches)
        for batch in batches:
            self._fold(batch, folded)
            self.cut_messages(batch)
        void = self._cut_coverage(batches)
        kept = {key for batch in batches for key in _keys_of_diffs(batch)}
        self._cut_seeds(batches, folded, void - kept)

    def cut_messages(self, batch: Batch) -> None:
        """Cut only what stands for itself: trades, tickers and figures."""
        n = int(batch.counts[Count.TRADES])
        rows = batch.trades[:n]
        keep = rows[:, TradeCol.TRADE_ID] > self._at(self._trades, rows[:, TradeCol.BOOK])
        batch.counts[Count.TRADES] = _compact(batch.trades, n, keep)
        n = int(batch.counts[Count.TICKERS])
        rows = batch.tickers[:n]
        keep = rows[:, TickerCol.UPDATE_ID] > self._at(self._tickers, rows[:, TickerCol.BOOK])
        batch.counts[Count.TICKERS] = _compact(batch.tickers, n, keep)
        batch.clocks[:] = [row for row in batch.clocks if row.ts_ns >= self._stats_ns]
        batch.legs[:] = [row for row in batch.legs if row.ts_ns >= self._stats_ns]
        batch.latencies[:] = [row for row in batch.latencies if row.minute_ns >= self._stats_ns]
        batch.stats[:] = [row for row in batch.stats if row.ts_ns >= self._stats_ns]

    @staticmethod
    def _at(limits: Ints, books: Ints) -> Ints:
        """Look limits up; a market that came later has none."""
        found = np.full(len(books), -1, np.int64)
        known = books < len(limits)
        found[known] = limits[books[known]]
        return found

    def _fold(self, batch: Batch, folded: dict[Key, _Folded]) -> None:
        """Take the stored diffs out of a batch, and their levels aside."""
        n, levels_n = int(batch.counts[Count.DIFFS]), int(batch.counts[Count.LEVELS])
        rows = batch.diffs[:n]
        keep = rows[:, DiffCol.LAST_ID] > self._at(self._diffs, rows[:, DiffCol.BOOK])
        if keep.all():
            return
        batch.coverage[:] = [
            replace(change, diffs=int(keep[: change.diffs].sum()))
            if isinstance(change, ClockStepped)
            else change
            for change in batch.coverage
        ]
        sizes = rows[:, DiffCol.N_BIDS] + rows[:, DiffCol.N_ASKS]
        starts = np.cumsum(sizes) - sizes
        for at in np.flatnonzero(~keep):
            row, start = rows[at], int(starts[at])
            middle, end = start + int(row[DiffCol.N_BIDS]), start + int(sizes[at])
            one = folded.setdefault((int(row[DiffCol.BOOK]), int(row[DiffCol.EPOCH])), _Folded())
            one.last_id, one.ts_ns = int(row[DiffCol.LAST_ID]), int(row[DiffCol.TS_RECV_NS])
            one.bids.append(batch.levels[start:middle].copy())
            one.asks.append(batch.levels[middle:end].copy())
        batch.counts[Count.LEVELS] = _compact(batch.levels, levels_n, np.repeat(keep, sizes))
        batch.counts[Count.DIFFS] = _compact(batch.diffs, n, keep)

    def _drop_steps(self, batches: Sequence[Batch]) -> None:
        """Leave out the steps of our clock that the old stream has told; its end is by the clock after."""
        places = [
            (n, step)
            for n, one in enumerate(batches)
            for step in one.coverage
            if isinstance(step, ClockStepped)
        ]
        told = [place for place in places if self._is_of_the_end(place[1])]
        if not told:
            return
        last, newest = told[-1]
        for batch in batches[: last + 1]:
            at = batch.coverage.index(newest) if batch is batches[last] else len(batch.coverage)
            before = [one for one in batch.coverage[:at] if not isinstance(one, ClockStepped)]
            after = batch.coverage[at + 1 :]
            batch.coverage[:] = [*(replace(one, ts_ns=newest.after_ns) for one in before), *after]
            if batch.handed is not None:
                mono_ns = batch.handed[1]
                batch.handed = (mono_ns + newest.after_ns - newest.mono_ns, mono_ns)

    def _is_of_the_end(self, step: ClockStepped) -> bool:
        """Whether our clock was set by a step as it was when the old stream ended."""
        offset_ns = step.after_ns - step.mono_ns
        return self._clock_ns is not None and abs(offset_ns - self._clock_ns) <= SAME_CLOCK_NS

    def _cut_coverage(self, batches: Sequence[Batch]) -> set[Key]:
        """Let every interval begin at the end; return the epochs none of whose intervals is left."""
        opened: dict[int, tuple[list[Change | None], int]] = {}
        kept, gone = set[Key](), set[Key]()
        cut: list[list[Change | None]] = []
        for batch in batches:
            changes: list[Change | None] = []
            cut.append(changes)
            for at, change in enumerate(batch.coverage):
                if isinstance(change, ClockStepped):
                    changes.append(change)
                    continue
                end = self._end_of(change.book)
                key = (change.book, change.epoch)
                changes.append(replace(change, ts_ns=max(change.ts_ns, end.ts_ns)))
                if isinstance(change, CoverageOpened):
                    opened[change.book] = changes, at
                    if change.first_id <= end.last_id:  # where the old stream ends, we go on
                        changes[at] = CoverageOpened(*key, end.ts_ns, end.last_id)
                    kept.add(key)
                elif change.last_id <= end.last_id:
                    where, start = opened.pop(change.book, (changes, at))
                    where[start] = changes[at] = None
                    kept.discard(key)
                    gone.add(key)
        for batch, changes in zip(batches, cut, strict=True):
            batch.coverage[:] = [change for change in changes if change is not None]
        return gone - kept

    def _cut_seeds(self, batches: Sequence[Batch], folded: dict[Key, _Folded], void: set[Key]) -> None:
        """Bring the seeds to where the diffs now begin; ``void`` are epochs of which nothing is left."""
        place: dict[Key, tuple[Batch, SeedRow]] = {}
        for batch in batches:
            batch.seeds[:] = [row for row in batch.seeds if (row.book, row.epoch) not in void]
            for row in batch.seeds:
                if row.snapshot.last_id <= self._end_of(row.book).last_id:
                    place[row.book, row.epoch] = batch, row
        for key, (batch, row) in place.items():
            end = self._end_of(row.book)
            book = _flat(row)
            one = folded.get(key)
            if one is not None and one.last_id > book.last_id:
                book = FlatBook(
                    one.last_id,
                    one.ts_ns,
                    _apply(book.bids, one.bids, best_is_high=True),
                    _apply(book.asks, one.asks, best_is_high=False),
                )
            elif row.source != REBUILT:
                continue  # the venue's own, and nothing came between it and the end
            if row.source == REBUILT:
                batch.seeds[:] = [one for one in batch.seeds if one is not row]
            # The old stream had this book by the time its coverage ends, whenever we had it.
            book = replace(book, ts_recv_ns=min(book.ts_recv_ns, end.ts_ns))
            batch.seeds.append(SeedRow(row.book, row.epoch, book, REBUILT))

    def _end_of(self, book: int) -> SymbolEnd:
        return self._ends[book] if book < len(self._ends) else _NOWHERE


def pack(row: SeedRow) -> SeedRow:
    """Return a seed with its levels as arrays: a tenth of the memory."""
    return replace(row, snapshot=_flat(row))


def _flat(row: SeedRow) -> FlatBook:
    book = row.snapshot
    if isinstance(book, FlatBook):
        return book
    return FlatBook(
        book.last_id,
        book.ts_recv_ns,
        _side(book.bids),
        _side(book.asks),
        book.ts_event_ns,
        book.ts_transaction_ns,
    )


def _side(levels: Iterable[tuple[int, int]]) -> Ints:
    return np.array(list(levels), np.int64).reshape(-1, 2)


def _apply(side: Ints, changes: Sequence[Ints], *, best_is_high: bool) -> Ints:
    """Set levels in order, quantity 0 deletes; return the side best first."""
    newest_first = np.concatenate([side, *changes])[::-1]
    _, at = np.unique(newest_first[:, 0], return_index=True)
    levels = newest_first[at]
    levels = levels[levels[:, 1] > 0]
    return levels[::-1].copy() if best_is_high else levels


def _keys_of_diffs(batch: Batch) -> set[Key]:
    rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
    return set(map(tuple, np.unique(rows[:, [DiffCol.BOOK, DiffCol.EPOCH]], axis=0).tolist()))


def _compact(table: Ints, n: int, keep: NDArray[np.bool_]) -> int:
    """Move the rows to keep to the front; return how many."""
    left = int(keep.sum())
    if left < n:
        table[:left] = table[:n][keep]
    return left
