"""
The wire format of a chat completion: the request's body out, the answer's body in.

Nothing here sends. A body that is not a chat completion is `Malformed`, with the reason: a server that
answers 200 with a web page has not answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from leadline.book.errors import BadInput
from leadline.storage.spend.calls import Usage
from leadline.tasks.llm.profiles import ModelTraits, Profile
from leadline.tasks.llm.protocol.answer import AnswerRules, Capability, shown
from leadline.tasks.llm.protocol.request import Message, ModelRequest
from leadline.tasks.llm.protocol.usage import read_usage

MOST_TEXT = 20_000  # characters of a model's words that are kept
REPAIR_TEXT = 2_000
EXCERPT = 200


class Malformed(BadInput):
    """The body is no chat completion; ``usage`` is set if it could be read."""

    def __init__(self, message: str, usage: Usage | None = None, served: str | None = None) -> None:
        super().__init__(message)
        self.usage = usage
        self.served = served


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer of a server, as read."""

    text: str
    refusal: str | None
    finish_reason: str | None
    model_served: str | None
    system_fingerprint: str | None
    usage: Usage | None


def request_body(
    profile: Profile,
    traits: ModelTraits,
    *,
    model: str,
    messages: tuple[Message, ...],
    request: ModelRequest,
    capability: Capability,
) -> dict[str, Any]:
    """Build the body of one request; the traits' additions come last, so they can replace anything."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        profile.max_tokens_field: request.max_tokens,
        "stream": False,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    response_format = request.rules.response_format(capability)
    if response_format is not None:
        body["response_format"] = response_format
    return {**body, **traits.extra_body}


def in_words(messages: tuple[Message, ...], rules: AnswerRules) -> tuple[Message, ...]:
    """Put the schema into the last message, for servers that cannot get it in another way."""
    *before, last = messages
    schema = json.dumps(rules.schema(), separators=(",", ":"))
    instruction = f"Answer with one JSON object that fits this JSON schema, and nothing else: {schema}"
    return (*before, Message(last.role, f"{last.content}\n\n{instruction}"))


def repair_messages(messages: tuple[Message, ...], said: str, reason: str) -> tuple[Message, ...]:
    """Continue a conversation after an answer that was not valid."""
    return (
        *messages,
        Message("assistant", said[:REPAIR_TEXT]),
        Message(
            "user",
            f"That answer cannot be used: {reason}. Answer again, with the JSON object only and one short "
            "sentence of reasoning.",
        ),
    )


def read_completion(body: bytes, headers: Mapping[str, str]) -> Completion:
    """Read a body of status 200. Raises `Malformed`."""
    fields = read_json(body)
    if not isinstance(fields, dict):
        raise Malformed(f"expected a JSON object, got {excerpt(body)}")
    usage = read_usage(fields.get("usage"), headers)
    served = _text(fields.get("model"))
    choices = fields.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed(f"expected choices, got {shown(choices)}{_error_inside(fields)}", usage, served)
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise Malformed(f"expected a message, got {shown(message)}", usage, served)
    refusal = _text(message.get("refusal"))
    text = _content(message.get("content"))
    if text is None and refusal is None:
        raise Malformed(f"expected a text, got content {shown(message.get('content'))}", usage, served)
    return Completion(
        text=(text or "")[:MOST_TEXT],
        refusal=refusal,
        finish_reason=_text(choices[0].get("finish_reason")),
        model_served=served,
        system_fingerprint=_text(fields.get("system_fingerprint")),
        usage=usage,
    )


def read_json(body: bytes) -> object:
    """Decode a body; numbers with a fraction are exact decimals. Raises `Malformed`."""
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal)
    except UnicodeDecodeError:
        raise Malformed(f"not UTF-8: {excerpt(body)}") from None
    except (ValueError, RecursionError):
        raise Malformed(f"not JSON: {excerpt(body)}") from None


def excerpt(body: bytes) -> str:
    """Return the beginning of a body as one line, for messages; not redacted yet."""
    line = " ".join(body[: EXCERPT * 2].decode("utf-8", "replace").split())
    return "".join(char if char.isprintable() else "?" for char in line)[:EXCERPT] or "nothing"


def _error_inside(fields: Mapping[str, Any]) -> str:
    # Some gateways answer 200 with an error in the body.
    return f" and error {shown(fields['error'])}" if fields.get("error") else ""


def _content(value: object) -> str | None:
    if isinstance(value, list):  # parts of text, as some servers send them
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        value = "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) and value.strip() else None


def _text(value: object) -> str | None:
    return value[:EXCERPT] if isinstance(value, str) and value else None
