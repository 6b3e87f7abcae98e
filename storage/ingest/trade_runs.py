"""
Which trades are there: runs of ids without a missing one, kept in step with the rows that are stored.

    the next id              goes on with the newest run
    a later id               begins a run: the ids between are missing (view ``trade_holes``)
    an id within a run       was sent again: stored once, noted in ``trade_repeats``
    an id in a hole          fills it; runs that then touch become one
    a lower id traded later  the venue counts anew: runs of before are left as they are; but the
                             newest id itself was sent again, unless it is the first there can be

An aggregate that was asked for where the stream tells single trades stands for every id it covers. If one
of them is there already, it is not stored: its quantity would count twice.

Only venues that number their trades one by one are followed (`VenueSpec.numbers_trades`). State moves when
a commit is known to have happened (`TradeRuns.keep`), as that of `storage.ingest.coverage` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadline.book.rows.batch import Batch, Count, Market, TradeCol
from leadline.book.venues.common.spec import VenueSpec
from leadline.book.venues.registry import find_spec

if TYPE_CHECKING:
    import duckdb

FIRST_ID = 1  # a venue that counts anew may begin here
KEPT = 256  # newest runs of a market that are remembered; a trade of before the oldest begins a run

_NEWEST = """
SELECT venue, symbol, epoch_ns(ts_from), epoch_ns(ts_to), first_id, last_id, epoch_ns(ts_trade)
FROM trade_coverage
QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY ts_trade DESC, last_id DESC) <= $kept
ORDER BY venue, symbol, ts_trade, last_id
"""


@dataclass(frozen=True, slots=True)
class TradeRun:
    """One row of ``trade_coverage``; times in ns since 1970."""

    book: int
    from_ns: int
    to_ns: int
    first_id: int
    last_id: int
    traded_ns: int  # when the newest was traded, by the venue's clock

    def joins(self, later: TradeRun) -> bool:
        """Whether no id is missing between this run and a later one."""
        return self.last_id + 1 == later.first_id


@dataclass(frozen=True, slots=True)
class Repeat:
    """A trade that was sent again."""

    book: int
    recv_ns: int
    trade_id: int


@dataclass(slots=True)
class TradePlan:
    """What a transaction does to the runs, and which rows of each batch are not stored."""

    changed: list[tuple[TradeRun, TradeRun]] = field(default_factory=list)  # as stored, as it is now
    removed: list[TradeRun] = field(default_factory=list)
    added: list[TradeRun] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    keeps: list[NDArray[np.bool_] | None] = field(default_factory=list)  # None: every row of the batch
    now: dict[int, list[TradeRun]] = field(default_factory=dict)  # of the markets that it touches


@dataclass(slots=True)
class _Market:
    """The runs of one market while a plan is made; ``old`` are those of before the venue counted anew."""

    runs: list[TradeRun]
    old: list[TradeRun] = field(default_factory=list)


class TradeRuns:
    """The newest runs of each market, as last committed."""

    def __init__(self, markets: Sequence[Market]) -> None:
        self._markets = markets
        self._runs: dict[int, list[TradeRun]] = {}
        self._stored: dict[tuple[str, str], list[TradeRun]] = {}
        self._specs: list[VenueSpec | None] = []  # of each market; None: its trades are not followed

    def load(self, con: duckdb.DuckDBPyConnection) -> None:
        """Take over what earlier writers left."""
        for venue, symbol, *numbers in con.execute(_NEWEST, {"kept": KEPT}).fetchall():
            self._stored.setdefault((venue, symbol), []).append(TradeRun(-1, *numbers))

    def plan(self, batches: Sequence[Batch]) -> TradePlan:
        """Work out what ``batches`` do, in their order."""
        self._specs += [_numbering(market) for market in self._markets[len(self._specs) :]]
        plan = TradePlan()
        markets: dict[int, _Market] = {}
        for batch in batches:
            rows = batch.trades[: int(batch.counts[Count.TRADES])]
            keep: NDArray[np.bool_] | None = None
            for book in np.unique(rows[:, TradeCol.BOOK]).tolist():
                spec = self._specs[book]
                if spec is None:
                    continue
                if book not in markets:
                    markets[book] = _Market(list(self._known(book)))
                at = np.flatnonzero(rows[:, TradeCol.BOOK] == book)
                again = _take(book, rows[at], markets[book], stands_for(rows[at], spec))
                if again:
                    keep = np.ones(len(rows), bool) if keep is None else keep
                    keep[at[again]] = False
                    plan.repeats += [
                        Repeat(book, int(row[TradeCol.TS_RECV_NS]), int(row[TradeCol.TRADE_ID]))
                        for row in rows[at[again]]
                    ]
            plan.keeps.append(keep)
        for book, market in markets.items():
            _compare(self._known(book), [*market.old, *market.runs], plan)
            plan.now[book] = market.runs
        return plan

    def keep(self, plan: TradePlan) -> None:
        """Take a plan over once its transaction is committed."""
        for book, runs in plan.now.items():
            self._runs[book] = runs[-KEPT:]

    def _known(self, book: int) -> list[TradeRun]:
        if book not in self._runs:
            market = self._markets[book]
            stored = self._stored.pop((market.venue, market.symbol), [])
            self._runs[book] = [replace(run, book=book) for run in _of_one_count(stored)]
        return self._runs[book]


def _numbering(market: Market) -> VenueSpec | None:
    spec = find_spec(market.venue)
    return spec if spec is not None and spec.numbers_trades else None


def stands_for(rows: NDArray[np.int64], spec: VenueSpec) -> NDArray[np.int64]:
    """Return the last id that each trade stands for; its own but for aggregates among single trades."""
    ids = rows[:, TradeCol.TRADE_ID]
    if spec.aggregates_trades:
        return ids
    last_ids: NDArray[np.int64] = np.where(
        ids == rows[:, TradeCol.COVERS_FIRST_ID], rows[:, TradeCol.COVERS_LAST_ID], ids
    )
    return last_ids


def _of_one_count(runs: list[TradeRun]) -> list[TradeRun]:
    """Leave out the runs of before the venue counted anew: ids ascend with time within one count."""
    kept: list[TradeRun] = []
    for run in reversed(runs):
        if kept and run.last_id >= kept[-1].first_id:
            break
        kept.append(run)
    return kept[::-1]


def _take(book: int, rows: NDArray[np.int64], market: _Market, last_ids: NDArray[np.int64]) -> list[int]:
    """Add rows of one market to its runs; return the places of those that were there already."""
    ids, runs = rows[:, TradeCol.TRADE_ID], market.runs
    goes_on = not runs or int(ids[0]) == runs[-1].last_id + 1
    if goes_on and bool((ids[1:] == last_ids[:-1] + 1).all()):
        received, traded = rows[:, TradeCol.TS_RECV_NS], rows[:, TradeCol.TS_TRADE_NS]
        from_ns, to_ns = int(received.min()), int(received.max())
        _append(runs, TradeRun(book, from_ns, to_ns, int(ids[0]), int(last_ids[-1]), int(traded.max())))
        return []
    return [at for at, row in enumerate(rows) if not _take_one(book, row, market, int(last_ids[at]))]


def _take_one(book: int, row: NDArray[np.int64], market: _Market, last_id: int) -> bool:
    """Add one trade; False if it is there already."""
    trade_id, recv_ns = int(row[TradeCol.TRADE_ID]), int(row[TradeCol.TS_RECV_NS])
    traded_ns, runs = int(row[TradeCol.TS_TRADE_NS]), market.runs
    one = TradeRun(book, recv_ns, recv_ns, trade_id, last_id, traded_ns)
    if not runs or trade_id > runs[-1].last_id:
        _append(runs, one)
        return True
    is_newest_again = trade_id == runs[-1].last_id > FIRST_ID
    if traded_ns > max(run.traded_ns for run in runs) and not is_newest_again:
        market.old += runs
        market.runs = [one]
        return True
    at = next(n for n, run in enumerate(runs) if trade_id <= run.last_id)
    if runs[at].first_id <= last_id:
        return False
    after = runs[at:]
    del runs[at:]
    for run in (one, *after):
        _append(runs, run)
    return True


def _append(runs: list[TradeRun], later: TradeRun) -> None:
    """Add a run at the end, as part of the last one where no id is missing between them."""
    if not runs or not runs[-1].joins(later):
        runs.append(later)
        return
    last = runs[-1]
    runs[-1] = replace(
        last,
        from_ns=min(last.from_ns, later.from_ns),
        to_ns=max(last.to_ns, later.to_ns),
        last_id=later.last_id,
        traded_ns=max(last.traded_ns, later.traded_ns),
    )


def _compare(before: list[TradeRun], now: list[TradeRun], plan: TradePlan) -> None:
    """Note which stored rows change, go, or come."""
    stored = {(run.first_id, run.from_ns): run for run in before}
    for run in now:
        was = stored.pop((run.first_id, run.from_ns), None)
        if was is None:
            plan.added.append(run)
        elif was != run:
            plan.changed.append((was, run))
    plan.removed += stored.values()
