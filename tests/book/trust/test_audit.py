"""A book held against a REST snapshot: what is compared, what is left out, what counts as proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.book.messages import Bbo, DepthDiff, DepthSnapshot, Level
from leadline.book.rows.batch import Batch
from leadline.book.rows.evidence import Kind
from leadline.book.trust.attestation import PlainAttestor
from leadline.book.trust.audit import Audit, Change, Standing, audit, changes_in
from leadline.book.trust.certified import Reach
from leadline.book.trust.witness import MOST_EVIDENCE, Witness

LIMIT = 3
BIDS: list[Level] = [(100, 1), (99, 2), (98, 3), (97, 4)]
ASKS: list[Level] = [(101, 1), (102, 2), (103, 3), (104, 4)]
WIDE = Reach(90, 110)


def standing(reach: Reach = WIDE, n: int = 10) -> Standing:
    return Standing.of(10, 1, (BIDS[:n], ASKS[:n]), n, reach)


def snapshot(last_id: int, bids: list[Level], asks: list[Level]) -> DepthSnapshot:
    return DepthSnapshot("X", last_id, 0, tuple(bids), tuple(asks))


def places(found: Audit | None) -> list[tuple[int, int]]:
    assert found is not None
    return [(miss.theirs.bid_ticks, miss.theirs.ask_ticks) for miss in found.misses]


def test_a_book_at_the_snapshot_s_id_is_compared_level_by_level() -> None:
    found = audit(standing(), [], snapshot(10, BIDS[:LIMIT], ASKS[:LIMIT]), LIMIT)
    assert found == Audit(2 * LIMIT, (), True, 10, 1)


@pytest.mark.parametrize(
    ("bids", "asks", "ours", "theirs"),
    [
        ([(100, 1), (99, 9), (98, 3)], ASKS, Bbo(99, 2, 0, 0), Bbo(99, 9, 0, 0)),
        ([(100, 1), (98, 3), (97, 4)], ASKS, Bbo(99, 2, 0, 0), Bbo(99, 0, 0, 0)),
        (BIDS, [(101, 1), (102, 2), (103, 7)], Bbo(0, 0, 103, 3), Bbo(0, 0, 103, 7)),
    ],
)
def test_a_level_that_differs_is_told(bids: list[Level], asks: list[Level], ours: Bbo, theirs: Bbo) -> None:
    found = audit(standing(), [], snapshot(10, bids[:LIMIT], asks[:LIMIT]), LIMIT)
    assert found is not None
    (miss,) = found.misses
    assert miss == (Kind.AUDIT, 10, ours, 10, theirs, -1)
    assert "REST snapshot 10" in miss.why()


def test_a_level_that_only_the_venue_has_is_told() -> None:
    known = Standing.of(10, 1, ([(100, 1), (98, 3)], ASKS), 10, WIDE)
    assert places(audit(known, [], snapshot(10, BIDS[:LIMIT], ASKS[:LIMIT]), LIMIT)) == [(99, 0)]


def test_the_book_is_led_to_the_snapshot_by_its_diffs() -> None:
    changes = [Change(9, 2, [(100, 7)], []), Change(12, 5, [(99, 0)], [(101, 8)]), Change(15, 6, [], [])]
    true = snapshot(12, [(100, 1), (98, 3), (97, 4)], [(101, 8), *ASKS[1:LIMIT]])
    found = audit(standing(), changes, true, LIMIT)
    assert found == Audit(2 * LIMIT, (), True, 12, 5)


def test_prices_of_the_diff_that_spans_the_snapshot_are_left_out() -> None:
    spanning = Change(15, 6, [(99, 5)], [(102, 0)])
    within = snapshot(12, [(100, 1), (99, 77), (98, 8)], [(101, 1), (102, 2), (103, 3)])
    found = audit(standing(), [spanning, Change(20, 7, [(98, 8)], [])], within, LIMIT)
    assert places(found) == [(98, 0)]
    assert found is not None
    assert (found.is_exact, found.levels, found.book_id) == (False, 4, 10)


def test_what_cannot_be_told_is_not() -> None:
    assert audit(standing(), [], snapshot(9, BIDS, ASKS), LIMIT) is None, "older than the note"
    assert audit(standing(), [Change(12, 5, [], [])], snapshot(13, BIDS, ASKS), LIMIT) is None, (
        "not reached"
    )


@pytest.mark.parametrize(
    ("reach", "n", "told"),
    [
        (Reach(99, 102), 10, []),
        (Reach(97, 104), 10, [(97, 0), (0, 104)]),
        (Reach(99, 102, all_bids=True), 10, [(97, 0)]),
        (Reach(99, 102, all_asks=True), 10, [(0, 104)]),
        (WIDE, 3, []),  # noted down no farther
    ],
)
def test_only_certified_prices_are_compared(reach: Reach, n: int, told: list[tuple[int, int]]) -> None:
    unlike = snapshot(10, [*BIDS[:3], (97, 9)], [*ASKS[:3], (104, 9)])
    assert places(audit(standing(reach, n), [], unlike, 4)) == told


def test_a_snapshot_shorter_than_asked_for_is_the_whole_book() -> None:
    assert places(audit(standing(), [], snapshot(10, BIDS[:3], ASKS), 4)) == [(97, 0)]
    assert places(audit(standing(), [], snapshot(10, BIDS[:3], ASKS[:3]), 3)) == []


# -- states with another name, and windows ---------------------------------------------------------


def test_a_listing_finds_the_book_by_what_it_calls_its_states() -> None:
    noted = replace(standing(), witness_id=700)
    changes = [Change(11, 5, [(99, 0)], [], 710), Change(12, 6, [(98, 8)], [], 720)]
    after = snapshot(3, [(100, 1), (98, 3), (97, 4)], ASKS[:LIMIT])
    found = audit(noted, changes, replace(after, shared_id=710), LIMIT)
    assert found == Audit(2 * LIMIT, (), True, 11, 5), "told by the book's own id"
    within = audit(noted, changes, replace(after, shared_id=715), LIMIT)
    assert within is not None
    assert (within.is_exact, within.misses, within.levels) == (False, (), 5)
    assert audit(noted, changes, replace(after, shared_id=699), LIMIT) is None
    assert audit(noted, changes, replace(after, shared_id=721), LIMIT) is None
    wrong = audit(noted, changes, replace(after, shared_id=710, bids=((100, 2), *after.bids[1:])), LIMIT)
    assert wrong is not None
    assert [(miss.book_id, miss.witness_id) for miss in wrong.misses] == [(11, 710)]


@pytest.mark.parametrize(
    ("changes", "levels", "missed"),
    [
        pytest.param([], 8, [], id="as-noted"),
        pytest.param(
            [Change(12, 5, [(101, 9), (97, 0)], [(101, 0)])],
            7,
            [],
            id="what-left-the-window-goes-on-resting",
        ),
        pytest.param(
            [Change(12, 5, [(100, 0), (96, 5)], [])], 8, [(96, 0)], id="what-came-in-is-held-to-it"
        ),
        pytest.param(
            [Change(12, 5, [(100, 0)], [])], 8, [(96, 0)], id="fewer-than-the-window-are-all-there-are"
        ),
    ],
)
def test_a_window_is_compared_to_where_it_ends(changes: list[Change], levels: int, missed: list) -> None:
    noted = replace(standing(n=100), window=4)
    bids, asks = dict(BIDS), dict(ASKS)
    for change in changes:
        bids |= dict(change.bids)
        asks |= dict(change.asks)
    rest = {97: 4, 96: 7, 95: 8} if changes else {96: 7, 95: 8}  # what the venue holds beyond it
    theirs = rest | {price: lots for price, lots in bids.items() if lots and price != 96}
    listed = (
        sorted(theirs.items(), reverse=True),
        [level for level in sorted(asks.items()) if level[1]],
    )
    last_id = changes[-1].last_id if changes else 10
    found = audit(noted, changes, snapshot(last_id, *listed), 1000)
    assert found is not None
    assert places(found)[: len(missed)] == missed
    assert bool(found.misses) == bool(missed)
    assert missed or found.levels == levels


@pytest.mark.parametrize("exact", [False, True])
def test_a_miss_is_proof_when_it_is_found_again(exact: bool) -> None:
    def found(*bids: int) -> Audit:
        unlike = [(price, lots + 1) if price in bids else (price, lots) for price, lots in BIDS]
        changes = [] if exact else [Change(15, 6, [], [])]
        got = audit(standing(), changes, snapshot(10 if exact else 12, unlike, ASKS), 4)
        assert got is not None
        assert (got.is_exact, got.is_confirmed) == (exact, False)
        return got

    first = found(99, 98)
    again = first.confirmed(found(98, 97))
    assert (places(again), again.is_confirmed) == ([(98, 0)], True)
    for by in (found(), found(97)):
        assert first.confirmed(by) == replace(first, misses=()), (
            "it did not last; another level is none of it"
        )


def test_a_level_that_a_diff_set_around_the_snapshot_is_no_miss() -> None:
    """The snapshot's id lags behind its content, or runs ahead of it: a diff near it set the price."""
    unlike = snapshot(10, [(100, 9), (99, 9), (98, 3)], [(101, 9), (102, 9), (103, 3)])
    found = audit(standing(), [], unlike, LIMIT)
    assert found is not None
    assert places(found) == [(100, 0), (99, 0), (0, 101), (0, 102)]
    assert places(found.lasting([])) == places(found)
    later = [Change(11, 3, [(99, 9)], []), Change(12, 4, [], [(101, 9), (99, 0)])]
    lasting = found.lasting(later)
    assert places(lasting) == [(100, 0), (0, 102)], "of its own side"
    assert replace(lasting, misses=found.misses) == found


