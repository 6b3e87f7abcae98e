"""
What the embedded model needs to name a direction: features in words, and a logit bias.

SmolLM2-135M copies patterns and cannot weigh figures; asked with figures it always names the same
direction. It names the right one in all made-up cases in which the features agree (`python -m
bench.recipe`), given the features in words and nothing else, one example of each direction before the
question, the direction as the first field (prompt ``smollm-words-1``), and a bias on two tokens. Its
reasons and its confidence mean nothing. The bias belongs to this model and this wording: another model must
go without it, another wording needs a new measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Tokens of SmolLM2's tokenizer (POST /tokenize). Chosen on 24 cases, in steps of 0.25, for the widest
# margin; without them it says neutral.
BEAR_TOKEN, NEUTRAL_TOKEN = "32011", "30627"
EXTRA_BODY: Mapping[str, Any] = {"logit_bias": {BEAR_TOKEN: 1.5, NEUTRAL_TOKEN: -2.5}}

MUCH, SOME = 0.4, 0.1  # of a feature in -1..1
MOVED_BPS = 2.0


def words(imbalance: float, trade_flow: float, change_bps: float) -> str:
    """
    Put three features into words; figures beside them would halve the margin and double the time.

    ``imbalance`` of the book and ``trade_flow`` (buys minus sells over both) are in -1..1, ``change_bps``
    is the change of the mid over the window.
    """
    return f"{_book(imbalance)}, {_flow(trade_flow)}, and {_price(change_bps)}."


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
