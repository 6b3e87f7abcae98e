"""
What the embedded model needs to answer in the right form and direction: short words, examples, a nudge.

SmolLM2-135M copies patterns and cannot weigh figures. Asked with figures it says one direction whatever
they are. With the features put into words and nothing else, one example of each direction before the
question, the direction as the first field, and three tokens made likelier or less so, it names the right
direction in all made-up cases in which the features agree (`python -m bench.recipe`). Its reasons and its
confidence mean nothing. The nudge belongs to this model and this wording: another model must go without
it, another wording be measured anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leadline.tasks.llm.protocol.answer import AnswerRules
from leadline.tasks.llm.protocol.ask import Message

SYSTEM = "You read order books. Answer in JSON with the direction of the price."
# It keeps to a list of values, but not to bounds of a number (llama.cpp's grammar has none).
CONFIDENCES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
# Tokens of SmolLM2's tokenizer (POST /tokenize). Chosen on 24 cases, in steps of 0.25, for the widest
# margin; without them it says neutral.
BEAR_TOKEN, NEUTRAL_TOKEN = "32011", "30627"
EXTRA_BODY: Mapping[str, Any] = {"logit_bias": {BEAR_TOKEN: 1.5, NEUTRAL_TOKEN: -2.5}}

MUCH, SOME = 0.4, 0.1  # of a feature in -1..1
MOVED_BPS = 2.0

_UP = "Bids outweigh asks and buyers are active, so pressure is up."
_DOWN = "Asks outweigh bids and sellers are active, so pressure is down."
_NONE = "Neither side is stronger, so no direction stands out."
_EXAMPLES = (
    ((0.72, 0.61, 9.0), "bullish", 0.85, _UP),
    ((-0.77, -0.66, -11.0), "bearish", 0.85, _DOWN),
    ((0.03, -0.02, 0.4), "neutral", 0.55, _NONE),
)


def rules(horizon_s: int) -> AnswerRules:
    """Return what counts as an answer of the embedded model; too small to know when to abstain."""
    return AnswerRules(
        horizons_s=(horizon_s,), confidences=CONFIDENCES, may_abstain=False, reasoning_chars=400
    )


def words(imbalance: float, trade_flow: float, change_bps: float) -> str:
    """
    Put three features into words; figures beside them would halve the margin and double the time.

    ``imbalance`` of the book and ``trade_flow`` (buys minus sells over both) are in -1..1, ``change_bps``
    is the change of the mid over the window.
    """
    return f"{_book(imbalance)}, {_flow(trade_flow)}, and {_price(change_bps)}."


def messages(question: str, horizon_s: int) -> tuple[Message, ...]:
    """Build the conversation: the same beginning for every question, so that the server can keep it."""
    turns = [Message("system", SYSTEM)]
    for features, direction, confidence, reasoning in _EXAMPLES:
        answer = {
            "direction": direction,
            "confidence": confidence,
            "reasoning": reasoning,
            "horizon_s": horizon_s,
        }
        turns += [Message("user", words(*features)), Message("assistant", json.dumps(answer))]
    return (*turns, Message("user", question))


def _book(imbalance: float) -> str:
    if abs(imbalance) < SOME:
        return "Bids and asks are balanced"
    strong, weak = ("Bids", "asks") if imbalance > 0 else ("Asks", "bids")
    return f"{strong} are {'much ' if abs(imbalance) >= MUCH else ''}stronger than {weak}"


def _flow(trade_flow: float) -> str:
    if abs(trade_flow) < SOME:
        return "buyers and sellers are equally active"
    return (
        "buyers are more active than sellers" if trade_flow > 0 else "sellers are more active than buyers"
    )


def _price(change_bps: float) -> str:
    if abs(change_bps) < MOVED_BPS:
        return "the price is flat"
    return "the price is rising" if change_bps > 0 else "the price is falling"
