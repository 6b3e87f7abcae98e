"""The embedded model's recipe: the words for features."""

from __future__ import annotations

import pytest

from leadline.tasks.llm.embedded import recipe


@pytest.mark.parametrize(
    ("features", "text"),
    [
        pytest.param(
            (0.72, 0.61, 9.0),
            "Bids are much stronger than asks, buyers are more active than sellers, "
            "and the price is rising.",
            id="up",
        ),
        pytest.param(
            (-0.39, -0.1, -2.0),
            "Asks are stronger than bids, sellers are more active than buyers, and the price is falling.",
            id="just-down",
        ),
        pytest.param(
            (0.099, -0.099, 1.99),
            "Bids and asks are balanced, buyers and sellers are equally active, and the price is flat.",
            id="nothing",
        ),
        pytest.param(
            (0.4, -0.5, 0.0),
            "Bids are much stronger than asks, sellers are more active than buyers, and the price is flat.",
            id="at-odds",
        ),
    ],
)
def test_words(features: tuple[float, float, float], text: str) -> None:
    assert recipe.words(*features) == text
