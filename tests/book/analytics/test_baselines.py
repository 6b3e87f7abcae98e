"""Each rule says what its one figure says, and nothing where there is none; names are checked."""

from __future__ import annotations

import pytest

from leadline.book.analytics.baselines import BASELINES, Baseline, Call, register
from leadline.book.analytics.signal_features import Features
from leadline.book.errors import BadInput

FIGURE = {"ofi": "ofi_10s_share", "microprice": "microprice_bps", "persistence": "return_10s_bps"}


@pytest.mark.parametrize("rule", FIGURE)
@pytest.mark.parametrize(
    ("value", "direction"), [(0.9, "bullish"), (-0.9, "bearish"), (0.0, "neutral"), (0.01, "neutral")]
)
def test_a_rule_follows_its_figure(rule: str, value: float, direction: str) -> None:
    call = BASELINES[rule].call(Features({FIGURE[rule]: value, "spread_bps": 1.0}))
    assert call.direction == direction
    assert FIGURE[rule] in call.reason


@pytest.mark.parametrize("rule", FIGURE)
def test_without_its_figure_a_rule_has_no_opinion(rule: str) -> None:
    name = FIGURE[rule]
    call = BASELINES[rule].call(Features({name: None, "spread_bps": 1.0}, {name: "no best prices"}))
    assert call.direction is None
    assert call.reason == f"{name}: no best prices"


def test_a_move_within_the_spread_is_none() -> None:
    shown = Features({"return_10s_bps": 0.9, "spread_bps": 2.0})
    assert BASELINES["persistence"].call(shown).direction == "neutral"


@pytest.mark.parametrize("name", ["", "OFI", "1st", "two words", "x'y", 'x"y', "a" * 32])
def test_a_name_that_cannot_be_a_column_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="expected small letters"):
        Baseline(name, "title", lambda _: Call(None, ""))


def test_a_name_is_registered_once() -> None:
    before = dict(BASELINES)
    with pytest.raises(BadInput, match="'ofi' is registered already"):
        register(Baseline("ofi", "another", lambda _: Call(None, "")))
    assert before == BASELINES
