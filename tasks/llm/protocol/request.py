"""
A request to a model, the reply, and the journal that every attempt passes through.

A `ModelRequest` may make several HTTP attempts: retries after faults, other models of its chain, one repair
of an invalid answer. The `ModelReply` says which of them counted. A failure is never an answer: only ``ok``
carries one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

from leadline.storage.spend.calls import Outcome, Plan
from leadline.tasks.llm.protocol.answer import Answer, AnswerRules, Capability

DEFAULT_RULES = AnswerRules()

Role: TypeAlias = Literal["system", "user", "assistant"]
ReplyOutcome: TypeAlias = Literal[
    "ok",  # an answer that passed the local checks
    "abstained",  # the model answered that it will not say
    "invalid",  # the model answered, but not with an answer; also after one repair
    "refused_budget",  # a budget has no room; that attempt was not made
    "refused_price",  # the model's price is not known; that attempt was not made
    "refused_rate",  # no turn before the deadline under our own limit or the provider's Retry-After
    "refused_circuit",  # the circuits of all models asked for are open
    "error",  # the provider could not be reached, refused, or did not answer in time
]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Route:
    """A model at a provider, both by the names of `tasks.llm.profiles`."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """
    One request; ``routes`` is the chain: the first is wanted, the others stand in for it.

    ``deadline_s`` covers everything: waits for a turn, all attempts, the repair.
    """

    signal_id: str
    flow: str  # which flow pays, such as analyze-signals
    symbol: str
    messages: tuple[Message, ...]
    routes: tuple[Route, ...]
    rules: AnswerRules = DEFAULT_RULES
    max_tokens: int = 200
    temperature: float | None = 0.0
    deadline_s: float = 20.0


@dataclass(frozen=True, slots=True)
class CircuitChange:
    """A circuit breaker changed its state during the request."""

    provider: str
    model: str
    state: Literal["open", "half-open", "closed"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all attempts of one request, failed and repaired ones included."""

    attempts: int = 0  # that the journal allowed
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    has_estimates: bool = False  # some attempt's tokens are our bound, not the provider's count
    provider_cost_usd: Decimal | None = None  # None: no attempt reported one


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """
    The result of a `ModelRequest`; it has an ``answer`` if and only if ``outcome`` is ok.

    ``asked`` is the route of the attempt that counted and ``model_served`` the name the server gave; they
    differ from ``wanted`` if another model of the chain, or of the provider, answered.
    """

    outcome: ReplyOutcome
    wanted: Route
    asked: Route
    answer: Answer | None = None
    reason: str | None = None  # why there is no answer, or the model's reason to abstain
    model_served: str | None = None
    system_fingerprint: str | None = None
    text: str | None = None  # what the model said, as it came, in the attempt that counted
    capability: Capability | None = None  # the format that its answer was held to
    repaired: bool = False
    latency_ms: float = 0.0  # from the request to this reply, waits included
    totals: Totals = Totals()
    circuit_changes: tuple[CircuitChange, ...] = ()

    @property
    def is_fallback(self) -> bool:
        """Whether another route than the wanted one counted."""
        return self.asked != self.wanted


class CallJournal(Protocol):
    """
    The ledger's side of a call; `storage.spend.journal.Journal` implements it.

    Both methods run in worker threads, several at once.
    """

    def before(self, plan: Plan) -> None:
        """Reserve what the attempt may cost; raise `BudgetRefused` or `PriceUnknown` to forbid it."""

    def after(self, outcome: Outcome) -> None:
        """Book the outcome; called exactly once for every ``before`` that returned."""
