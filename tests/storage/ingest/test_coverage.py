"""Coverage as a transcript: what the books said, which diffs were stored, which rows follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from leadline.book.rows.batch import Batch, CoverageEnded, CoverageOpened
from leadline.book.rows.feed import ClockStepped
from leadline.storage.ingest.coverage import Interval, Tracker
from tests.storage.helpers import MARKETS, START_NS, STEP_NS, diff


def at(update_id: int) -> int:
    return START_NS + update_id * STEP_NS


def opened(first: int, *, epoch: int = 1, book: int = 0) -> CoverageOpened:
    return CoverageOpened(book, epoch, at(first), first)


def ended(last: int, by: str, *, epoch: int = 1, book: int = 0) -> CoverageEnded:
    return CoverageEnded(book, epoch, at(last), last, by)


def batch(
    *changes: CoverageOpened | CoverageEnded | ClockStepped, ids: Sequence[int] = (), epoch: int = 1
) -> Batch:
    made = Batch(MARKETS)
    made.coverage.extend(changes)
    for one in ids:
        made.add_diff(0, epoch, diff(one, one))
    return made


def interval(first: int, last: int, by: str | None = None, *, epoch: int = 1) -> Interval:
    return Interval(0, epoch, at(first), at(last), first, last, by)


@pytest.mark.parametrize(
    ("batches", "added", "changed"),
    [
        pytest.param([batch(opened(5))], [interval(5, 5)], [], id="opened-without-diffs"),
        pytest.param([batch(opened(5), ids=[6, 7])], [interval(5, 7)], [], id="opened-and-extended"),
        pytest.param(
            [batch(opened(5), ids=[6]), batch(ids=[7, 8])],
            [interval(5, 8)],
            [],
            id="two-batches-in-one-commit",
        ),
        pytest.param([batch(opened(5), ids=[5])], [interval(5, 5)], [], id="nothing-newer"),
        pytest.param(
            [batch(opened(5), ended(6, "gap"), ids=[6, 9])],
            [interval(5, 6, "gap")],
            [],
            id="ended-at-its-id",
        ),
        pytest.param(
            [batch(opened(5), ended(6, "gap"), opened(20, epoch=2), ids=[6])],
            [interval(5, 6, "gap"), interval(20, 20, epoch=2)],
            [],
            id="diffs-of-the-old-epoch-do-not-extend-the-new",
        ),
        pytest.param(
            [batch(opened(5)), batch(opened(9), ids=[10])],
            [interval(5, 5, "replaced"), interval(9, 10)],
            [],
            id="opened-twice",
        ),
        pytest.param([batch(ended(5, "gap"))], [], [], id="ended-without-opening"),
        pytest.param([batch(ids=[1, 2])], [], [], id="diffs-without-trust"),
    ],
)
def test_first_commit(batches: list[Batch], added: list[Interval], changed: list[Interval]) -> None:
    plan = Tracker().plan(batches)
    assert (list(plan.added), list(plan.changed)) == (added, changed)


@pytest.mark.parametrize(
    ("later", "added", "changed"),
    [
        pytest.param(batch(ids=[7, 8]), [], [interval(5, 8)], id="extended"),
        pytest.param(batch(ids=[9], epoch=2), [], [], id="another-epoch"),
        pytest.param(
            batch(ended(7, "silent"), opened(8), ids=[7, 8, 9]),
            [interval(8, 9)],
            [interval(5, 7, "silent")],
            id="ended-and-opened-again-in-one-epoch",
        ),
        pytest.param(batch(opened(5, book=1)), [Interval(1, 1, at(5), at(5), 5, 5)], [], id="another-book"),
    ],
)
def test_second_commit_changes_what_is_stored(
    later: Batch, added: list[Interval], changed: list[Interval]
) -> None:
    tracker = Tracker()
    tracker.keep(tracker.plan([batch(opened(5), ids=[6])]))
    plan = tracker.plan([later])
    assert (list(plan.added), list(plan.changed)) == (added, changed)


def test_a_plan_that_was_not_kept_leaves_no_trace() -> None:
    tracker = Tracker()
    first = batch(opened(5), ids=[6])
    assert tracker.plan([first]) == tracker.plan([first])


def test_time_never_runs_backwards_when_the_clock_does() -> None:
    tracker = Tracker()
    tracker.keep(tracker.plan([batch(opened(5), ids=[9])]))
    late = Batch(MARKETS)
    late.diffs[0] = (0, 1, at(1), at(1), 10, 10, -1, 0, 0, 0, 0, 0, 0)
    late.counts[0] = 1
    (row,) = tracker.plan([late]).changed
    assert (row.to_ns, row.last_id) == (at(9), 10)


def test_an_interval_never_ends_before_its_begin() -> None:
    """A book may be LIVE on diffs that came before its seed did."""
    plan = Tracker().plan([batch(opened(5), CoverageEnded(0, 1, at(3), 5, "stopped"))])
    assert plan.added == [interval(5, 5, "stopped")]


def test_a_mismatch_takes_back_what_was_covered_since_the_venue_agreed() -> None:
    tracker = Tracker()
    tracker.keep(tracker.plan([batch(opened(5), ids=[6, 7, 8])]))
    plan = tracker.plan([batch(CoverageEnded(0, 1, at(6), 6, "mismatch", at(9)), opened(9), ids=[9, 10])])
    assert plan.changed == [interval(5, 6, "mismatch")]
    assert plan.added == [interval(9, 10)]
    assert plan.retracted == [(interval(5, 6, "mismatch"), at(9))]


# -- our clock is set ------------------------------------------------------------------------------

BACK_NS = -10_000_000_000


def stepped(after: int, *, diffs: int = 0, by_ns: int = BACK_NS) -> ClockStepped:
    """A step just after the id ``after`` came."""
    return ClockStepped("v", at(after), at(after) + by_ns, at(after) - START_NS, diffs)


def after_step(first: int, last: int, by: str | None = None, *, to: int | None = None) -> Interval:
    """An interval that goes on from ``first`` by the clock after the step."""
    end_ns = at(last) if to is None else to
    return Interval(0, 1, at(first) + BACK_NS, end_ns + BACK_NS, first, last, by)


def late(*ids: int) -> Batch:
    """Diffs that are dated by the clock after the step."""
    made = Batch(MARKETS)
    for one in ids:
        made.add_diff(0, 1, replace(diff(one, one), ts_recv_ns=at(one) + BACK_NS))
    return made


def begun() -> Tracker:
    tracker = Tracker(MARKETS)
    tracker.keep(tracker.plan([batch(opened(5), ids=[6, 7])]))
    return tracker


def test_an_update_after_a_step_ends_the_interval_there_and_another_goes_on() -> None:
    tracker = begun()
    plan = tracker.plan([batch(stepped(7))])
    assert (plan.added, plan.changed, [step.seq for step in plan.steps]) == ([], [], [2])
    tracker.keep(plan)
    plan = tracker.plan([late(8)])
    assert plan.changed == [interval(5, 7, "clock_step")]
    assert plan.added == [after_step(7, 8)]
    assert [one.seq for one in (*plan.changed, *plan.added)] == [1, 3]


def test_without_an_update_after_it_a_step_says_nothing_of_the_book() -> None:
    tracker = begun()
    tracker.keep(tracker.plan([batch(stepped(7))]))
    plan = tracker.plan([batch(ended(7, "session_lost"))])
    assert (plan.added, plan.changed) == ([], [interval(5, 7, "session_lost")])


def test_a_step_between_the_diffs_of_a_batch() -> None:
    one = batch(stepped(6, diffs=1), ids=[6])
    later = late(7, 8)
    one.diffs[1:3] = later.diffs[:2]
    one.counts[0] = 3
    plan = Tracker(MARKETS).plan([batch(opened(5)), one])
    assert plan.added == [interval(5, 6, "clock_step"), after_step(6, 8)]


def test_a_mismatch_takes_back_across_a_step() -> None:
    tracker = begun()
    tracker.keep(tracker.plan([batch(stepped(7)), late(8, 9)]))
    plan = tracker.plan([batch(CoverageEnded(0, 1, at(6), 6, "mismatch", at(9) + BACK_NS))])
    assert plan.changed == [interval(5, 6, "mismatch")]
    assert [one.first_id for one in plan.removed] == [7]
    assert plan.added == []


def test_an_end_after_a_step_is_by_the_clock_after_it() -> None:
    tracker = begun()
    tracker.keep(tracker.plan([batch(stepped(7)), late(8)]))
    plan = tracker.plan([batch(CoverageEnded(0, 1, at(8) + BACK_NS, 8, "stopped"))])
    assert plan.changed == [after_step(7, 8, "stopped")]


def test_diffs_that_waited_for_a_seed_may_be_dated_by_the_clock_before() -> None:
    waited = batch(CoverageOpened(0, 1, at(9) + BACK_NS, 9), ids=[10])
    waited.handed = (at(11) + BACK_NS, at(11) - START_NS)
    (row,) = Tracker(MARKETS).plan([waited]).added
    assert row.to_ns == at(11) + BACK_NS
