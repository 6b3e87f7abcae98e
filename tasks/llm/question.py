"""One question under way: its clock, what it has used, what went wrong, and the reply in the end."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from leadline.storage.spend.calls import Outcome
from leadline.tasks.llm.attempt import Attempted
from leadline.tasks.llm.protocol.answer import Abstention, Answer
from leadline.tasks.llm.protocol.ask import Ask, CircuitChange, Reply, ReplyOutcome, Route, Totals
from leadline.tasks.net.clock import Clock

# A body that is no chat completion may have been paid for: it is asked for again once.
MOST_MALFORMED = 2


class Question:
    """State of one `Ask`; made for one call of `Client.ask`."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self.ask = ask
        self.repaired = False
        self.deadline_s = clock.mono_s() + ask.deadline_s
        self._clock = clock
        self._began_s = clock.mono_s()
        self._malformed = 0
        self._faults: dict[Route, int] = {}
        self._totals = Totals()
        self._failures: dict[Route, tuple[ReplyOutcome, str]] = {}
        self._changes: list[CircuitChange] = []

    @property
    def attempts(self) -> int:
        """Attempts that the journal said yes to."""
        return self._totals.attempts

    def left_s(self) -> float:
        """Seconds to the deadline; negative after it."""
        return self.deadline_s - self._clock.mono_s()

    def count(self, outcome: Outcome) -> None:
        """Add an attempt to the totals."""
        sums, usage = self._totals, outcome.usage
        cost = sums.provider_cost_usd
        if usage is not None and usage.provider_cost_usd is not None:
            cost = (cost or Decimal(0)) + usage.provider_cost_usd
        self._totals = Totals(
            attempts=sums.attempts + 1,
            prompt_tokens=sums.prompt_tokens + (usage.prompt_tokens if usage else 0),
            cached_tokens=sums.cached_tokens + (usage.cached_tokens if usage else 0),
            completion_tokens=sums.completion_tokens + (usage.completion_tokens if usage else 0),
            reasoning_tokens=sums.reasoning_tokens + (usage.reasoning_tokens if usage else 0),
            has_estimates=sums.has_estimates or (usage is not None and usage.source == "estimated"),
            provider_cost_usd=cost,
        )

    def note(self, route: Route, outcome: ReplyOutcome, reason: str) -> None:
        """Remember why a route did not answer; a refusal of ours after a failure leaves it a failure."""
        before, why = self._failures.get(route, (outcome, ""))
        if before == "error" != outcome:
            outcome, reason = before, f"{why}, then {reason}"
        self._failures[route] = (outcome, reason)

    def tell(self, route: Route, state: Literal["open", "half-open", "closed"] | None, reason: str) -> None:
        """Remember a change of a circuit, if it is one."""
        if state is not None:
            self._changes.append(CircuitChange(route.provider, route.model, state, reason))

    def may_try_again(self, route: Route, made: Attempted, most: int) -> bool:
        """Count a fault of a route; True while it is worth another attempt, ``most`` of them in all."""
        self._faults[route] = self._faults.get(route, 0) + 1
        if made.came == "malformed":
            self._malformed += 1
        if made.came not in ("again", "timeout", "malformed") or self._malformed >= MOST_MALFORMED:
            return False
        return self._faults[route] < most

    def answered(self, route: Route, made: Attempted) -> Reply:
        """Make the reply of a route that answered, validly or not."""
        completion = made.completion
        assert completion is not None
        reason = made.answer.reasoning if isinstance(made.answer, Abstention) else made.outcome.error
        outcomes: dict[str, ReplyOutcome] = {"answer": "ok", "abstention": "abstained"}
        return Reply(
            outcome=outcomes.get(made.came, "invalid"),
            wanted=self.ask.routes[0],
            asked=route,
            answer=made.answer if isinstance(made.answer, Answer) else None,
            reason=reason,
            model_served=completion.model_served,
            system_fingerprint=completion.system_fingerprint,
            text=completion.text,
            capability=made.capability,
            repaired=self.repaired,
            latency_ms=self._latency_ms(),
            totals=self._totals,
            circuit_changes=tuple(self._changes),
        )

    def failed(self) -> Reply:
        """
        Make the reply of a chain in which nobody answered.

        A real failure outweighs a refusal of ours; else the wanted route's word counts.
        """
        told = [(route, *self._failures[route]) for route in self.ask.routes if route in self._failures]
        counts = next((one for one in told if one[1] == "error"), told[0])
        return Reply(
            outcome=counts[1],
            wanted=self.ask.routes[0],
            asked=counts[0],
            reason="; ".join(f"{route.model}: {reason}" for route, _, reason in told),
            repaired=self.repaired,
            latency_ms=self._latency_ms(),
            totals=self._totals,
            circuit_changes=tuple(self._changes),
        )

    def _latency_ms(self) -> float:
        return (self._clock.mono_s() - self._began_s) * 1000
