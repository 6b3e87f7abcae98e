"""Each rule says what its one figure says, and nothing where there is none."""

from __future__ import annotations

import pytest

from leadline.book.analytics.baselines import BASELINES
from leadline.book.analytics.signal_features import Features

FIGURE = {"ofi": "ofi_10s_share", "microprice": "microprice_bps", "persistence": "return_10s_bps"}


@pytest.mark.parametrize("rule", BASELINES)
@pytest.mark.parametrize(
    ("value", "direction"), [(0.9, "bullish"), (-0.9, "bearish"), (0.0, "neutral"), (0.01, "neutral")]
)
def test_a_rule_follows_its_figure(rule: str, value: float, direction: str) -> None:
    call = BASELINES[rule](Features({FIGURE[rule]: value, "spread_bps": 1.0}))
    assert call.direction == direction
    assert FIGURE[rule] in call.reason


@pytest.mark.parametrize("rule", BASELINES)
def test_without_its_figure_a_rule_has_no_opinion(rule: str) -> None:
    name = FIGURE[rule]
    call = BASELINES[rule](Features({name: None, "spread_bps": 1.0}, {name: "no best prices"}))
    assert call.direction is None
    assert call.reason == f"{name}: no best prices"


def test_a_move_within_the_spread_is_none() -> None:
    shown = Features({"return_10s_bps": 0.9, "spread_bps": 2.0})
    assert BASELINES["persistence"](shown).direction == "neutral"
