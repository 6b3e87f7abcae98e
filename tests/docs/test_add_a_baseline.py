"""The line that the page shows is all it takes: the new rule speaks of a book."""

from __future__ import annotations

from leadline.book.analytics import baselines
from leadline.book.analytics.signal_features import Features
from tests.docs.pages import DOCS, Page


def test_the_line_of_the_page_registers_a_rule() -> None:
    (block,) = Page(DOCS / "add-a-baseline.md").blocks("python")
    before = set(baselines.BASELINES)
    try:
        exec(block.text, vars(baselines).copy())
        (name,) = set(baselines.BASELINES) - before
        rule = baselines.BASELINES[name].call
        said = [rule(Features({"imbalance_10": value}, {})).direction for value in (0.4, -0.4, 0.01)]
        assert said == ["bullish", "bearish", "neutral"]
        assert rule(Features({"imbalance_10": None}, {"imbalance_10": "too few levels"})).direction is None
    finally:
        for name in set(baselines.BASELINES) - before:
            del baselines.BASELINES[name]
