"""
The ledger the plainest way: lists and sums in memory, and a script of moves played on it and on the real.

    r  reserve on model 1      R  reserve on model 2, the dear one      o  reserve for another flow
    s  settle the oldest open as answered            h  settle it with nothing told
    n  settle it as not sent   v  settle it as refused by the provider
    x  its process dies: nobody will settle it       l  an outcome for what died, late
    d  settle again what was settled                 e  the sweep over expired holds
    t  some seconds go by      T  to the next hour
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from leadline.storage.access.sql import Runs
from leadline.storage.errors import BudgetRefused
from leadline.storage.spend import ledger
from leadline.storage.spend.calls import Outcome, Plan, Usage
from tests.storage.spend.plans import CALL_LASTS, NOON, plan

LETTERS = "rrrrRRoosshnvxxxllldettT"
PER_TOKEN = {"flat-1": Decimal("0.000001"), "dear-2": Decimal("0.000003")}
LIMITS = {
    ("all", "day"): Decimal("0.014"),
    ("all", "hour"): Decimal("0.009"),
    ("model:acme/dear-2", "hour"): Decimal("0.005"),
    ("flow:rescore", "day"): Decimal("0.003"),
}


@dataclass
class Call:
    """One attempt as the oracle remembers it."""

    plan: Plan
    held: Decimal
    cost: Decimal | None = None
    settled: bool = False
    dead: bool = False

    @property
    def counts(self) -> Decimal:
        return self.held if self.cost is None else self.cost


def covers(scope: str, one: Plan) -> bool:
    return scope in {"all", f"model:{one.provider}/{one.model}", f"flow:{one.flow}"}


def same_window(window: str, a: dt.datetime, b: dt.datetime) -> bool:
    length = {"hour": 13, "day": 10}[window]  # of the ISO text that names it
    return a.isoformat()[:length] == b.isoformat()[:length]


@dataclass
class Play:
    """The real ledger and the oracle, move by move; `check` holds them against each other."""

    con: Runs
    now: dt.datetime = NOON
    calls: list[Call] = field(default_factory=list)
    refused: int = 0
    late: int = 0

    def used(self, scope: str, window: str) -> Decimal:
        return sum(
            (
                call.counts
                for call in self.calls
                if covers(scope, call.plan) and same_window(window, call.plan.ts, self.now)
            ),
            Decimal(0),
        )

    def move(self, letter: str, size: int) -> None:
        if letter in "rRo":
            self._reserve(letter, 200 + 100 * size)
        elif letter in "shnv":
            self._settle_oldest(letter, size)
        elif letter in "tT":
            self._let_time_pass(letter, size)
        else:
            {"x": self._die, "l": self._settle_late, "d": self._settle_again, "e": self._sweep}[letter]()

    def _let_time_pass(self, letter: str, size: int) -> None:
        if letter == "t":
            self.now += dt.timedelta(seconds=1 + 10 * size)
        else:
            self.now = self.now.replace(minute=0, second=0) + dt.timedelta(hours=1)

    def _die(self) -> None:
        for call in self._open()[:1]:
            call.dead = True

    def _settle_late(self) -> None:
        for call in [call for call in self.calls if call.dead and not call.settled][:1]:
            self.late += 1
            self._settle(call, "s", 3)

    def _settle_again(self) -> None:
        for call in [call for call in self.calls if call.settled][-1:]:
            ledger.settle(self.con, self._outcome(call, "s", 1)[0], now=self.now)

    def _sweep(self) -> None:
        ledger.expire(self.con, now=self.now)  # what counts does not change by it

    def check(self) -> None:
        found = ledger.budgets(self.con, now=self.now, default_usd_per_day=Decimal(0)).dicts()
        real = {(one["scope"], one["window"]): one["spent_usd"] + one["held_usd"] for one in found}
        assert real == {key: self.used(*key) for key in LIMITS}
        assert all(used <= LIMITS[key] for key, used in real.items())
        held = sum(one["held_usd"] for one in found if (one["scope"], one["window"]) == ("all", "hour"))
        under_way = [
            call.held
            for call in self.calls
            if not call.settled
            and call.plan.expires_at >= self.now
            and same_window("hour", call.plan.ts, self.now)
        ]
        assert held == sum(under_way)

    def _open(self) -> list[Call]:
        return [call for call in self.calls if not call.settled and not call.dead]

    def _reserve(self, letter: str, tokens: int) -> None:
        model = "dear-2" if letter == "R" else "flat-1"
        flow = "rescore" if letter == "o" else "analyze-signals"
        one = plan(
            f"c{len(self.calls)}-{self.refused}", model=model, flow=flow, ts=self.now,
            prompt_tokens_max=tokens, completion_tokens_max=tokens, expires_at=self.now + CALL_LASTS,
        )  # fmt: skip
        held = 2 * tokens * PER_TOKEN[model]
        fits = all(self.used(*key) + held <= limit for key, limit in LIMITS.items() if covers(key[0], one))
        try:
            ledger.reserve(self.con, one, default_usd_per_day=Decimal(0))
        except BudgetRefused:
            assert not fits
            self.refused += 1
        else:
            assert fits
            self.calls.append(Call(one, held))

    def _settle_oldest(self, letter: str, size: int) -> None:
        for call in self._open()[:1]:
            self._settle(call, letter, size)

    def _settle(self, call: Call, letter: str, size: int) -> None:
        told, cost = self._outcome(call, letter, size)
        ledger.settle(self.con, told, now=self.now)
        call.cost, call.settled = cost, True

    def _outcome(self, call: Call, letter: str, size: int) -> tuple[Outcome, Decimal | None]:
        rest: dict[str, Any] = {"status": None, "error": "no answer"}
        cost: Decimal | None = Decimal(0)
        if letter == "s":
            used = Usage(prompt_tokens=100 + size, completion_tokens=10 * size)
            cost = (used.prompt_tokens + used.completion_tokens) * PER_TOKEN[call.plan.model]
            rest = {"status": 200, "error": None, "usage": used, "model_served": call.plan.model}
        elif letter == "h":
            cost = None
        elif letter == "v":
            rest["status"] = 429
        else:
            rest["was_sent"] = False
        return Outcome(plan=call.plan, latency_ms=5.0, **rest), cost
