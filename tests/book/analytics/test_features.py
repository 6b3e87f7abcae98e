from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.analytics import features
from leadline.book.errors import BadInput, EmptySide
from leadline.book.messages import Bbo

BBO = Bbo(bid_ticks=99, bid_lots=3, ask_ticks=102, ask_lots=1)
BIDS, ASKS = [(99, 3), (98, 5), (90, 7)], [(101, 1), (105, 2)]


def test_mid_keeps_the_half_tick():
    assert features.mid(BBO) == Fraction(201, 2)


def test_weighted_mid_leans_to_the_thin_side():
    assert features.weighted_mid(BBO) == Fraction(99 * 1 + 102 * 3, 4)


def test_weighted_mid_without_quantities():
    with pytest.raises(EmptySide, match="no quantity at either best price"):
        features.weighted_mid(Bbo(99, 0, 102, 0))


def test_spread():
    assert features.spread_bps(Bbo(9_999, 1, 10_001, 1)) == 2.0
    with pytest.raises(BadInput, match="expected prices above 0"):
        features.spread_bps(Bbo(0, 1, 0, 1))


@pytest.mark.parametrize(
    ("n", "value"), [(1, 0.5), (2, (8 - 3) / 11), (3, (15 - 3) / 18), (50, (15 - 3) / 18)]
)
def test_imbalance(n, value):
    assert features.imbalance(BIDS, ASKS, n) == value


def test_imbalance_is_odd():
    assert features.imbalance(ASKS, BIDS, 2) == -features.imbalance(BIDS, ASKS, 2)


@pytest.mark.parametrize(
    ("bands", "bid_lots", "ask_lots"),
    [
        pytest.param([100], (3,), (1,), id="edges-are-inside"),
        pytest.param([99.9], (0,), (0,), id="just-too-narrow"),
        pytest.param([500, 0, 1000, 200], (8, 0, 15, 8), (3, 0, 3, 1), id="any-order"),
        pytest.param([], (), (), id="none"),
        pytest.param([20_000], (15,), (3,), id="wider-than-the-price"),
    ],
)
def test_depth_within_bps(bands, bid_lots, ask_lots):
    assert features.depth_within_bps(BIDS, ASKS, bands) == (bid_lots, ask_lots)


def test_depth_at_a_mid_between_ticks():
    # mid 100.5; 1 % of it is 1.005, so 99.495 … 101.505
    assert features.depth_within_bps([(100, 1), (99, 1)], [(101, 1), (102, 1)], [100]) == ((1,), (1,))


@pytest.mark.parametrize("band", [-1, float("nan")])
def test_a_band_that_cannot_be(band):
    with pytest.raises(BadInput, match="band: expected 0 bps or more"):
        features.depth_within_bps(BIDS, ASKS, [band])


@pytest.mark.parametrize(("bids", "asks"), [([], ASKS), (BIDS, []), ([], [])])
def test_one_sided_books_have_no_figures(bids, asks):
    message = f"got {len(bids)} bids and {len(asks)} asks"
    with pytest.raises(EmptySide, match=message):
        features.imbalance(bids, asks, 5)
    with pytest.raises(EmptySide, match=message):
        features.depth_within_bps(bids, asks, [10])


def test_imbalance_over_no_level():
    with pytest.raises(BadInput, match="levels: expected 1 or more, got 0"):
        features.imbalance(BIDS, ASKS, 0)


def test_prices_and_quantities_are_the_nearest_floats():
    assert features.to_price(6100014, 2) == 61000.14  # 6100014 * 0.01 is not
    assert features.to_price(Fraction(201, 2), 1) == 10.05
    assert features.to_quantity(154_698_000, 8) == 1.54698


# -- order-flow imbalance --------------------------------------------------------------------------


SIZES = st.integers(1, 10**12)
BBOS = st.builds(
    lambda bid, gap, bid_lots, ask_lots: Bbo(bid, bid_lots, bid + gap, ask_lots),
    st.integers(1, 10**12), st.integers(1, 1000), SIZES, SIZES,
)  # fmt: skip


@given(BBOS)
def test_bounds(bbo):
    assert bbo.bid_ticks < features.weighted_mid(bbo) < bbo.ask_ticks
    assert bbo.bid_ticks < features.mid(bbo) < bbo.ask_ticks
    assert 0 < features.spread_bps(bbo) <= 20_000
    levels = [(bbo.bid_ticks, bbo.bid_lots)], [(bbo.ask_ticks, bbo.ask_lots)]
    assert -1 <= features.imbalance(*levels, 1) <= 1
    half_spread = features.spread_bps(bbo) / 2
    assert features.depth_within_bps(*levels, [half_spread * 1.01]) == ((bbo.bid_lots,), (bbo.ask_lots,))
    assert features.depth_within_bps(*levels, [half_spread * 0.99]) == ((0,), (0,))
