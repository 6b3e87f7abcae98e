"""Plans and outcomes with everything filled in, so that a test names only what it is about."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from leadline.storage.spend.calls import Outcome, Plan, Usage
from leadline.storage.spend.tariff import Price

NOON = dt.datetime(2026, 5, 28, 12, tzinfo=dt.UTC)  # a Thursday
CALL_LASTS = dt.timedelta(seconds=30)
DAY_USD = Decimal(1)
FLAT_1 = ("acme", "flat-1")  # one dollar per million tokens of either kind


def plan(call_id: str, **rest: Any) -> Plan:
    """Hold 0.001 USD at the price of FLAT_1."""
    ts = rest.pop("ts", NOON)
    filled: dict[str, Any] = {
        "signal_id": None,
        "attempt": 1,
        "purpose": "answer",
        "flow": "analyze-signals",
        "symbol": "BTCUSDT",
        "provider": FLAT_1[0],
        "model": FLAT_1[1],
        "prompt_tokens_max": 800,
        "completion_tokens_max": 200,
        "ts": ts,
        "expires_at": ts + CALL_LASTS,
    }
    return Plan(call_id=call_id, **{**filled, **rest})


def outcome(of: Plan, **rest: Any) -> Outcome:
    """Answered in 250 ms with 700 + 50 tokens: 0.00075 USD at the price of FLAT_1."""
    filled: dict[str, Any] = {
        "status": 200,
        "error": None,
        "latency_ms": 250.0,
        "model_served": of.model,
        "usage": Usage(prompt_tokens=700, completion_tokens=50),
    }
    return Outcome(plan=of, **{**filled, **rest})


def price(provider: str = "acme", model: str = "flat-1", **rest: Any) -> Price:
    """FLAT_1, or another."""
    filled: dict[str, Any] = {
        "valid_from": dt.datetime(2026, 1, 1),  # noqa: DTZ001
        "valid_to": None,
        "input": Decimal(1),
        "cached": None,
        "output": Decimal(1),
        "reasoning": None,
        "peak_hours": None,
        "peak_factor": None,
        "shutdown_at": None,
        "source": "made up for a test",
        "checked_at": dt.datetime(2026, 1, 1),  # noqa: DTZ001
    }
    return Price(provider=provider, model=model, **{**filled, **rest})
