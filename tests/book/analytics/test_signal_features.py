"""Figures of a view: by hand where one can, against the exact reference by property, NULL with a reason."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.analytics.signal_features import (
    NS,
    Band,
    BookView,
    Deals,
    Tops,
    features,
    lean,
    ofi_steps,
)
from leadline.book.errors import BadInput
from leadline.book.messages import Bbo

NOW = 1_780_000_000 * NS


def tops(*rows: tuple[float, float, float, float, float]) -> Tops:
    """Best prices from rows of (seconds before now, bid, its quantity, ask, its quantity)."""
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    ts_ns = NOW - np.round(columns[0] * NS).astype(np.int64)
    return Tops(ts_ns, *columns[1:])


def deals(*rows: tuple[float, float]) -> Deals:
    columns = np.array(rows, np.float64).reshape(-1, 2).T
    return Deals(NOW - np.round(columns[0] * NS).astype(np.int64), columns[1])


def view(**changes: object) -> BookView:
    """A book at 100 / 101 that has been trusted for two minutes and had one change 70 s ago."""
    made = BookView(
        at_ns=NOW,
        since_ns=NOW - 120 * NS,
        last_id=7,
        epoch=1,
        bid_px=np.array([100.0, 99.0]),
        bid_qty=np.array([3.0, 5.0]),
        ask_px=np.array([101.0, 102.0]),
        ask_qty=np.array([1.0, 1.0]),
        tops=tops((70, 100, 3, 101, 1)),
        deals=deals(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_figures_of_the_book_by_hand() -> None:
    shown = features(view(bands=(Band(10.0, 3.0, 1.0, 2.5), Band(25.0, 0.0, 0.0, 2.5))))
    assert shown.get("mid") == 100.5
    assert shown.get("spread_bps") == pytest.approx(1e4 / 100.5, rel=1e-5)
    assert shown.get("imbalance_1") == 0.5
    assert shown.get("imbalance_5") is None
    assert shown.missing["imbalance_5"] == "2 levels a side are known"
    assert shown.get("weighted_mid_bps") == pytest.approx(1e4 * 0.25 / 100.5, rel=1e-5)
    assert shown.get("depth_imbalance_10bps") == 0.5
    assert shown.missing["depth_imbalance_25bps"] == "no quantity within it"
    assert shown.get("depth_age_s") == 2.5


def test_flow_and_moves_by_hand() -> None:
    moved = view(
        tops=tops((70, 98, 2, 101, 2), (30, 99, 2, 101, 2), (5, 100, 3, 101, 1)),
        deals=deals((50, 4.0), (8, 1.0), (2, -3.0)),
    )
    shown = features(moved)
    # The bid rose to 100 (+3), one of the two at the ask went (-1 +2).
    assert shown.get("ofi_10s_qty") == 4.0
    assert shown.get("ofi_10s_share") == 1.0
    assert shown.get("ofi_60s_qty") == 6.0
    assert shown.get("trades_10s") == 2
    assert shown.get("trade_flow_10s_share") == -0.5
    assert shown.get("trade_flow_60s_share") == pytest.approx(0.25)
    assert shown.get("return_10s_bps") == pytest.approx(1e4 * 0.5 / 100, rel=1e-5)
    assert shown.get("return_60s_bps") == pytest.approx(1e4 * 1 / 99.5, rel=1e-5)
    steps = np.log([100 / 99.5, 100.5 / 100])
    assert shown.get("volatility_60s_bps") == pytest.approx(1e4 * np.sqrt((steps**2).sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "name", "why"),
    [
        pytest.param({"since_ns": NOW - 9 * NS}, "return_10s_bps", "trusted for 9.0 s only", id="new-book"),
        pytest.param({"since_ns": NOW - 30 * NS}, "ofi_60s_share", "trusted for 30.0 s only", id="fault"),
        pytest.param({"tops": tops((5, 100, 1, 101, 1))}, "ofi_10s_qty", "from before", id="no-start"),
        pytest.param({"tops": tops()}, "volatility_60s_bps", "from before", id="no-tickers"),
        pytest.param({}, "trade_flow_60s_share", "no trades in 60 s", id="no-trades"),
        pytest.param({}, "microprice_bps", "moved 0 times", id="too-little-history"),
    ],
)
def test_what_cannot_be_made_is_null_and_says_why(changes: dict[str, object], name: str, why: str) -> None:
    shown = features(view(**changes))
    assert shown.get(name) is None
    assert why in shown.missing[name]
    assert set(shown.missing) == {name for name, value in shown.values.items() if value is None}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ask_px": np.array([100.0, 102.0])}, id="locked"),
        pytest.param({"ask_px": np.array([99.0, 102.0])}, id="crossed"),
        pytest.param({"bid_px": np.array([]), "bid_qty": np.array([])}, id="one-sided"),
    ],
)
def test_a_book_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        features(view(**changes))


def test_an_unknown_figure_is_named() -> None:
    with pytest.raises(BadInput, match="no figure 'imbalance'"):
        features(view()).get("imbalance")


def test_equal_figures_have_equal_fingerprints() -> None:
    assert features(view()).fingerprint() == features(view()).fingerprint()
    assert (
        features(view()).fingerprint()
        != features(view(last_id=8, bid_qty=np.array([4.0, 5.0]))).fingerprint()
    )


sizes = st.integers(1, 9)
bbos = st.builds(Bbo, st.integers(90, 94), sizes, st.integers(95, 99), sizes)


@pytest.mark.parametrize(
    ("after", "step"),
    [
        pytest.param(Bbo(99, 3, 102, 1), 0, id="nothing-changed"),
        pytest.param(Bbo(99, 5, 102, 1), 2, id="bid-grows"),
        pytest.param(Bbo(99, 1, 102, 1), -2, id="bid-shrinks"),
        pytest.param(Bbo(100, 8, 102, 1), 8, id="bid-up-counts-all-of-the-new"),
        pytest.param(Bbo(98, 8, 102, 1), -3, id="bid-down-counts-all-of-the-old"),
        pytest.param(Bbo(99, 3, 102, 4), -3, id="ask-grows"),
        pytest.param(Bbo(99, 3, 101, 6), -6, id="ask-down-counts-all-of-the-new"),
        pytest.param(Bbo(99, 3, 103, 6), 1, id="ask-up-counts-all-of-the-old"),
        pytest.param(Bbo(100, 8, 103, 6), 9, id="both-up"),
    ],
)
def test_order_flow_of_one_step(after: Bbo, step: int) -> None:
    assert exact_step(Bbo(99, 3, 102, 1), after) == step


def exact_step(before: Bbo, after: Bbo) -> int:
    """One step in lots, as the formula reads."""
    step = 0
    if after.bid_ticks >= before.bid_ticks:
        step += after.bid_lots
    if after.bid_ticks <= before.bid_ticks:
        step -= before.bid_lots
    if after.ask_ticks <= before.ask_ticks:
        step -= after.ask_lots
    if after.ask_ticks >= before.ask_ticks:
        step += before.ask_lots
    return step


@given(st.lists(bbos, min_size=1, max_size=30))
def test_order_flow_is_that_of_the_exact_reference(path: list[Bbo]) -> None:
    wanted = [exact_step(before, after) for before, after in itertools.pairwise(path)]
    rows = [(60.0 - n, b.bid_ticks, b.bid_lots, b.ask_ticks, b.ask_lots) for n, b in enumerate(path)]
    assert ofi_steps(tops(*rows)).tolist() == wanted


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_lean_stays_between_the_sides(buy: float, sell: float) -> None:
    assert -1 <= lean(buy, sell) <= 1
    assert lean(buy, sell) == -lean(sell, buy)


@given(st.lists(bbos, min_size=2, max_size=30), st.lists(st.integers(-5, 5), max_size=10))
def test_buying_and_selling_mirror_each_other(path: list[Bbo], flow: list[int]) -> None:
    """Reflect the market at a price: every signed figure but returns in bps changes its sign exactly."""
    there = [(100.0 - n, b.bid_ticks, b.bid_lots, b.ask_ticks, b.ask_lots) for n, b in enumerate(path)]
    back = [(at, 200 - ask, ask_qty, 200 - bid, bid_qty) for at, bid, bid_qty, ask, ask_qty in there]
    one = features(view(tops=tops(*there), deals=deals(*((3.0, float(q)) for q in flow))))
    other = features(view(tops=tops(*back), deals=deals(*((3.0, -float(q)) for q in flow))))
    for name in ("ofi_60s_qty", "ofi_60s_share", "trade_flow_10s_share"):
        mine, mirrored = one.get(name), other.get(name)
        assert (mine is None and mirrored is None) or mine == pytest.approx(-mirrored)  # type: ignore[operator]
