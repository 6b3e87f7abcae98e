"""
When a model may be asked: our own limit of requests, the provider's Retry-After, the circuit breaker.

The processes of one machine share this state (`tasks.llm.gate`), because each run of a deployment is a
process of its own and would forget it. Here are the rules, without a clock or a file.

Limit: at most ``limit`` requests in any window of a second. A request gets the instant at which the one
``limit`` before it is a window old, so waiting callers queue without asking again.

Circuit of one model:

                 FAILURES in a row               open time is over, one probe
     closed ───────────────────────▶ open ──────────────────────────────────────▶ half-open
       ▲                              ▲                                              │
       │ probe was answered           └─────── probe failed: twice as long ──────────┤
       └─────────────────────────────────────────────────────────────────────────────┘

Times are monotonic nanoseconds of this machine. They start again after a reboot; a time that lies further
ahead than any rule sets one is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from leadline.tasks.llm.protocol.answer import Capability
from leadline.tasks.llm.protocol.request import CircuitChange

NS = 1_000_000_000
# A request leaves up to LATE_NS after its instant; the window is longer by that, so that the provider
# too sees no more than the limit in any second.
LATE_NS = 50_000_000
WINDOW_NS = NS + LATE_NS
FAILURES = 5
OPEN_NS = 30 * NS
LONGEST_OPEN_NS = 300 * NS
LONGEST_BLOCK_NS = 300 * NS
# The longest wait for a probe whose process may have died.
PROBE_NS = 90 * NS
FURTHEST_NS = 600 * NS
REMEMBER_NS = 3_600 * NS

TurnResult: TypeAlias = Literal["success", "failure", "none"]


class ModelState(msgspec.Struct):
    """Circuit, block and learnt capability of one model; 0 is never."""

    failures: int = 0
    openings: int = 0
    open_until_ns: int = 0
    probe_until_ns: int = 0
    blocked_until_ns: int = 0
    capability: Capability | None = None
    capability_until_ns: int = 0


class ProviderState(msgspec.Struct):
    """Everything shared about one provider; ``slots`` are the instants given last, in order."""

    slots: list[int] = []
    models: dict[str, ModelState] = {}


@dataclass(frozen=True, slots=True)
class Turn:
    """Send after ``wait_s``; ``change`` is set if this is the probe of a circuit."""

    wait_s: float
    change: Literal["half-open"] | None = None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The provider asked us to wait; try again after ``wait_s``. Nothing was reserved."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class TurnRefused:
    """There is no turn in time: ``by`` our limit or the provider's (rate), or an open circuit."""

    by: Literal["rate", "circuit"]
    reason: str


def admit(
    state: ProviderState, model: str, now_ns: int, *, limit: int, patience_ns: int
) -> Turn | RetryLater | TurnRefused:
    """Give ``model`` the next turn if it comes within ``patience_ns``; only a turn changes ``state``."""
    drop_impossible_times(state, now_ns)
    of = state.models.setdefault(model, ModelState())
    if (refusal := _refusal(of, now_ns, patience_ns)) is not None:
        return refusal
    at_ns = now_ns
    if len(state.slots) >= limit:
        at_ns = max(now_ns, state.slots[-limit] + WINDOW_NS)
    if at_ns - now_ns > patience_ns:
        return TurnRefused("rate", f"no turn for {_s(at_ns - now_ns)} s at {limit} requests a second")
    state.slots = [*state.slots, at_ns][-limit:]
    if of.open_until_ns:
        of.probe_until_ns = at_ns + PROBE_NS
        return Turn((at_ns - now_ns) / NS, "half-open")
    return Turn((at_ns - now_ns) / NS)


def _refusal(of: ModelState, now_ns: int, patience_ns: int) -> RetryLater | TurnRefused | None:
    if of.open_until_ns > now_ns:
        return TurnRefused("circuit", f"circuit open for another {_s(of.open_until_ns - now_ns)} s")
    if of.open_until_ns and of.probe_until_ns > now_ns:
        return TurnRefused("circuit", "circuit half-open: its probe is under way")
    blocked_ns = of.blocked_until_ns - now_ns
    if blocked_ns > patience_ns:
        return TurnRefused("rate", f"the provider asked to wait another {_s(blocked_ns)} s")
    return RetryLater(blocked_ns / NS) if blocked_ns > 0 else None


def report(
    state: ProviderState, model: str, now_ns: int, result: TurnResult, *, retry_after_s: float | None = None
) -> Literal["open", "closed"] | None:
    """
    Note the result of a turn; return the circuit's new state if it changed.

    ``none`` says nothing about the model's health, such as a call that was given up. A Retry-After binds
    every process, for LONGEST_BLOCK_NS at most.
    """
    of = state.models.setdefault(model, ModelState())
    if retry_after_s is not None:
        block_ns = min(int(retry_after_s * NS), LONGEST_BLOCK_NS)
        of.blocked_until_ns = max(of.blocked_until_ns, now_ns + block_ns)
    was_open = of.open_until_ns != 0
    if result == "none":
        of.probe_until_ns = 0
        return None
    if result == "success":
        of.failures = of.openings = of.open_until_ns = of.probe_until_ns = 0
        return "closed" if was_open else None
    of.failures += 1
    if was_open and of.open_until_ns > now_ns:
        return None  # it was under way when the circuit opened
    if not was_open and of.failures < FAILURES:
        return None
    of.open_until_ns = now_ns + min(OPEN_NS * 2 ** min(of.openings, 16), LONGEST_OPEN_NS)
    of.openings += 1
    of.probe_until_ns = 0
    return "open"


def known_capability(state: ProviderState, model: str, now_ns: int) -> Capability | None:
    """Return the format that ``model`` was last found to accept, while that is remembered."""
    of = state.models.get(model)
    return of.capability if of is not None and of.capability_until_ns > now_ns else None


def learn_capability(state: ProviderState, model: str, now_ns: int, capability: Capability) -> None:
    """Remember for an hour that ``model`` refuses every stricter format; then try it again."""
    of = state.models.setdefault(model, ModelState())
    of.capability, of.capability_until_ns = capability, now_ns + REMEMBER_NS


def circuits(state: ProviderState, provider: str, now_ns: int) -> list[CircuitChange]:
    """Return every circuit that is not closed."""
    found = []
    for model, of in state.models.items():
        if of.open_until_ns > now_ns:
            reason = f"{of.failures} failures in a row; next probe in {_s(of.open_until_ns - now_ns)} s"
            found.append(CircuitChange(provider, model, "open", reason))
        elif of.open_until_ns:
            found.append(CircuitChange(provider, model, "half-open", f"{of.failures} failures in a row"))
    return found


def drop_impossible_times(state: ProviderState, now_ns: int) -> None:
    """Drop times that lie further ahead than any rule sets one: the machine was rebooted."""
    if state.slots and state.slots[-1] > now_ns + FURTHEST_NS:
        state.slots = []
    for of in state.models.values():
        if max(of.open_until_ns, of.probe_until_ns, of.blocked_until_ns) > now_ns + FURTHEST_NS:
            of.open_until_ns = of.probe_until_ns = of.blocked_until_ns = of.failures = of.openings = 0
        if of.capability_until_ns > now_ns + REMEMBER_NS:
            of.capability_until_ns = 0


def _s(span_ns: int) -> str:
    return f"{span_ns / NS:.1f}"
