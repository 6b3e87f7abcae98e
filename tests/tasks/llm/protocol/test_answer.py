"""The door for answers: what is let in, what is not, and why."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.analytics.direction import DIRECTIONS
from leadline.tasks.llm.protocol.answer import (
    FIELDS,
    Abstention,
    Answer,
    AnswerRules,
    Capability,
    InvalidAnswer,
    read_answer,
)

RULES = AnswerRules(horizons_s=(60, 300))
GOOD = {"direction": "bearish", "confidence": 0.75, "reasoning": "asks outweigh bids", "horizon_s": 60}
ANSWER = Answer("bearish", 0.75, "asks outweigh bids", 60)


def said(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param(said(), ANSWER, id="good"),
        pytest.param("\n " + said() + " \n", ANSWER, id="white-space-around"),
        pytest.param(said(confidence=0), Answer("bearish", 0.0, "asks outweigh bids", 60), id="zero"),
        pytest.param(said(confidence=1), Answer("bearish", 1.0, "asks outweigh bids", 60), id="one"),
        pytest.param(
            said(reasoning=" a\n\x1b[31mb "), Answer("bearish", 0.75, "a [31mb", 60), id="control"
        ),
        pytest.param(said(direction="abstain", reasoning="thin"), Abstention("thin"), id="abstains"),
        pytest.param(
            said(direction="abstain", confidence=7, reasoning="thin"),
            Abstention("thin"),
            id="abstains-anyhow",
        ),
    ],
)
def test_let_in(text: str, answer: object) -> None:
    assert read_answer(text, RULES, capability="json_schema") == answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not one JSON object", id="empty"),
        pytest.param("null", "expected a JSON object, got None", id="null"),
        pytest.param("[]", "expected a JSON object", id="list"),
        pytest.param("[" * 100_000, "nested too deep", id="deep"),
        pytest.param(said()[:40], "not one JSON object", id="cut-off"),
        pytest.param(said() + said(), "not one JSON object: Extra data", id="two-objects"),
        pytest.param("```json\n" + said() + "\n```", "not one JSON object", id="code-fence"),
        pytest.param("Sure! " + said(), "not one JSON object", id="words-before"),
        pytest.param('{"direction": "bearish"}', "missing confidence, reasoning, horizon_s", id="missing"),
        pytest.param(said(extra=1), "unexpected field 'extra'", id="extra-field"),
        pytest.param(said()[:-1] + ', "confidence": 0.1}', "a key stands twice", id="twice"),
        pytest.param(said(direction="up"), "direction 'up': expected one of bullish", id="other-word"),
        pytest.param(said(direction="Bearish"), "direction 'Bearish'", id="other-case"),
        pytest.param(said(direction=["bearish"]), "direction", id="list-of-words"),
        pytest.param(said(confidence=1.7), "confidence 1.7: expected a number from 0 to 1", id="above"),
        pytest.param(said(confidence=-0.01), "confidence -0.01: expected a number from 0 to 1", id="below"),
        pytest.param(said(confidence=75), "confidence 75: expected a number from 0 to 1", id="percent"),
        pytest.param(said(confidence="0.7"), "confidence '0.7': expected a number", id="text-number"),
        pytest.param(said(confidence=True), "confidence True: expected a number", id="boolean"),
        pytest.param(said(confidence=10**400), "confidence 1000", id="huge"),
        pytest.param(said(confidence=math.nan), "NaN is not JSON", id="nan"),
        pytest.param(said().replace("0.75", "1e999"), "confidence inf: expected", id="overflow"),
        pytest.param(said(reasoning=None), "reasoning None: expected a text", id="no-reasoning"),
        pytest.param(said(reasoning="x" * 601), "601 characters: expected at most 600", id="long"),
        pytest.param(said(horizon_s=61), "horizon_s 61: expected one of 60, 300", id="other-horizon"),
        pytest.param(said(horizon_s=60.0), "horizon_s 60.0", id="fraction"),
    ],
)
def test_not_let_in(text: str, reason: str) -> None:
    with pytest.raises(InvalidAnswer, match=reason.replace("(", r"\(")):
        read_answer(text, RULES, capability="json_schema")


@pytest.mark.parametrize("text", ["```json\n" + said() + "\n```", "Sure! " + said() + " Good luck."])
def test_words_around_are_for_plain_servers_only(text: str) -> None:
    assert read_answer(text, RULES, capability="plain") == ANSWER
    with pytest.raises(InvalidAnswer):
        read_answer(text, RULES, capability="json_object")


def test_plain_takes_one_object_only() -> None:
    with pytest.raises(InvalidAnswer):
        read_answer(said() + " or " + said(), RULES, capability="plain")


def test_lists_bind() -> None:
    rules = AnswerRules(confidences=(0.5, 0.75), horizons_s=(60,), may_abstain=False)
    assert read_answer(said(), rules, capability="json_schema") == ANSWER
    with pytest.raises(InvalidAnswer, match=r"confidence 0\.7: expected one of 0\.5, 0\.75"):
        read_answer(said(confidence=0.7), rules, capability="json_schema")
    with pytest.raises(InvalidAnswer, match="direction 'abstain'"):
        read_answer(said(direction="abstain"), rules, capability="json_schema")


def test_schema_is_the_common_subset() -> None:
    schema = RULES.schema()
    assert tuple(schema["properties"]) == tuple(schema["required"]) == FIELDS
    assert schema["additionalProperties"] is False
    assert "minimum" not in json.dumps(schema)
    assert RULES.response_format("plain") is None


@given(
    st.sampled_from(DIRECTIONS), st.floats(0, 1), st.text(max_size=600), st.sampled_from(RULES.horizons_s)
)
def test_what_fits_the_schema_comes_in(direction: str, confidence: float, why: str, horizon_s: int) -> None:
    text = said(direction=direction, confidence=confidence, reasoning=why, horizon_s=horizon_s)
    answer = read_answer(text, RULES, capability="json_schema")
    assert isinstance(answer, Answer)
    assert (answer.direction, answer.confidence, answer.horizon_s) == (direction, confidence, horizon_s)


@given(st.text(), st.sampled_from(["json_schema", "plain"]))
def test_any_text_is_an_answer_or_a_short_reason(text: str, capability: Capability) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        read_answer(text, RULES, capability=capability)
    assert len(str(caught.value)) < 300
