"""A journal that lists what it is told, and a client in front of a scripted server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from leadline.storage.spend.calls import Outcome, Plan
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.profiles import HOLYSHEEP, Provider
from leadline.tasks.llm.protocol.request import CallJournal, Message, ModelRequest, Route
from leadline.tasks.llm.secret import Key
from leadline.tasks.net.clock import SYSTEM_CLOCK

CANARY = "hs-canary0a1b2c3d4e5f60718293a4b5c6d7e8f9"


class Listed:
    """Every plan and outcome, in order; ``on_before`` and ``on_after`` may block or raise."""

    def __init__(
        self,
        on_before: Callable[[Plan], None] = lambda plan: None,
        on_after: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self.plans: list[Plan] = []
        self.outcomes: list[Outcome] = []
        self._on_before = on_before
        self._on_after = on_after
        self._lock = threading.Lock()

    def before(self, plan: Plan) -> None:
        self._on_before(plan)
        with self._lock:
            self.plans.append(plan)

    def after(self, outcome: Outcome) -> None:
        self._on_after(outcome)
        with self._lock:
            self.outcomes.append(outcome)

    def assert_paired(self) -> None:
        """Every attempt that was begun has exactly one outcome."""
        assert sorted(plan.call_id for plan in self.plans) == sorted(
            outcome.plan.call_id for outcome in self.outcomes
        )
        assert len({plan.call_id for plan in self.plans}) == len(self.plans)


def a_client(
    base_url: str, journal: CallJournal, home: Path, *, key: str = CANARY, **changes: Any
) -> ModelClient:
    """A client of the default provider, at another address and in a hurry."""
    profile = replace(HOLYSHEEP, **{"base_url": base_url, "requests_per_s": 1_000, **changes})
    return ModelClient(
        [Provider(profile, Key(key, "HOLYSHEEP_API_KEY"))], journal,
        home=home, clock=SYSTEM_CLOCK, rng=Random(1), first_wait_s=0.02,
    )  # fmt: skip


def a_request(**changes: Any) -> ModelRequest:
    """A question to gpt-4.1."""
    filled: dict[str, Any] = {
        "signal_id": "s1",
        "flow": "analyze-signals",
        "symbol": "BTCUSDT",
        "messages": (Message("user", "Imbalance -0.77. Up or down?"),),
        "routes": (Route("holysheep", "gpt-4.1"),),
        "max_tokens": 100,
        "deadline_s": 8.0,
    }
    return ModelRequest(**{**filled, **changes})
