"""The bound on a prompt's tokens, against counts of a real tokenizer (SmolLM2's, 2026-11)."""

from __future__ import annotations

import pytest

from leadline.tasks.llm.protocol.answer import AnswerRules
from leadline.tasks.llm.protocol.request import Message
from leadline.tasks.llm.protocol.tokens import PER_MESSAGE, PER_REQUEST, prompt_bound, token_bound


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        pytest.param(
            "Imbalance -0.77, trade flow -0.66, price change -0.110%. "
            "Spread 1.25 bps, depth 5 bps bid 12.3456 ask 98.7654",
            59,
            id="figures",
        ),
        pytest.param(
            "Asks are much stronger than bids, sellers are more active than buyers, "
            "and the price is falling.",
            21,
            id="words",
        ),
        pytest.param("ÜberMünze 比特币 🚀🚀", 19, id="foreign"),
        pytest.param("    indented\n\n\n\ttext   with   spaces", 10, id="spaces"),
        pytest.param("xqzjwv kpqz BTCUSDT ETHUSDT LL016USDT wblnq", 27, id="symbols"),
    ],
)
def test_it_is_a_bound(text: str, counted: int) -> None:
    assert counted <= token_bound(text) <= 2.5 * counted


def test_a_prompt_counts_its_messages_and_its_schema() -> None:
    messages = (Message("system", "be short"), Message("user", "up or down?"))
    text = sum(token_bound(message.content) for message in messages)
    assert prompt_bound(messages, None) == PER_REQUEST + 2 * PER_MESSAGE + text
    assert prompt_bound(messages, {"type": "json_object"}) == prompt_bound(messages, None)
    assert prompt_bound(messages, AnswerRules().response_format("json_schema")) > 100 + text
