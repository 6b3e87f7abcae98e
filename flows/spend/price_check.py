"""
Our prices against those of genai-prices, where that is installed: it is kept by others, and errs elsewhere.

Only vendors' list prices are there; a reseller's flat tariff and this machine's own models are not.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from leadline.book.errors import LeadlineError
from leadline.storage.spend.tariff import Price

Verdict: TypeAlias = Literal["same", "differs", "not there"]

VENDORS = ("openai", "anthropic", "google", "deepseek")
KINDS = {"input": "input_mtok", "cached": "cache_read_mtok", "output": "output_mtok"}
# Peak hours are told differently by both, and no peak that we know of holds at noon.
AT = dt.time(12, tzinfo=dt.UTC)


class NotInstalled(LeadlineError):
    """The other source is not there; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One price, USD per million tokens; ``theirs`` is None where they have none."""

    provider: str
    model: str
    kind: str
    ours: Decimal | None
    theirs: Decimal | None
    verdict: Verdict


def check(ours: Iterable[Price], now: dt.datetime) -> list[Compared]:
    """Hold list prices that are valid at ``now`` against theirs; raises `NotInstalled`."""
    try:
        providers = importlib.import_module("genai_prices.data").providers
    except ImportError as exc:
        raise NotInstalled(
            "leadline prices check compares with the package genai-prices, which is not installed: "
            'pip install "leadline[prices]"'
        ) from exc
    theirs = {provider.id: provider for provider in providers}
    moment = dt.datetime.combine(now.astimezone(dt.UTC).date(), AT)
    return [
        compared
        for price in ours
        if price.provider in VENDORS
        for compared in _one(price, theirs.get(price.provider), moment)
    ]


def _one(price: Price, provider: Any, moment: dt.datetime) -> Iterator[Compared]:
    model = provider.find_model(price.model) if provider is not None else None
    found = model.get_prices(moment) if model is not None else None
    for kind, name in KINDS.items():
        mine: Decimal | None = getattr(price, kind)
        other = _base(getattr(found, name, None))
        if mine is not None:
            mine *= price.factor(moment)
        verdict: Verdict = "same" if mine == other else "differs"
        if found is None:
            verdict = "not there"
        if mine is not None or other is not None:
            yield Compared(price.provider, price.model, kind, mine, other, verdict)


def _base(value: Any) -> Decimal | None:
    """Return a price, of a tiered one that of short prompts."""
    return value if value is None or isinstance(value, Decimal) else Decimal(value.base)
