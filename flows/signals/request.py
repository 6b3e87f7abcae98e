"""The plan of an analysis: which symbols, which models, within which limits."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from leadline.book.analytics.shock import Shock
from leadline.flows.signals.prompting import Prompt
from leadline.storage.signals.rows import Trigger
from leadline.storage.signals.view import Refusal
from leadline.tasks.llm.protocol.request import Route

CHALLENGERS = "challengers"  # who pays for questions in shadow, in the ledger and in budgets


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChain:
    """
    A model, others that stand in for it, and their prompt.

    A challenger answers in shadow: it is scored beside the champions but never shown as a signal.
    """

    routes: tuple[Route, ...]
    prompt: Prompt
    is_challenger: bool = False

    @property
    def name(self) -> str:
        """Return ``provider/model`` of the first model."""
        return f"{self.routes[0].provider}/{self.routes[0].model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPlan:
    """The plan of one analysis; times in seconds."""

    venue: str
    symbols: tuple[str, ...]
    trigger: Trigger
    chains: tuple[ModelChain, ...]
    horizon_s: int
    ttl_s: float
    stale_s: float
    bucket_s: float  # within it a question is asked once
    deadline_s: float
    side_by_side: int
    shocks: Mapping[str, Shock] = field(default_factory=dict)  # by symbol, where the trigger is one
    within_s: float = math.inf  # of its shock a decision must begin


def late(shock: Shock | None, at: dt.datetime, within_s: float) -> Refusal | None:
    """Refuse a decision that begins too long after its shock: the market has moved on."""
    if shock is None or (age_s := at.timestamp() - shock.ts_ns / 1e9) <= within_s:
        return None
    why = f"its turn came {age_s:.1f} s after the shock, at most {within_s:g} s are allowed"
    return Refusal("refused_late", why, shock.epoch)
