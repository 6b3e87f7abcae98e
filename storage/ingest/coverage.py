"""
Which intervals of which books may be trusted, kept in step with the diffs that are stored.

An interval is opened and ended by the books; in between, every stored diff of its epoch extends it, in
the transaction that stores the diff. So whatever moment the process dies at, coverage ends where the data
ends. State moves only when a commit is known to have happened (`Tracker.keep`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from leadline.book.rows.batch import Batch, Count, CoverageEnded, CoverageOpened, DepthSample, DiffCol

REPLACED = "replaced"  # a book opened a new interval without ending the old one


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of ``coverage``: times in ns since 1970; ``ended_by`` None while it grows."""

    book: int
    epoch: int
    from_ns: int
    to_ns: int
    first_id: int
    last_id: int
    ended_by: str | None = None

    @property
    def is_void(self) -> bool:
        """Whether what was found out later left nothing of it: not even its first book was right."""
        return self.last_id < self.first_id


@dataclass(frozen=True, slots=True)
class Plan:
    """What a transaction does to ``coverage``, and the intervals open after it."""

    added: list[Interval]
    changed: list[Interval]
    open: dict[int, Interval]
    # Intervals that ended before what they held already, and when (ns) that was found out.
    retracted: Sequence[tuple[Interval, int]] = ()
    # Stored intervals of which nothing is left to trust.
    removed: list[Interval] = field(default_factory=list)


class Tracker:
    """The open interval of each book, as last committed."""

    def __init__(self) -> None:
        self._open: dict[int, Interval] = {}
        self._retracted: dict[int, tuple[Interval, int]] = {}

    def plan(self, batches: Sequence[Batch]) -> Plan:
        """Work out the rows to add and to change for ``batches``, in their order."""
        stored = self._open
        now = dict(stored)
        ended: list[Interval] = []
        retracted: list[tuple[Interval, int]] = []
        for batch in batches:
            for change in batch.coverage:
                _take(change, now, ended, retracted)
            _extend(batch, now)
        # A sample is queued apart from what the feed says, so it may come after its retraction.
        late = {row.book for batch in batches for row in batch.samples if self._is_retracted(row)}
        retracted += [self._retracted[book] for book in late]
        known = {(i.book, i.epoch, i.first_id, i.from_ns) for i in stored.values()}
        plan = Plan(added=[], changed=[], open=now, retracted=retracted)
        for one in [*ended, *(i for book, i in now.items() if stored.get(book) != i)]:
            if (one.book, one.epoch, one.first_id, one.from_ns) in known:
                (plan.removed if one.is_void else plan.changed).append(one)
            elif not one.is_void:
                plan.added.append(one)
        return plan

    def _is_retracted(self, row: DepthSample) -> bool:
        """Whether a sample was taken while its book was wrong, as is known by now."""
        interval, found_ns = self._retracted.get(row.book, (None, 0))
        return (
            interval is not None
            and row.epoch == interval.epoch
            and row.last_id > interval.last_id
            and row.ts_ns <= found_ns
        )

    def keep(self, plan: Plan) -> None:
        """Take a plan over once its transaction is committed."""
        self._open = plan.open
        self._retracted |= {interval.book: (interval, found_ns) for interval, found_ns in plan.retracted}


def _take(
    change: CoverageOpened | CoverageEnded,
    now: dict[int, Interval],
    ended: list[Interval],
    retracted: list[tuple[Interval, int]],
) -> None:
    current = now.pop(change.book, None)
    match change:
        case CoverageOpened(book, epoch, ts_ns, first_id):
            if current is not None:
                ended.append(replace(current, ended_by=REPLACED))
            now[book] = Interval(book, epoch, ts_ns, ts_ns, first_id, first_id)
        case CoverageEnded(_, _, ts_ns, last_id, ended_by, found_ns):
            if current is None:
                return
            # A mismatch takes back what was covered since the venue last agreed.
            to_ns = ts_ns if found_ns is not None else max(current.to_ns, ts_ns)
            ended.append(replace(current, to_ns=to_ns, last_id=last_id, ended_by=ended_by))
            if found_ns is not None:
                retracted.append((ended[-1], found_ns))


def _extend(batch: Batch, now: dict[int, Interval]) -> None:
    """Move open intervals on to the last diff each book has in the batch."""
    rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
    if not len(rows) or not now:
        return
    last_row = np.full(len(batch.markets), -1, np.int64)
    last_row[rows[:, DiffCol.BOOK]] = np.arange(len(rows))  # of equal indices the last one stays
    for book, interval in now.items():
        at = int(last_row[book])
        if at < 0 or int(rows[at, DiffCol.EPOCH]) != interval.epoch:
            continue
        last_id = int(rows[at, DiffCol.LAST_ID])
        if last_id > interval.last_id:
            received = max(interval.to_ns, int(rows[at, DiffCol.TS_RECV_NS]))
            now[book] = replace(interval, to_ns=received, last_id=last_id)
