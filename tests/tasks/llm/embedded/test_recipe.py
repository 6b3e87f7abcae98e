"""The embedded model's recipe: the words for features, and a conversation that begins the same for all."""

from __future__ import annotations

import pytest

from leadline.tasks.llm.embedded import recipe
from leadline.tasks.llm.protocol.answer import Answer, read_answer


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


def test_examples_are_valid_answers_of_each_direction() -> None:
    *before, last = recipe.messages("what now?", 60)
    assert (last.role, last.content) == ("user", "what now?")
    said = [turn.content for turn in before if turn.role == "assistant"]
    answers = [read_answer(text, recipe.rules(60), capability="json_schema") for text in said]
    assert [answer.direction for answer in answers if isinstance(answer, Answer)] == [
        "bullish", "bearish", "neutral",
    ]  # fmt: skip


def test_the_beginning_is_the_same_for_every_question() -> None:
    assert recipe.messages("a", 60)[:-1] == recipe.messages("b", 60)[:-1]
