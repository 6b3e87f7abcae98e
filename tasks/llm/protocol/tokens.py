"""
The most tokens that a prompt can be billed for, without the model's tokenizer.

Small letters are counted in threes, everything else one by one: tokenizers split figures, signs, symbols'
names and foreign text down to single characters or bytes, so a third of the bytes is too low for a prompt
of numbers (59 tokens were 37 by that rule; 66 by this one).

It can be exceeded by words that the tokenizer splits below three letters, by a provider that adds text of
its own, and by reasoning tokens that ``max_tokens`` does not bound (the profiles switch reasoning off). The
ledger books what the provider reports, also if it is more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from leadline.tasks.llm.protocol.request import Message

# Role, delimiters and a template's own words; the templates we know take 3 to 7.
PER_MESSAGE = 10
PER_REQUEST = 20
_SMALL = re.compile(r"[a-z]+")
_LONE_SPACES = re.compile(r" +(?![A-Za-z ])")


def token_bound(text: str) -> int:
    """Return the most tokens ``text`` has."""
    sizes = [word.end() - word.start() for word in _SMALL.finditer(text)]
    # A space goes with the word after it; other white space stands alone.
    lone = len(_LONE_SPACES.findall(text))
    others = len(text.encode()) - sum(sizes) - text.count(" ")
    return sum(-(-size // 3) for size in sizes) + lone + others


def prompt_bound(messages: Iterable[Message], response_format: Mapping[str, Any] | None) -> int:
    """Return the most tokens a request can be billed for as its prompt, the schema included."""
    total = PER_REQUEST
    for message in messages:
        total += token_bound(message.content) + PER_MESSAGE
    if response_format is not None and "json_schema" in response_format:
        total += token_bound(json.dumps(response_format, separators=(",", ":")))
    return total
