"""A book whose stream keeps the best levels: how far it is certified, and that it never claims more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.engine.plain import PrunedLadder
from leadline.book.messages import DepthDiff, DepthSnapshot
from leadline.book.trust.certified import Reach
from leadline.book.trust.window import Window

SIZE = 3


def ladder(bids: dict[int, int], asks: dict[int, int]) -> PrunedLadder:
    held = PrunedLadder()
    held.seed(DepthSnapshot("X", 1, 0, tuple(bids.items()), tuple(asks.items())))
    return held


@pytest.mark.parametrize(
    ("bids", "asks", "reach"),
    [
        ((100, 99, 98), (101, 102, 103), Reach(98, 103)),
        ((100, 99), (101, 102, 103), Reach(99, 103, all_bids=True)),
        ((100, 99), (101,), Reach(99, 101, all_bids=True, all_asks=True)),
        ((100, 99, 98, 97), (101, 102, 103, 104), Reach(98, 103)),  # one level each that should be gone
        ((), (101, 102, 103), Reach(101, 103, all_bids=True)),
        ((), (), None),
    ],
)
def test_it_reaches_to_its_own_last_levels(bids: tuple, asks: tuple, reach: Reach | None) -> None:
    held = ladder(dict.fromkeys(bids, 1), dict.fromkeys(asks, 1))
    assert Window(held, SIZE).reach == reach


def test_what_stands_beyond_is_dropped_when_asked_or_when_it_is_much() -> None:
    held = ladder(dict.fromkeys(range(90, 101), 1), dict.fromkeys(range(101, 105), 1))
    window = Window(held, SIZE)
    assert (window.count(), window.bound(), window.count()) == (9, 9, 0)
    assert held.top() == ([(100, 1), (99, 1), (98, 1)], [(101, 1), (102, 1), (103, 1)])
    held.set_levels([(97, 1)], [])
    assert (window.bound(), window.prune(), window.prune()) == (0, 1, 0)


Changes = st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 3)), max_size=60)


@given(Changes)
def test_within_its_reach_it_is_the_true_book_and_beyond_it_claims_nothing(changes: list) -> None:
    """The venue holds all levels and tells of the best ones; the book is held against all of them."""
    true: tuple[dict[int, int], dict[int, int]] = ({100: 1}, {110: 1})
    told = [dict(side) for side in true]
    held = ladder(*true)
    window = Window(held, SIZE)
    for n, (is_bid, distance, lots) in enumerate(changes):
        side = true[not is_bid]
        side[100 + distance - 5 if is_bid else 110 - distance + 5] = lots
        for price in [price for price, held_lots in side.items() if not held_lots]:
            del side[price]
        best = [dict(sorted(one.items(), reverse=not k)[:SIZE]) for k, one in enumerate(true)]
        news = [
            [
                (price, after.get(price, 0))
                for price in before | after
                if before.get(price) != after.get(price)
            ]
            for before, after in zip(told, best, strict=True)
        ]
        held.apply(DepthDiff("X", n + 2, n + 2, None, 0, 0, *map(tuple, news)))
        told = best
        reach = window.reach
        if reach is None:
            assert true == ({}, {})
            continue
        bids, asks = map(dict, held.top())
        assert bids == {price: lots for price, lots in true[0].items() if reach.holds_bids(price)}
        assert asks == {price: lots for price, lots in true[1].items() if reach.holds_asks(price)}
