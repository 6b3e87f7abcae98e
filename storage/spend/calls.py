"""
What a call to a model is, before and after it is made: the words that client, ledger and tables share.

One `Plan` is one HTTP attempt: what it may cost at most is known before it is sent. One `Outcome` is
what came of it, also when nothing came. Source of the token rules: the OpenAI usage object, in which
``prompt_tokens`` includes the cached ones and ``completion_tokens`` the reasoning ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

UsageSource: TypeAlias = Literal["reported", "estimated"]
Purpose: TypeAlias = Literal["answer", "repair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one attempt, 0 or more; ``provider_cost_usd`` is what the provider says it cost."""

    prompt_tokens: int  # cached ones included
    completion_tokens: int  # reasoning ones included
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    source: UsageSource = "reported"
    provider_cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One HTTP attempt about to be made, and the most tokens it can be billed for."""

    call_id: str  # unique; made by us
    signal_id: str | None
    attempt: int  # 1 for the first of a signal
    purpose: Purpose
    flow: str  # which flow pays, such as analyze-signals
    symbol: str
    provider: str
    model: str
    prompt_tokens_max: int
    completion_tokens_max: int
    ts: datetime  # UTC, when it is about to be sent
    expires_at: datetime  # UTC; after it the attempt cannot be under way any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt; ``status`` is None where no HTTP answer came."""

    plan: Plan
    status: int | None
    error: str | None  # None: the answer can be used
    latency_ms: float
    model_served: str | None = None
    usage: Usage | None = None
    was_sent: bool = True  # False: it failed before a byte left us, so nothing can be billed
