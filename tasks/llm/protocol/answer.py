"""
The typed answer that a model is asked for, and the checks of the text that comes back.

A server that promises to keep to a JSON schema may still break it (many ignore bounds of numbers), so
everything is checked here again. What does not fit is invalid, with the reason: nothing is rounded, clamped
or guessed. A model that does not want to answer abstains; that is not neutral.

On the wire an abstention is ``"direction": "abstain"``, because all fields of a strict schema are
required. Source of the schema's common subset (no optional fields, no numeric bounds, no further
properties): what OpenAI, Anthropic, Gemini, Mistral and xAI all enforce.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from leadline.book.analytics.direction import DIRECTIONS, Direction
from leadline.book.errors import BadInput

Capability: TypeAlias = Literal["json_schema", "json_object", "plain"]

ABSTAIN = "abstain"
SCHEMA_NAME = "leadline_signal"
FIELDS = ("direction", "confidence", "reasoning", "horizon_s")
SHOWN = 60  # characters of a bad value that a reason repeats


class InvalidAnswer(BadInput):
    """The text is not an answer; the message names the field, what it held and what was expected."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's opinion: ``confidence`` in 0..1, ``horizon_s`` seconds ahead."""

    direction: Direction
    confidence: float
    reasoning: str
    horizon_s: int


@dataclass(frozen=True, slots=True)
class Abstention:
    """The model did not want to answer; ``reasoning`` is why."""

    reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRules:
    """
    What counts as an answer.

    ``confidences`` lists the only values allowed; for servers that enforce a list but no bounds.
    """

    horizons_s: tuple[int, ...] = (300,)
    confidences: tuple[float, ...] = ()  # empty: any number from 0 to 1
    may_abstain: bool = True
    reasoning_chars: int = 600

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of an answer; the direction comes before its explanation."""
        confidence: dict[str, Any] = {"type": "number", "description": "0 to 1"}
        if self.confidences:
            confidence = {"enum": list(self.confidences)}
        return {
            "type": "object",
            "properties": {
                "direction": {"type": "string", "enum": [*self._words()]},
                "confidence": confidence,
                "reasoning": {"type": "string"},
                "horizon_s": {"type": "integer", "enum": [*self.horizons_s]},
            },
            "required": [*FIELDS],
            "additionalProperties": False,
        }

    def response_format(self, capability: Capability) -> dict[str, Any] | None:
        """Return the request's ``response_format``; None for a server that knows none."""
        if capability == "plain":
            return None
        if capability == "json_object":
            return {"type": "json_object"}
        return {
            "type": "json_schema",
            "json_schema": {"name": SCHEMA_NAME, "strict": True, "schema": self.schema()},
        }

    def _words(self) -> tuple[str, ...]:
        return (*DIRECTIONS, ABSTAIN) if self.may_abstain else DIRECTIONS


def read_answer(text: str, rules: AnswerRules, *, capability: Capability) -> Answer | Abstention:
    """
    Read the answer in a model's text.

    Text around the JSON object, such as a code fence, is accepted only from a ``plain`` server, which
    cannot be held to a format. Raises `InvalidAnswer`.
    """
    fields = _one_object(text, tolerant=capability == "plain")
    _expect_fields(fields)
    reasoning = _reasoning(fields["reasoning"], rules.reasoning_chars)
    direction = fields["direction"]
    if direction == ABSTAIN and rules.may_abstain:
        return Abstention(reasoning)
    if direction not in DIRECTIONS:
        raise InvalidAnswer(f"direction {shown(direction)}: expected one of {', '.join(DIRECTIONS)}")
    return Answer(
        cast("Direction", direction),
        _confidence(fields["confidence"], rules.confidences),
        reasoning,
        _horizon_s(fields["horizon_s"], rules.horizons_s),
    )


def shown(value: object) -> str:
    """Return a bad value for a message, short."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _one_object(text: str, *, tolerant: bool) -> Mapping[str, Any]:
    if tolerant:
        start, end = text.find("{"), text.rfind("}")
        if start < 0 or end < start:
            raise InvalidAnswer(f"no JSON object in {shown(text)}")
        text = text[start : end + 1]
    try:
        value = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidAnswer("JSON nested too deep") from None
    except ValueError as exc:
        raise InvalidAnswer(f"not one JSON object: {exc}: {shown(text)}") from None
    if not isinstance(value, dict):
        raise InvalidAnswer(f"expected a JSON object, got {shown(value)}")
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _expect_fields(fields: Mapping[str, Any]) -> None:
    missing = [name for name in FIELDS if name not in fields]
    if missing:
        raise InvalidAnswer(f"missing {', '.join(missing)}")
    extra = [name for name in fields if name not in FIELDS]
    if extra:
        raise InvalidAnswer(f"unexpected field {shown(extra[0])}: expected only {', '.join(FIELDS)}")


def _reasoning(value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise InvalidAnswer(f"reasoning {shown(value)}: expected a text")
    # One line without control characters: it is shown in terminals and tables.
    line = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    if len(line) > limit:
        raise InvalidAnswer(f"reasoning of {len(line)} characters: expected at most {limit}")
    return line


def _confidence(value: object, allowed: tuple[float, ...]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidAnswer(f"confidence {shown(value)}: expected a number from 0 to 1")
    if allowed and float(value) not in allowed:
        raise InvalidAnswer(f"confidence {shown(value)}: expected one of {', '.join(map(str, allowed))}")
    return float(value)


def _horizon_s(value: object, allowed: tuple[int, ...]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise InvalidAnswer(f"horizon_s {shown(value)}: expected one of {', '.join(map(str, allowed))}")
    return value
