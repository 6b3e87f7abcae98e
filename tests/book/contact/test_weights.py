from __future__ import annotations

import pytest

from leadline.book.contact.depth import look_at_depths
from leadline.book.contact.findings import Tally, Verdict
from leadline.book.contact.weights import WeightCheck
from leadline.book.messages import DepthSnapshot

HOLDS, BROKEN, NOTED = Verdict.HOLDS, Verdict.BROKEN, Verdict.NOTED


@pytest.mark.parametrize(
    ("used", "verdict", "counted"),
    [
        ([1, 6, 11], HOLDS, "counted 5, 5"),
        ([1, 11, 21], BROKEN, "counted 10, 10"),
        ([1, 3, 5], BROKEN, "counted 2, 2"),
        ([1, 11, 16], HOLDS, "counted 10, 5"),  # somebody else asked in between
        ([1, 11, 12], NOTED, "counted 10, 1"),
        ([1, 11, 3], NOTED, "counted 10"),  # a new minute began
    ],
)
def test_a_weight_is_what_the_venue_counts(used: list[int], verdict: Verdict, counted: str) -> None:
    check = WeightCheck("rest-api.md")
    for n in used:
        check.note("a book", 5, n)
    found = {one.assumption: one for one in check.findings(tells=True, limit=6000, stated=6000)}
    assert found["weight of a book is 5"].verdict is verdict
    assert found["weight of a book is 5"].detail.startswith(counted)
    assert found["used weight is told by each answer"].verdict is HOLDS


def test_requests_that_are_not_noted_are_not_counted_to_the_next() -> None:
    check = WeightCheck("")
    check.note("a book", 5, 1)
    check.break_off()
    check.note("a book", 5, 100)
    check.note("a book", 5, 105)
    found = {one.assumption: one.detail for one in check.findings(tells=True, limit=1, stated=None)}
    assert found["weight of a book is 5"] == "counted 5"


@pytest.mark.parametrize(
    ("tells", "stated", "verdicts"),
    [(True, 6000, [BROKEN, HOLDS]), (True, 1200, [BROKEN, BROKEN]), (False, None, [Verdict.UNSEEN])],
)
def test_what_is_not_told_is_told(tells: bool, stated: int | None, verdicts: list[Verdict]) -> None:
    check = WeightCheck("")
    check.note("a book", 5, None)
    assert [one.verdict for one in check.findings(tells=tells, limit=6000, stated=stated)] == verdicts


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        ({100: 100, 500: 500, 5000: 3210}, HOLDS),
        ({100: 100, 500: 391, 5000: 402}, HOLDS),  # the market has no more, and it moves
        ({100: 7, 500: 500, 5000: 3210}, BROKEN),
        ({100: 101, 5000: 3210}, BROKEN),
        ({100: 100, 500: 100, 5000: 100}, BROKEN),  # cut at a smaller limit
        ({100: 100, 5000: 5000}, HOLDS),
        ({}, Verdict.UNSEEN),
    ],
)
def test_order_books_are_as_deep_as_asked_for(levels: dict[int, int], verdict: Verdict) -> None:
    tally = Tally("depth", "deep")
    sides = {n: tuple((price, 1) for price in range(1, n + 1)) for n in levels.values()}
    look_at_depths(
        tally, {limit: DepthSnapshot("X", 1, 0, sides[n], sides[n]) for limit, n in levels.items()}
    )
    assert tally.finding().verdict is verdict
