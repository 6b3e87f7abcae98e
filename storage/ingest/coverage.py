"""
Which intervals of which books may be trusted, kept in step with the diffs that are stored.

An interval is opened and ended by the books; in between, every stored diff of its epoch extends it, in
the transaction that stores the diff. So whatever moment the process dies at, coverage ends where the data
ends. State moves only when a commit is known to have happened (`Tracker.keep`).

Our clock may be set at any time. An interval is by one setting of it: where an update after a step joins
those before it, the interval ends at the step, by ``clock_step``, and another goes on from the same id.
No update is missing between the two. Which of them is newer, `storage.ingest.order` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadline.book.rows.batch import (
    Batch,
    Count,
    CoverageEnded,
    CoverageOpened,
    DepthSample,
    DiffCol,
    Market,
)
from leadline.book.rows.feed import ClockStepped
from leadline.storage.ingest.order import Key, Orders

if TYPE_CHECKING:
    import duckdb

REPLACED = "replaced"  # a book opened a new interval without ending the old one
STEPPED = "clock_step"  # our clock was set; the interval goes on in another
FUTURE_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Interval:
    """
    One row of ``coverage``: times in ns since 1970; ``ended_by`` None while it grows.

    ``offset_ns`` is our wall clock less the monotonic one, None if that is not known.
    """

    book: int
    epoch: int
    from_ns: int
    to_ns: int
    first_id: int
    last_id: int
    ended_by: str | None = None
    seq: int = field(default=0, compare=False)
    numbering: int = field(default=1, compare=False)
    offset_ns: int | None = field(default=None, compare=False)
    event_ns: int | None = field(default=None, compare=False)  # venue's time of its last diff

    @property
    def is_void(self) -> bool:
        """Whether what was found out later left nothing of it: not even its first book was right."""
        return self.last_id < self.first_id


@dataclass(frozen=True, slots=True)
class Step:
    """One row of ``clock_steps``."""

    seq: int
    stepped: ClockStepped


@dataclass(slots=True)
class Plan:
    """What a transaction does to ``coverage``, and what is known after it."""

    added: list[Interval] = field(default_factory=list)
    changed: list[Interval] = field(default_factory=list)
    # Intervals that ended before what they held already, and when (ns) that was found out.
    retracted: list[tuple[Interval, int]] = field(default_factory=list)
    # Stored intervals of which nothing is left to trust.
    removed: list[Interval] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    books: dict[int, Run] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)


@dataclass(frozen=True, slots=True)
class Run:
    """
    How a book is covered without a missing update: the interval that grows, and those of before a step.

    ``pending`` are steps that no update has followed yet; ``stored`` says which of the intervals are.
    """

    now: Interval
    parts: tuple[Interval, ...] = ()
    pending: tuple[ClockStepped, ...] = ()
    stored: frozenset[int] = frozenset()


class Tracker:
    """The open interval of each book, as last committed; ``is_recorded`` when a recording is played."""

    def __init__(self, markets: Sequence[Market] = (), *, is_recorded: bool = False) -> None:
        self._markets = markets
        self._runs: dict[int, Run] = {}
        self._orders = Orders(is_recorded=is_recorded)
        self._retracted: dict[int, tuple[Interval, int]] = {}

    def load(self, con: duckdb.DuckDBPyConnection) -> None:
        """Go on from what earlier writers left."""
        self._orders.load(con)

    def plan(self, batches: Sequence[Batch]) -> Plan:
        """Work out the rows to add and to change for ``batches``, in their order."""
        draft = _Draft(self._markets, dict(self._runs), self._orders.copy())
        for batch in batches:
            draft.take(batch)
        plan = draft.finish()
        # A sample is queued apart from what the feed says, so it may come after its retraction.
        late = {row.book for batch in batches for row in batch.samples if self._is_retracted(row)}
        plan.retracted += [self._retracted[book] for book in late]
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
        self._runs, self._orders = plan.books, plan.orders
        self._retracted |= {interval.book: (interval, found_ns) for interval, found_ns in plan.retracted}


class _Draft:
    """A plan while it is made."""

    def __init__(self, markets: Sequence[Market], runs: dict[int, Run], orders: Orders) -> None:
        self._markets = markets
        self._runs = runs
        self._before = dict(runs)
        self._stored = {seq for run in runs.values() for seq in run.stored}
        self._ended: list[Interval] = []
        self._plan = Plan(orders=orders)
        self._offset_ns: int | None = None
        self._until_ns = FUTURE_NS  # what our clock shows at the next step, or as the batch ends

    def take(self, batch: Batch) -> None:
        """Take what a batch says, step by step of our clock."""
        rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
        steps = [change for change in batch.coverage if isinstance(change, ClockStepped)]
        ends_ns = [
            *(step.before_ns for step in steps),
            FUTURE_NS if batch.handed is None else batch.handed[0],
        ]
        self._until_ns = ends_ns.pop(0)
        if steps:
            self._offset_ns = steps[0].before_ns - steps[0].mono_ns
        elif batch.handed is not None:
            self._offset_ns = batch.handed[0] - batch.handed[1]
        at = 0
        for change in batch.coverage:
            match change:
                case CoverageOpened():
                    self._open(change, rows)
                case CoverageEnded():
                    self._end(change, rows)
                case ClockStepped():
                    self._extend(rows[at : change.diffs])
                    at = change.diffs
                    self._step(change)
                    self._until_ns = ends_ns.pop(0)
        self._extend(rows[at:])

    def finish(self) -> Plan:
        """Tell what is to be added, changed and removed."""
        plan = self._plan
        growing = [run.now for book, run in self._runs.items() if self._is_new(book, run.now)]
        last = {one.seq: one for one in [*self._ended, *growing]}
        for seq, one in last.items():
            if seq in self._stored:
                (plan.removed if one.is_void else plan.changed).append(one)
            elif not one.is_void:
                plan.added.append(one)
        for one in growing:
            self._reach(one)
        plan.books = {
            book: replace(run, stored=frozenset(each.seq for each in (*run.parts, run.now)))
            for book, run in self._runs.items()
        }
        return plan

    def _is_new(self, book: int, now: Interval) -> bool:
        before = self._before.get(book)
        return before is None or before.now != now or before.now.seq != now.seq

    def _reach(self, one: Interval) -> None:
        self._plan.orders.reach(self._key(one.book), one.numbering, one.last_id, one.event_ns)

    def _key(self, book: int) -> Key:
        if book >= len(self._markets):
            return "", str(book)
        return self._markets[book].venue, self._markets[book].symbol

    def _open(self, opened: CoverageOpened, rows: NDArray[np.int64]) -> None:
        book, epoch, ts_ns, first_id = opened.book, opened.epoch, opened.ts_ns, opened.first_id
        run = self._runs.pop(book, None)
        if run is not None:
            self._ended.append(replace(run.now, ended_by=REPLACED))
            self._reach(run.now)
        orders = self._plan.orders
        numbering = orders.numbering(self._key(book), first_id, _event_ns(rows, book, epoch))
        self._runs[book] = Run(
            Interval(
                book, epoch, ts_ns, ts_ns, first_id, first_id,
                seq=orders.next_seq(), numbering=numbering, offset_ns=self._offset_ns,
            )
        )  # fmt: skip

    def _end(self, ended: CoverageEnded, rows: NDArray[np.int64]) -> None:
        run = self._runs.pop(ended.book, None)
        if run is None:
            return
        if run.pending and ended.last_id > run.now.last_id:
            run = self._split(run)
        parts, now = list(run.parts), run.now
        # The end may lie before a step, or be found to.
        while parts and ended.last_id <= now.first_id:
            self._ended.append(replace(now, last_id=now.first_id - 1))
            now = parts.pop()
        # A mismatch takes back what was covered since the venue last agreed.
        is_back = now is not run.now or ended.found_ns is not None
        now = replace(
            now,
            to_ns=max(now.from_ns if is_back else now.to_ns, min(ended.ts_ns, self._until_ns)),
            last_id=ended.last_id,
            ended_by=ended.ended_by,
            event_ns=_event_ns(rows, ended.book, now.epoch, ended.last_id) or now.event_ns,
        )
        self._ended.append(now)
        self._reach(now)
        if ended.found_ns is not None:
            self._plan.retracted.append((now, ended.found_ns))

    def _step(self, step: ClockStepped) -> None:
        self._plan.steps.append(Step(self._plan.orders.next_seq(), step))
        self._offset_ns = step.after_ns - step.mono_ns
        for book, run in self._runs.items():
            self._runs[book] = replace(run, pending=(*run.pending, step))

    def _split(self, run: Run) -> Run:
        """Let the interval go on by the clock as it is set now: an update has followed."""
        parts, now = list(run.parts), run.now
        for step in run.pending:
            parts.append(replace(now, to_ns=max(now.to_ns, step.before_ns), ended_by=STEPPED))
            self._ended.append(parts[-1])
            now = replace(
                now,
                from_ns=step.after_ns,
                to_ns=step.after_ns,
                first_id=now.last_id,
                seq=self._plan.orders.next_seq(),
                offset_ns=step.after_ns - step.mono_ns,
            )
        return Run(now, tuple(parts), (), run.stored)

    def _extend(self, rows: NDArray[np.int64]) -> None:
        """Move open intervals on to the last diff each book has in ``rows``."""
        if not len(rows) or not self._runs:
            return
        last_row = np.full(int(rows[:, DiffCol.BOOK].max()) + 1, -1, np.int64)
        last_row[rows[:, DiffCol.BOOK]] = np.arange(len(rows))  # of equal indices the last one stays
        for book, run in self._runs.items():
            at = int(last_row[book]) if book < len(last_row) else -1
            if at < 0 or int(rows[at, DiffCol.EPOCH]) != run.now.epoch:
                continue
            last_id = int(rows[at, DiffCol.LAST_ID])
            if last_id <= run.now.last_id:
                continue
            whole = self._split(run) if run.pending else run
            # Diffs that waited for a seed may be dated by the clock before it was set back.
            received_ns = min(int(rows[at, DiffCol.TS_RECV_NS]), self._until_ns)
            now = replace(
                whole.now,
                to_ns=max(whole.now.to_ns, received_ns),
                last_id=last_id,
                event_ns=int(rows[at, DiffCol.TS_EVENT_NS]) or None,
                offset_ns=self._offset_ns,
            )
            self._runs[book] = replace(whole, now=now)


def _event_ns(rows: NDArray[np.int64], book: int, epoch: int, until_id: int = FUTURE_NS) -> int | None:
    """Return the venue's time of the last diff of an epoch among ``rows``; None where there is none."""
    of_it = rows[(rows[:, DiffCol.BOOK] == book) & (rows[:, DiffCol.EPOCH] == epoch)]
    of_it = of_it[of_it[:, DiffCol.LAST_ID] <= until_id]
    return int(of_it[-1, DiffCol.TS_EVENT_NS]) or None if len(of_it) else None
