"""Which misses of book tickers refute a book, and which are owed a refutation."""

from __future__ import annotations

import pytest

from leadline.book.messages import Bbo
from leadline.book.rows.evidence import Kind, Miss
from leadline.book.trust.attestation import Faith
from leadline.book.trust.doubts import (
    CONFIRMED,
    MOST_REFUTED,
    PERSISTENT_MISSES,
    PERSISTENT_NS,
    REFUTED_WITHIN_NS,
    Doubts,
)

OURS, THEIRS = Bbo(100, 1, 101, 1), Bbo(99, 1, 101, 1)
STEP_NS = PERSISTENT_NS // (PERSISTENT_MISSES - 1) + 1


def bracketed(n: int, ours: Bbo = OURS, theirs: Bbo = THEIRS) -> Miss:
    return Miss(Kind.BRACKETED, n, ours, n - 1, theirs, n + 1)


def at_equal_id(n: int) -> Miss:
    return Miss(Kind.EQUAL_ID, n, OURS, n, THEIRS)


def said(doubts: Doubts, misses: list[Miss], step_ns: int = STEP_NS, agreed_id: int = -1) -> list[bool]:
    return [doubts.refutes(miss, 7, n * step_ns, agreed_id) for n, miss in enumerate(misses)]


def test_misses_at_equal_ids_refute_when_no_agreement_lies_between() -> None:
    assert said(Doubts(), [at_equal_id(n) for n in range(CONFIRMED)]) == [False, True]
    assert said(Doubts(), [at_equal_id(1), bracketed(2), at_equal_id(3)]) == [False, False, True]
    doubts = Doubts()
    assert not doubts.refutes(at_equal_id(1), 7, 0, agreed_id=-1)
    assert not doubts.refutes(at_equal_id(3), 7, 1, agreed_id=2), "it agreed at 2"
    doubts.agree()
    assert not doubts.refutes(at_equal_id(4), 7, 2, agreed_id=2)
    assert doubts.is_sworn(7), "and yet only an audit answers"
    doubts.answer()
    assert not doubts.is_sworn(7)
    assert not doubts.refutes(at_equal_id(5), 7, 3, agreed_id=2)
    assert not doubts.refutes(at_equal_id(6), 8, 4, agreed_id=-1), "another epoch"
    assert [doubts.is_sworn(epoch) for epoch in (7, 8, None)] == [False, True, False]


def test_bracketed_misses_swear_nothing() -> None:
    doubts = Doubts()
    doubts.refutes(bracketed(1), 7, 0)
    assert not doubts.is_sworn(7)


@pytest.mark.parametrize(
    ("misses", "step_ns", "refutes"),
    [
        pytest.param([bracketed(n) for n in range(PERSISTENT_MISSES)], STEP_NS, True, id="stays"),
        pytest.param([bracketed(n) for n in range(PERSISTENT_MISSES - 1)], 2 * STEP_NS, False, id="few"),
        pytest.param([bracketed(n) for n in range(1000)], 9_000_000, False, id="within-nine-seconds"),
        pytest.param(
            [bracketed(n, OURS._replace(bid_lots=n)) for n in range(1000)], STEP_NS, False, id="it-changes"
        ),
        pytest.param(
            [bracketed(n, OURS._replace(ask_lots=9), THEIRS._replace(ask_lots=n + 10)) for n in range(40)],
            STEP_NS,
            True,
            id="the-ask",
        ),
        pytest.param(
            [bracketed(n, theirs=THEIRS if n % 10 else Bbo(100, 1, 102, 1)) for n in range(1000)],
            STEP_NS,
            False,
            id="a-side-agrees-now-and-then",
        ),
    ],
)
def test_a_side_that_stays_is_refuted_by_many_tickers_over_some_time(
    misses: list[Miss], step_ns: int, refutes: bool
) -> None:
    assert any(said(Doubts(), misses, step_ns)) == refutes


def test_an_agreement_begins_another_run_of_misses() -> None:
    doubts = Doubts()
    for n in range(10 * PERSISTENT_MISSES):
        if n % (PERSISTENT_MISSES - 1) == 0:
            doubts.agree()
        assert not doubts.refutes(bracketed(n), 7, n * STEP_NS)
    doubts = Doubts()
    assert not any(doubts.refutes(bracketed(n), 7, n * STEP_NS, n // 15) for n in range(200))


def test_where_ids_only_order_no_ticker_refutes() -> None:
    doubts = Doubts(Faith(refute=False))
    assert not any(said(doubts, [at_equal_id(n) for n in range(100)]))
    assert not doubts.is_sworn(7)
    assert doubts.settle(0), "an audit does"


def test_so_many_refutations_within_a_minute_and_then_they_are_owed() -> None:
    doubts, at = Doubts(), 10 * REFUTED_WITHIN_NS
    assert [doubts.settle(at + n) for n in range(MOST_REFUTED + 1)] == [*[True] * MOST_REFUTED, False]
    assert doubts.owed
    doubts.refutes(at_equal_id(1), 7, at + 10)
    assert not doubts.owed, "one miss refutes nothing"
    assert not doubts.refutes(at_equal_id(2), 7, at + 11)
    assert doubts.owed
    assert doubts.refutes(at_equal_id(3), 7, at + REFUTED_WITHIN_NS)
