"""
The rarer rows of a batch as Arrow tables: events, samples, statistics, coverage and the batch's own row.

A few hundred a second at most, so these go by Python lists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadline.book.rows.batch import (
    Batch,
    BookEventRow,
    Count,
    DepthSample,
    DiffCol,
    Market,
    TickerCol,
    TradeCol,
)
from leadline.book.rows.feed import (
    AddressRow,
    BackfillRow,
    ClockRow,
    FeedStats,
    LatencyRow,
    LegRow,
    ListingRow,
)
from leadline.storage.ingest.arrow import Names, side_columns, timestamps
from leadline.storage.ingest.coverage import Interval, Step
from leadline.storage.ingest.trade_runs import Repeat, TradeRun

_LIST = pa.list_(pa.float64())
_NO_ID = -1
_KINDS = {"str": pa.string(), "float": pa.float64(), "bool": pa.bool_()}
_CERTIFIED = ("certified_bid_bps", "certified_ask_bps")


def _ids(values: Sequence[int]) -> pa.Array:
    return pa.array([None if value == _NO_ID else value for value in values], pa.int64())


def _times(values: Sequence[int | None]) -> pa.Array:
    known = np.array([value is not None for value in values], np.bool_)
    times = timestamps(np.array([value or 0 for value in values], np.int64))
    return times if known.all() else pc.if_else(pa.array(known), times, None)


def events_table(rows: Sequence[BookEventRow], names: Names) -> pa.Table:
    """Make rows for ``book_events``."""
    return pa.table(
        {
            **names.columns(np.array([row.book for row in rows], np.int64)),
            "ts": _times([row.ts_ns for row in rows]),
            "from_state": pa.array([str(row.from_state) for row in rows], pa.string()),
            "to_state": pa.array([str(row.to_state) for row in rows], pa.string()),
            "reason": pa.array([row.reason for row in rows], pa.string()),
            "expected_id": _ids([row.expected_id for row in rows]),
            "got_id": _ids([row.got_id for row in rows]),
        }
    )


def samples_table(rows: Sequence[DepthSample], names: Names) -> pa.Table:
    """Make rows for ``depth_snapshots``; an epoch of 0 or less means that there was no book."""
    books = np.array([row.book for row in rows], np.int64)
    figures = ("mid", "spread_bps", "imbalance", "weighted_mid")
    return pa.table(
        {
            **names.columns(books),
            "epoch": pa.array([row.epoch if row.epoch > 0 else None for row in rows], pa.int64()),
            "ts": _times([row.ts_ns for row in rows]),
            "last_id": pa.array([row.last_id for row in rows], pa.int64()),
            **side_columns("bid", [row.bids for row in rows], books, names),
            **side_columns("ask", [row.asks for row in rows], books, names),
            **{name: pa.array([getattr(row, name) for row in rows], pa.float64()) for name in figures},
            "depth_bps": pa.array([list(row.depth_bps) for row in rows], _LIST),
            "bid_depth": pa.array([list(row.bid_depth) for row in rows], _LIST),
            "ask_depth": pa.array([list(row.ask_depth) for row in rows], _LIST),
            "trusted": pa.array([row.trusted for row in rows], pa.bool_()),
            "reason": pa.array([row.reason for row in rows], pa.string()),
            **{name: pa.array([getattr(row, name) for row in rows], pa.float64()) for name in _CERTIFIED},
            "uncertified": pa.array([row.uncertified for row in rows], pa.string()),
        }
    )


def plain_table(
    rows: Sequence[FeedStats]
    | Sequence[ClockRow]
    | Sequence[LegRow]
    | Sequence[LatencyRow]
    | Sequence[ListingRow]
    | Sequence[BackfillRow]
    | Sequence[AddressRow],
) -> pa.Table:
    """Make rows of a table whose columns are the fields, such as ``feed_stats`` or ``clock``."""
    columns: dict[str, pa.Array] = {}
    for field in dataclasses.fields(rows[0]):
        values = [getattr(row, field.name) for row in rows]
        if field.name in {"ts_ns", "minute_ns", "until_ns"}:
            columns[field.name.removesuffix("_ns")] = _times(values)
        else:
            columns[field.name] = pa.array(
                values, _KINDS.get(str(field.type).partition(" ")[0], pa.int64())
            )
    return pa.table(columns)


def listings_table(rows: Sequence[ListingRow]) -> pa.Table:
    """Make rows for ``markets_history``, each with its place among them."""
    place = pa.array(range(1, len(rows) + 1), pa.int64())
    return plain_table(rows).append_column("place", place)


def markets_table(rows: Sequence[Market]) -> pa.Table:
    """Make rows for ``markets``."""
    return pa.table(
        {
            "venue": pa.array([row.venue for row in rows], pa.string()),
            "symbol": pa.array([row.symbol for row in rows], pa.string()),
            "rule": pa.array(
                ["linked" if row.rule.by_prev_id else "contiguous" for row in rows], pa.string()
            ),
        }
    )


def coverage_table(rows: Sequence[Interval], names: Names) -> pa.Table:
    """Make rows for ``coverage``, new or changed."""
    return pa.table(
        {
            **names.columns(np.array([row.book for row in rows], np.int64)),
            "epoch": pa.array([row.epoch for row in rows], pa.int64()),
            "ts_from": _times([row.from_ns for row in rows]),
            "ts_to": _times([row.to_ns for row in rows]),
            "first_id": pa.array([row.first_id for row in rows], pa.int64()),
            "last_id": pa.array([row.last_id for row in rows], pa.int64()),
            "ended_by": pa.array([row.ended_by for row in rows], pa.string()),
            "seq": pa.array([row.seq for row in rows], pa.int64()),
            "numbering": pa.array([row.numbering for row in rows], pa.int64()),
            "mono_from_ns": pa.array([_less(row.from_ns, row.offset_ns) for row in rows], pa.int64()),
            "mono_to_ns": pa.array([_less(row.to_ns, row.offset_ns) for row in rows], pa.int64()),
            "ts_event": _times([row.event_ns for row in rows]),
        }
    )


def _less(wall_ns: int, offset_ns: int | None) -> int | None:
    return None if offset_ns is None else wall_ns - offset_ns


def steps_table(rows: Sequence[Step]) -> pa.Table:
    """Make rows for ``clock_steps``."""
    return pa.table(
        {
            "venue": pa.array([row.stepped.venue for row in rows], pa.string()),
            "seq": pa.array([row.seq for row in rows], pa.int64()),
            "ts_before": _times([row.stepped.before_ns for row in rows]),
            "ts": _times([row.stepped.after_ns for row in rows]),
            "step_s": pa.array([row.stepped.step_ns / 1e9 for row in rows], pa.float64()),
            "mono_ns": pa.array([row.stepped.mono_ns for row in rows], pa.int64()),
        }
    )


def runs_table(rows: Sequence[TradeRun], names: Names) -> pa.Table:
    """Make rows for ``trade_coverage``, new or changed."""
    return pa.table(
        {
            **names.columns(np.array([row.book for row in rows], np.int64)),
            "ts_from": _times([row.from_ns for row in rows]),
            "ts_to": _times([row.to_ns for row in rows]),
            "first_id": pa.array([row.first_id for row in rows], pa.int64()),
            "last_id": pa.array([row.last_id for row in rows], pa.int64()),
            "ts_trade": _times([row.traded_ns for row in rows]),
        }
    )


def changed_runs_table(rows: Sequence[tuple[TradeRun, TradeRun]], names: Names) -> pa.Table:
    """Make rows of what ``trade_coverage`` shall hold, each with the end its stored row is known by."""
    stored = [was for was, _ in rows]
    table = runs_table([now for _, now in rows], names)
    table = table.append_column("stored_last_id", pa.array([was.last_id for was in stored], pa.int64()))
    return table.append_column("stored_ts_trade", _times([was.traded_ns for was in stored]))


def repeats_table(rows: Sequence[Repeat], names: Names) -> pa.Table:
    """Make rows for ``trade_repeats``."""
    return pa.table(
        {
            **names.columns(np.array([row.book for row in rows], np.int64)),
            "ts_recv": _times([row.recv_ns for row in rows]),
            "trade_id": pa.array([row.trade_id for row in rows], pa.int64()),
        }
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """How many rows of each kind a batch holds; ``levels`` are the levels of its diffs."""

    diffs: int
    levels: int
    trades: int
    tickers: int
    seeds: int
    events: int
    samples: int
    stats: int


def count_rows(batch: Batch, keep: NDArray[np.bool_] | None = None) -> Rows:
    """Count a batch; ``keep`` says which of its trades are stored, None all."""
    return Rows(
        diffs=int(batch.counts[Count.DIFFS]),
        levels=int(batch.counts[Count.LEVELS]),
        trades=int(batch.counts[Count.TRADES] if keep is None else keep.sum()),
        tickers=int(batch.counts[Count.TICKERS]),
        seeds=sum(row.source == "venue" for row in batch.seeds),
        events=len(batch.events),
        samples=len(batch.samples),
        stats=len(batch.stats),
    )


def oldest_recv_ns(batch: Batch) -> int | None:
    """Return the earliest receipt in a batch, ns since 1970; None if it holds no message."""
    columns = (
        batch.diffs[: int(batch.counts[Count.DIFFS]), DiffCol.TS_RECV_NS],
        batch.trades[: int(batch.counts[Count.TRADES]), TradeCol.TS_RECV_NS],
        batch.tickers[: int(batch.counts[Count.TICKERS]), TickerCol.TS_RECV_NS],
    )
    oldest = [int(column.min()) for column in columns if len(column)]
    oldest += [row.snapshot.ts_recv_ns for row in batch.seeds]
    return min(oldest, default=None)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What ``ingest_batches`` says of one batch; times in ns since 1970."""

    seq: int
    rows: Rows
    oldest_recv_ns: int | None
    through_ns: int | None
    handed: tuple[int, int] | None  # both our clocks as it was handed over


def ledger_table(writer_id: str, ts_ns: int, entries: Sequence[LedgerEntry]) -> pa.Table:
    """Make rows for ``ingest_batches``."""
    names = [field.name for field in dataclasses.fields(Rows)]
    return pa.table(
        {
            "writer_id": pa.array([writer_id] * len(entries), pa.string()),
            "seq": pa.array([one.seq for one in entries], pa.int64()),
            "ts": _times([ts_ns] * len(entries)),
            "oldest_recv_ns": pa.array([one.oldest_recv_ns for one in entries], pa.int64()),
            "through": _times([one.through_ns for one in entries]),
            "mono_ns": pa.array([one.handed and one.handed[1] for one in entries], pa.int64()),
            "clock_ns": pa.array(
                [one.handed and one.handed[0] - one.handed[1] for one in entries], pa.int64()
            ),
            **{name: pa.array([getattr(one.rows, name) for one in entries], pa.int64()) for name in names},
        }
    )