def test_the_diffs_of_one_book_are_read_off_a_batch() -> None:
    batch = Batch([])
    for book, epoch, last_id in ((0, 7, 1), (1, 7, 2), (0, 7, 3), (0, 8, 4)):
        levels = ((last_id, 10), (last_id + 1, 0)), ((last_id + 2, 5),)
        batch.add_diff(book, epoch, DepthDiff("X", last_id, last_id, None, 0, last_id, *levels))
    assert [change.last_id for change in changes_in(batch, 0, 7)] == [1, 3]
    (change,) = changes_in(batch, 1, 7)
    assert (change.recv_ns, change.bids, change.asks) == (2, [[2, 10], [3, 0]], [[4, 5]])
    assert changes_in(Batch([]), 0, 7) == []


def test_audits_are_counted_in_their_minute_and_their_evidence_is_kept() -> None:
    witness, batch, minute_ns = Witness(4, PlainAttestor()), Batch([]), 60_000_000_000
    clean = audit(standing(), [], snapshot(10, BIDS, ASKS), 4)
    wrong = audit(
        standing(Reach(90, 110, all_bids=True)),
        [],
        snapshot(10, [(price, 50) for price in range(100, 70, -1)], ASKS),
        50,
    )
    assert clean is not None
    assert wrong is not None
    assert not witness.take_audit(clean, 7, 5 * minute_ns + 1, batch)
    assert witness.agreed_in(7, Kind.AUDIT) == (10, 1)
    assert witness.agreed_in(8, Kind.AUDIT) == (-1, 0), "of another epoch"
    assert witness.take_audit(replace(wrong, is_confirmed=True), 7, 6 * minute_ns, batch)
    witness.close(batch)
    witness.close(batch)
    assert [
        (row.minute_ns // minute_ns, row.tally.audited, row.tally.audit_misses)
        for row in batch.attestations
    ] == [
        (5, 8, 0),
        (6, wrong.levels, len(wrong.misses)),
    ]
    assert len(wrong.misses) > MOST_EVIDENCE
    assert len(batch.mismatches) == MOST_EVIDENCE
    assert all(row.refuted and row.epoch == 7 and row.book == 4 for row in batch.mismatches)
