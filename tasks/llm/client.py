"""
The client of language models: one request in, one reply out, and every attempt in the journal.

A request tries the routes of its chain in order, with a few attempts on each. Transient faults are retried
after a wait (full jitter, or Retry-After). A server that refuses a response format is asked in the next
looser one. An invalid answer is sent back once for repair. All of it happens within the request's deadline
and under the limits that all processes share (`tasks.llm.gate`).

    ok, abstained, invalid      the route answered: the chain ends
    refused_*, error            the next route of the chain is asked

Not retried: a status that will be the same next time, and a wait longer than the time left.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpx

from leadline.storage.errors import BudgetRefused, PriceUnknown
from leadline.storage.spend.calls import Plan, Purpose
from leadline.tasks.llm.attempt import AttemptResult, HttpRequest, attempt
from leadline.tasks.llm.gate import Gate, GateStuck
from leadline.tasks.llm.limits import LATE_NS, NS, RetryLater, TurnRefused, TurnResult
from leadline.tasks.llm.profiles import LADDER, Provider
from leadline.tasks.llm.protocol.answer import Capability
from leadline.tasks.llm.protocol.errors import BadProfile
from leadline.tasks.llm.protocol.request import (
    CallJournal,
    CircuitChange,
    Message,
    ModelReply,
    ModelRequest,
    Route,
)
from leadline.tasks.llm.protocol.tokens import prompt_bound
from leadline.tasks.llm.request_state import RequestState
from leadline.tasks.llm.secret import LogRedaction, Redactor
from leadline.tasks.llm.wire import in_words, repair_messages, request_body
from leadline.tasks.net.backoff import delays
from leadline.tasks.net.clock import Clock
from leadline.tasks.net.proxies import http_client

# Of one request, over all routes; llmock calls 8 attempts at one request a storm.
MOST_ATTEMPTS = 8
# After its deadline an attempt is over, but its outcome may still be on its way to the ledger.
GRACE_S = 5.0
CONNECT_S = 10.0
# A time-out says something about the model only if the model had time.
FAIR_CHANCE_S = 5.0
LEAST_REPAIR_S = 1.0
LONGEST_BACKOFF_S = 8.0


class ModelClient:
    """
    Asks models of several providers; an async context manager, for one event loop.

    ``home`` is the folder of the state that processes share. The journal is called in worker threads.
    """

    def __init__(
        self,
        providers: Iterable[Provider],
        journal: CallJournal,
        *,
        home: Path,
        clock: Clock,
        rng: Random,
        first_wait_s: float = 0.5,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self._providers: Mapping[str, Provider] = {one.profile.name: one for one in providers}
        self._journal = journal
        self._clock = clock
        self._rng = rng
        self._first_wait_s = first_wait_s
        self._new_id = new_id
        self._redact = Redactor(one.key for one in self._providers.values() if one.key is not None)
        self._log_redaction = LogRedaction(self._redact)
        self._gates = {
            name: Gate(home, name, limit=one.profile.requests_per_s, clock=clock)
            for name, one in self._providers.items()
        }
        self._http = {name: _http(one) for name, one in self._providers.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for http in self._http.values():
            await http.aclose()
        self._log_redaction.remove()

    def circuits(self) -> list[CircuitChange]:
        """Return every circuit that is not closed, of all providers."""
        return [circuit for gate in self._gates.values() for circuit in gate.circuits()]

    async def complete(self, request: ModelRequest) -> ModelReply:
        """
        Return the reply to a request; what providers do wrong is part of it.

        Raises `BadProfile` for a route without a provider, and what the journal raises if the ledger cannot
        be reached: nothing is sent then.
        """
        for route in request.routes:
            if route.provider not in self._providers:
                raise BadProfile(
                    f"no provider {route.provider!r} here; there are {', '.join(self._providers)}"
                )
        state = RequestState(request, self._clock)
        for route in request.routes:
            reply = await self._ask_route(state, route)
            if reply is not None:
                return reply
        return state.failed()

    async def _ask_route(self, state: RequestState, route: Route) -> ModelReply | None:
        """Ask one route; None if the next of the chain is to be asked."""
        messages = state.request.messages
        waits = delays(self._rng, first_s=self._first_wait_s, cap_s=LONGEST_BACKOFF_S)
        in_repair: AttemptResult | None = None
        while state.attempts < MOST_ATTEMPTS:
            made = await self._attempt(state, route, messages)
            if made is None:
                break
            if made.kind in ("answer", "abstention"):
                return state.answered(route, made)
            if made.kind == "invalid":
                if not _may_repair(state, made):
                    return state.answered(route, made)
                in_repair, messages = made, _to_repair(state, messages, made)
            elif not await self._go_on(state, route, made, waits):
                break
        # A failed repair leaves the answer that was to be repaired.
        return state.answered(route, in_repair) if in_repair is not None else None

    async def _go_on(
        self, state: RequestState, route: Route, made: AttemptResult, waits: Iterator[float]
    ) -> bool:
        """Decide whether to ask the same route again after a fault; if so, wait until then."""
        late = made.kind == "late"
        state.note(route, "refused_rate" if late else "error", made.outcome.error or made.kind)
        if made.kind == "other_form":
            return await self._loosen(route, made)
        if not state.may_try_again(route, made, self._providers[route.provider].profile.max_attempts):
            return False
        wait_s = max(next(waits), made.retry_after_s or 0.0)
        if wait_s >= state.left_s():
            return False
        await asyncio.sleep(wait_s)
        return True

    async def _attempt(
        self, state: RequestState, route: Route, messages: tuple[Message, ...]
    ) -> AttemptResult | None:
        """Make one attempt when its turn has come; None if it was refused, which is noted."""
        provider = self._providers[route.provider]
        refusal = await self._turn(state, route)
        if refusal is not None:
            by_rate = refusal.by == "rate"
            state.note(route, "refused_rate" if by_rate else "refused_circuit", refusal.reason)
            return None
        capability = await self._capability(route)
        request, plan = self._prepare(state, route, messages, capability)
        turn_s = self._clock.mono_s()

        async def ready() -> str | None:
            # If the journal took long, the turn has passed: take another, so that the limit holds.
            if self._clock.mono_s() - turn_s < LATE_NS / NS:
                return None
            late = await self._turn(state, route)
            return None if late is None else late.reason

        result: TurnResult = "none"
        retry_after_s, kind = None, ""
        try:
            made = await attempt(
                self._http[route.provider], self._journal, plan, request,
                redact=self._redact, clock=self._clock, ready=ready,
            )  # fmt: skip
            state.count(made.outcome)
            result = _health(made, provider.profile.attempt_timeout_s)
            retry_after_s = made.retry_after_s if made.kind == "again" else None
            kind = made.outcome.error or made.kind
        except BudgetRefused as exc:
            state.note(route, "refused_budget", str(exc))
            return None
        except PriceUnknown as exc:
            state.note(route, "refused_price", str(exc))
            return None
        finally:
            await self._report(state, route, result, retry_after_s, kind)
        return replace(made, capability=capability)

    async def _report(
        self,
        state: RequestState,
        route: Route,
        result: TurnResult,
        retry_after_s: float | None,
        kind: str,
    ) -> None:
        gate = self._gates[route.provider]
        # This report is lost then; the next attempts will report the same.
        with contextlib.suppress(GateStuck):
            changed = await asyncio.to_thread(gate.report, route.model, result, retry_after_s=retry_after_s)
            state.note_circuit(route, changed, kind)

    async def _turn(self, state: RequestState, route: Route) -> TurnRefused | None:
        """Wait until this route may be asked; return the reason if that is too late."""
        gate = self._gates[route.provider]
        while (left_s := state.left_s()) > 0:
            try:
                turn = await asyncio.to_thread(gate.admit, route.model, patience_s=left_s)
            except GateStuck as exc:
                return TurnRefused("rate", str(exc))
            if isinstance(turn, TurnRefused):
                return turn
            await asyncio.sleep(turn.wait_s)
            if isinstance(turn, RetryLater):
                continue
            state.note_circuit(route, turn.change, "one probe is sent")
            return None
        return TurnRefused("rate", f"the deadline of {state.request.deadline_s:g} s passed")

    def _prepare(
        self, state: RequestState, route: Route, messages: tuple[Message, ...], capability: Capability
    ) -> tuple[HttpRequest, Plan]:
        asked, provider = state.request, self._providers[route.provider]
        profile, traits = provider.profile, provider.profile.traits_of(route.model)
        if capability != "json_schema":
            messages = in_words(messages, asked.rules)
        body = request_body(
            profile, traits, model=route.model, messages=messages, request=asked, capability=capability
        )
        now = dt.datetime.fromtimestamp(self._clock.wall_ns() / NS, dt.UTC)
        purpose: Purpose = "repair" if state.repaired else "answer"
        plan = Plan(
            call_id=self._new_id(),
            signal_id=asked.signal_id,
            attempt=state.attempts + 1,
            purpose=purpose,
            flow=asked.flow,
            symbol=asked.symbol,
            provider=profile.price_profile,
            model=route.model,
            prompt_tokens_max=prompt_bound(messages, asked.rules.response_format(capability)),
            completion_tokens_max=asked.max_tokens,
            ts=now,
            expires_at=now + dt.timedelta(seconds=state.left_s() + GRACE_S),
        )
        request = HttpRequest(
            url=f"{profile.base_url}/chat/completions",
            key=provider.key,
            body=body,
            timeout_s=profile.attempt_timeout_s,
            deadline_s=state.deadline_s,
            rules=asked.rules,
            capability=capability,
        )
        return request, plan

    async def _capability(self, route: Route) -> Capability:
        """Return the strictest format that this model is not known to refuse."""
        traits = self._providers[route.provider].profile.traits_of(route.model)
        learnt = await asyncio.to_thread(self._gates[route.provider].capability, route.model)
        if learnt is None:
            return traits.capability
        return max(learnt, traits.capability, key=LADDER.index)

    async def _loosen(self, route: Route, made: AttemptResult) -> bool:
        """Remember that this model refused the format; False if there is no looser one."""
        assert made.capability is not None
        step = LADDER.index(made.capability) + 1
        if step >= len(LADDER):
            return False
        await asyncio.to_thread(self._gates[route.provider].learn, route.model, LADDER[step])
        return True


def _may_repair(state: RequestState, made: AttemptResult) -> bool:
    return (
        not state.repaired
        and state.attempts < MOST_ATTEMPTS
        and state.left_s() > LEAST_REPAIR_S
        and made.completion is not None
        and bool(made.completion.text)
    )


def _to_repair(
    state: RequestState, messages: tuple[Message, ...], made: AttemptResult
) -> tuple[Message, ...]:
    assert made.completion is not None
    state.repaired = True
    return repair_messages(messages, made.completion.text, made.outcome.error or "it is not valid")


def _http(provider: Provider) -> httpx.AsyncClient:
    profile = provider.profile
    # `attempt` keeps the deadline of the whole; these bound its parts. No redirect is followed, as another
    # host would be sent the key.
    timeout = httpx.Timeout(profile.attempt_timeout_s, connect=CONNECT_S, pool=None)
    return http_client([profile.base_url], timeout=timeout, headers={"User-Agent": "leadline"})


def _health(made: AttemptResult, attempt_timeout_s: float) -> TurnResult:
    """Return what an attempt says of the model's health: a refusal is an answer, a late start nothing."""
    status = made.outcome.status
    if made.kind == "late":
        return "none"
    if made.kind == "timeout":
        had_s = made.outcome.latency_ms / 1000
        return "failure" if had_s >= min(FAIR_CHANCE_S, attempt_timeout_s) * 0.95 else "none"
    if made.kind == "malformed" or (made.kind == "again" and (status is None or status >= 500)):  # noqa: PLR2004
        return "failure"
    return "success"
