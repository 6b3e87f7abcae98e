"""
Tokens and costs as providers report them, in several dialects, or not at all.

The common form is the OpenAI usage object: ``prompt_tokens`` with the cached ones in it and
``completion_tokens`` with the reasoning ones. Dialects met: DeepSeek's ``prompt_cache_hit_tokens``;
reasoning beside ``completion_tokens`` instead of in it (then only the total shows it, as Gemini's and xAI's
do); ``cost_usd`` or ``cost`` in it; LiteLLM's header. An impossible value counts as not reported and is
never repaired: a negative or fractional count, or more tokens than any model takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from leadline.storage.spend.calls import Usage

COST_HEADER = "x-litellm-response-cost"
# Ten times the largest context window on offer.
MOST_TOKENS = 10_000_000
MOST_USD = Decimal(1_000)


def read_usage(reported: object, headers: Mapping[str, str]) -> Usage | None:
    """Return what the provider reports for one attempt; None if it reports nothing possible."""
    if not isinstance(reported, Mapping):
        return None
    prompt = _count(reported.get("prompt_tokens"))
    completion = _count(reported.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    cached = _first_count(
        _inside(reported, "prompt_tokens_details", "cached_tokens"),
        reported.get("prompt_cache_hit_tokens"),
        reported.get("cached_tokens"),
    )
    reasoning = _first_count(
        _inside(reported, "completion_tokens_details", "reasoning_tokens"), reported.get("reasoning_tokens")
    )
    total = _count(reported.get("total_tokens"))
    if total is not None and total > prompt + completion:
        hidden = total - prompt - completion
        completion += hidden
        reasoning = max(reasoning, hidden)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        # A part larger than the whole is impossible: all is then billed at the higher price.
        cached_tokens=cached if cached <= prompt else 0,
        reasoning_tokens=reasoning if reasoning <= completion else 0,
        provider_cost_usd=_cost(reported, headers),
    )


def estimated(*, prompt_tokens: int, completion_tokens: int, headers: Mapping[str, str]) -> Usage:
    """Return our own bounds where the provider reported nothing; its cost header still counts."""
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        source="estimated",
        provider_cost_usd=_cost({}, headers),
    )


def _cost(reported: Mapping[str, Any], headers: Mapping[str, str]) -> Decimal | None:
    for value in (reported.get("cost_usd"), reported.get("cost"), headers.get(COST_HEADER)):
        if (usd := _usd(value)) is not None:
            return usd
    return None


def _usd(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and 0 <= usd <= MOST_USD else None


def _inside(reported: Mapping[str, Any], outer: str, inner: str) -> object:
    details = reported.get(outer)
    return details.get(inner) if isinstance(details, Mapping) else None


def _first_count(*values: object) -> int:
    return next((count for value in values if (count := _count(value)) is not None), 0)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MOST_TOKENS else None
