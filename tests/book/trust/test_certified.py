"""How far a book is certified, from its seed; and figures that reach further are none."""

from __future__ import annotations

from fractions import Fraction

import pytest

from leadline.book.trust.certified import Reach
from tests.book.fake_venue import ENGINES
from tests.book.heard import Heard


def levels(*prices: int) -> list[tuple[int, int]]:
    return [(price, 1) for price in prices]


@pytest.mark.parametrize(
    ("bids", "asks", "reach"),
    [
        pytest.param(levels(5, 4), levels(6, 9), Reach(4, 9, True, True), id="two-is-no-limit"),
        pytest.param(levels(*range(5, 0, -1)), levels(*range(6, 11)), Reach(1, 10), id="cut-on-both-sides"),
        pytest.param(levels(*range(5, 0, -1)), levels(6, 7), Reach(1, 7, False, True), id="few-asks"),
        pytest.param(levels(5), levels(*range(6, 11)), Reach(5, 10, True, False), id="few-bids"),
        pytest.param([], levels(*range(6, 11)), Reach(6, 10, True, False), id="no-bids"),
        pytest.param([], [], None, id="empty"),
    ],
)
def test_a_seed_tells_how_far(bids, asks, reach) -> None:
    assert Reach.of_seed(bids, asks) == reach


def test_distances_and_edges() -> None:
    reach = Reach(9_900, 10_200)
    assert reach.bps(Fraction(10_000)) == (100.0, 200.0)
    assert reach.bps(Fraction(9_800)) == (0.0, pytest.approx(408.163, abs=0.001))  # the price left the band
    assert (reach.holds_bids(9_900), reach.holds_bids(9_899)) == (True, False)
    assert (reach.holds_asks(10_200), reach.holds_asks(10_201)) == (True, False)
    whole = Reach(9_900, 10_200, all_bids=True)
    assert (whole.holds_bids(1), whole.bps(Fraction(10_000))[0]) == (True, 10_000.0)
    assert not whole.without(3, 0).holds_bids(1)  # what was dropped is not known any more
    assert reach.why_not(Fraction(10_000)) == (
        "the book is certified 100.0 bps below and 200.0 bps above the mid"
    )


SEED = (
    b'{"lastUpdateId":7,"bids":[["1.00","5"],["0.99","6"],["0.98","1"],["0.97","1"],["0.96","1"]],'
    b'"asks":[["1.01","7"],["1.02","1"],["1.03","1"],["1.04","1"],["1.05","8"]]}'
)


@pytest.mark.parametrize("engine", ENGINES)
def test_figures_beyond_the_seed_are_none_with_a_reason(engine: str) -> None:
    heard = Heard(engine)
    heard.depth(6, 8)
    heard.seed(SEED)
    near = heard.book.sample(5, (10.0, 400.0), 99)
    assert near.bid_depth == (0.0, 13.0)
    assert near.ask_depth == (0.0, 10.0)
    assert (near.certified_bid_bps, near.certified_ask_bps) == (
        pytest.approx(447.761, abs=0.001),
        pytest.approx(447.761, abs=0.001),
    )
    assert near.uncertified is None
    far = heard.book.sample(5, (400.0, 600.0), 99)
    assert (far.bid_depth, far.ask_depth) == ((13.0, None), (10.0, None))
    assert far.uncertified == "the book is certified 447.8 bps below and 447.8 bps above the mid"
    assert far.imbalance is not None
    # The price falls; a bid that changed since lies beyond the seed: levels around it may be missing.
    heard.depth(9, 9, '["1.00","0"],["0.99","0"],["0.95","3"]', "")
    low = heard.book.sample(5, (10.0, 500.0), 99)
    assert low.bids[-1] == (95, 3000)
    assert low.imbalance is None
    assert low.bid_depth == (0.0, None)
    assert low.ask_depth[1] is not None
    assert low.mid is not None
    assert "certified" in (low.uncertified or "")
