"""The state of one request under way: its clock, its totals, its faults, and the reply in the end."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from leadline.storage.spend.calls import Outcome
from leadline.tasks.llm.attempt import AttemptResult
from leadline.tasks.llm.protocol.answer import Abstention, Answer
from leadline.tasks.llm.protocol.request import (
    CircuitChange,
    ModelReply,
    ModelRequest,
    ReplyOutcome,
    Route,
    Totals,
)
from leadline.tasks.net.clock import Clock

# A body that is no chat completion may have cost money: it is retried once.
MOST_MALFORMED = 2


class RequestState:
    """State of one `ModelRequest` during one call of `ModelClient.complete`."""

    def __init__(self, request: ModelRequest, clock: Clock) -> None:
        self.request = request
        self.repaired = False
        self.deadline_s = clock.mono_s() + request.deadline_s
        self._clock = clock
        self._began_s = clock.mono_s()
        self._malformed = 0
        self._faults: dict[Route, int] = {}
        self._totals = Totals()
        self._failures: dict[Route, tuple[ReplyOutcome, str]] = {}
        self._changes: list[CircuitChange] = []

    @property
    def attempts(self) -> int:
        """Return how many attempts the journal allowed."""
        return self._totals.attempts

    def left_s(self) -> float:
        """Return the seconds to the deadline; negative after it."""
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
        """Remember why a route did not answer; our refusal after a failure leaves it a failure."""
        before, why = self._failures.get(route, (outcome, ""))
        if before == "error" != outcome:
            outcome, reason = before, f"{why}, then {reason}"
        self._failures[route] = (outcome, reason)

    def note_circuit(
        self, route: Route, state: Literal["open", "half-open", "closed"] | None, reason: str
    ) -> None:
        """Remember a circuit's new state; None: it did not change."""
        if state is not None:
            self._changes.append(CircuitChange(route.provider, route.model, state, reason))

    def may_try_again(self, route: Route, made: AttemptResult, most: int) -> bool:
        """Count a fault of a route; True while another attempt makes sense, ``most`` in all."""
        self._faults[route] = self._faults.get(route, 0) + 1
        if made.kind == "malformed":
            self._malformed += 1
        if made.kind not in ("again", "timeout", "malformed") or self._malformed >= MOST_MALFORMED:
            return False
        return self._faults[route] < most

    def answered(self, route: Route, made: AttemptResult) -> ModelReply:
        """Make the reply of a route that answered, validly or not."""
        completion = made.completion
        assert completion is not None
        reason = made.answer.reasoning if isinstance(made.answer, Abstention) else made.outcome.error
        outcomes: dict[str, ReplyOutcome] = {"answer": "ok", "abstention": "abstained"}
        return ModelReply(
            outcome=outcomes.get(made.kind, "invalid"),
            wanted=self.request.routes[0],
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

    def failed(self) -> ModelReply:
        """
        Make the reply of a chain in which no route answered.

        A real failure outweighs a refusal of ours; otherwise the wanted route's reason counts.
        """
        failures = [
            (route, *self._failures[route]) for route in self.request.routes if route in self._failures
        ]
        counts = next((one for one in failures if one[1] == "error"), failures[0])
        return ModelReply(
            outcome=counts[1],
            wanted=self.request.routes[0],
            asked=counts[0],
            reason="; ".join(f"{route.model}: {reason}" for route, _, reason in failures),
            repaired=self.repaired,
            latency_ms=self._latency_ms(),
            totals=self._totals,
            circuit_changes=tuple(self._changes),
        )

    def _latency_ms(self) -> float:
        return (self._clock.mono_s() - self._began_s) * 1000
