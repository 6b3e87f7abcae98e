"""
The client of models: one question in, one reply out, with every attempt in the journal.

A question goes down its chain of routes. On each it makes a few attempts: faults worth it are tried again
after a wait (full jitter, or what Retry-After says), a server that does not know the form we ask for is
asked in the next looser one, an answer that is not valid is sent back once for repair. Everything happens
within the question's deadline, under the limits that all processes share (`tasks.llm.gate`).

    ok, abstained, invalid      the route answered: the chain ends
    refused_*, error            the next route of the chain is asked

What is not retried: statuses that will be the same next time, a wait longer than the time left.
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
from leadline.tasks.llm.attempt import Attempted, Request, attempt
from leadline.tasks.llm.gate import Gate, GateStuck
from leadline.tasks.llm.limits import LATE_NS, NS, Later, NoTurn, Verdict
from leadline.tasks.llm.profiles import LADDER, Provider
from leadline.tasks.llm.protocol.answer import Capability
from leadline.tasks.llm.protocol.ask import Ask, CircuitChange, Journal, Message, Reply, Route
from leadline.tasks.llm.protocol.errors import BadProfile
from leadline.tasks.llm.protocol.tokens import prompt_bound
from leadline.tasks.llm.question import Question
from leadline.tasks.llm.secret import Hush, Redactor
from leadline.tasks.llm.wire import in_words, repair_messages, request_body
from leadline.tasks.net.backoff import delays
from leadline.tasks.net.clock import Clock

# Of one question, over all routes; a judge of clients calls 8 attempts at one request a storm.
MOST_ATTEMPTS = 8
# After its deadline an attempt is not under way, but its end may still be on the way to the ledger.
GRACE_S = 5.0
CONNECT_S = 10.0
# A time-out says something about the model only if it was given time.
FAIR_CHANCE_S = 5.0
LEAST_REPAIR_S = 1.0
LONGEST_BACKOFF_S = 8.0


class Client:
    """
    Asks models of several providers; use as an async context manager in one event loop.

    ``home`` is the folder of the state that processes share. The journal is called in worker threads.
    """

    def __init__(
        self,
        providers: Iterable[Provider],
        journal: Journal,
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
        self._hush = Hush(self._redact)
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
        self._hush.lift()

    def circuits(self) -> list[CircuitChange]:
        """Tell every circuit that is not closed, of all providers."""
        return [told for gate in self._gates.values() for told in gate.circuits()]

    async def ask(self, ask: Ask) -> Reply:
        """
        Ask; what the providers do wrong is in the reply.

        Raises `BadProfile` for a route without a provider, and what the journal raises when the ledger
        cannot be reached: without it nothing is sent.
        """
        for route in ask.routes:
            if route.provider not in self._providers:
                raise BadProfile(
                    f"no provider {route.provider!r} here; there are {', '.join(self._providers)}"
                )
        question = Question(ask, self._clock)
        for route in ask.routes:
            reply = await self._ask_route(question, route)
            if reply is not None:
                return reply
        return question.failed()

    async def _ask_route(self, question: Question, route: Route) -> Reply | None:
        """Ask one route; None where the next of the chain is to be asked."""
        messages = question.ask.messages
        waits = delays(self._rng, first_s=self._first_wait_s, cap_s=LONGEST_BACKOFF_S)
        in_repair: Attempted | None = None
        while question.attempts < MOST_ATTEMPTS:
            made = await self._attempt(question, route, messages)
            if made is None:
                break
            if made.came in ("answer", "abstention"):
                return question.answered(route, made)
            if made.came == "invalid":
                if not _may_repair(question, made):
                    return question.answered(route, made)
                in_repair, messages = made, _to_repair(question, messages, made)
            elif not await self._go_on(question, route, made, waits):
                break
        # A repair that came to nothing leaves what was to be repaired.
        return question.answered(route, in_repair) if in_repair is not None else None

    async def _go_on(
        self, question: Question, route: Route, made: Attempted, waits: Iterator[float]
    ) -> bool:
        """Say whether the same route is asked again after a fault, and wait until then."""
        late = made.came == "late"
        question.note(route, "refused_rate" if late else "error", made.outcome.error or made.came)
        if made.came == "other_form":
            return await self._loosen(route, made)
        if not question.may_try_again(route, made, self._providers[route.provider].profile.max_attempts):
            return False
        wait_s = max(next(waits), made.retry_after_s or 0.0)
        if wait_s >= question.left_s():
            return False
        await asyncio.sleep(wait_s)
        return True

    async def _attempt(
        self, question: Question, route: Route, messages: tuple[Message, ...]
    ) -> Attempted | None:
        """Make one attempt when its turn has come; None where it was refused, which is noted."""
        provider = self._providers[route.provider]
        refusal = await self._turn(question, route)
        if refusal is not None:
            by_rate = refusal.by == "rate"
            question.note(route, "refused_rate" if by_rate else "refused_circuit", refusal.reason)
            return None
        capability = await self._capability(route)
        request, plan = self._prepare(question, route, messages, capability)
        turn_s = self._clock.mono_s()

        async def ready() -> str | None:
            # A journal that took long spent the turn's instant: take another, so that the limit holds.
            if self._clock.mono_s() - turn_s < LATE_NS / NS:
                return None
            late = await self._turn(question, route)
            return None if late is None else late.reason

        verdict: Verdict = "none"
        retry_after_s, came = None, ""
        try:
            made = await attempt(
                self._http[route.provider], self._journal, plan, request,
                redact=self._redact, clock=self._clock, ready=ready,
            )  # fmt: skip
            question.count(made.outcome)
            verdict = _health(made, provider.profile.attempt_timeout_s)
            retry_after_s = made.retry_after_s if made.came == "again" else None
            came = made.outcome.error or made.came
        except BudgetRefused as exc:
            question.note(route, "refused_budget", str(exc))
            return None
        except PriceUnknown as exc:
            question.note(route, "refused_price", str(exc))
            return None
        finally:
            await self._report(question, route, verdict, retry_after_s, came)
        return replace(made, capability=capability)

    async def _report(
        self,
        question: Question,
        route: Route,
        verdict: Verdict,
        retry_after_s: float | None,
        came: str,
    ) -> None:
        gate = self._gates[route.provider]
        # What it would have noted is lost then; the next attempts will tell the same.
        with contextlib.suppress(GateStuck):
            changed = await asyncio.to_thread(
                gate.report, route.model, verdict, retry_after_s=retry_after_s
            )
            question.tell(route, changed, came)

    async def _turn(self, question: Question, route: Route) -> NoTurn | None:
        """Wait until this route may be asked; the reason where that is too late."""
        gate = self._gates[route.provider]
        while (left_s := question.left_s()) > 0:
            try:
                turn = await asyncio.to_thread(gate.admit, route.model, patience_s=left_s)
            except GateStuck as exc:
                return NoTurn("rate", str(exc))
            if isinstance(turn, NoTurn):
                return turn
            await asyncio.sleep(turn.wait_s)
            if isinstance(turn, Later):
                continue
            question.tell(route, turn.change, "one probe goes")
            return None
        return NoTurn("rate", f"the deadline of {question.ask.deadline_s:g} s passed")

    def _prepare(
        self, question: Question, route: Route, messages: tuple[Message, ...], capability: Capability
    ) -> tuple[Request, Plan]:
        ask, provider = question.ask, self._providers[route.provider]
        profile, traits = provider.profile, provider.profile.traits_of(route.model)
        if capability != "json_schema":
            messages = in_words(messages, ask.rules)
        body = request_body(
            profile, traits, model=route.model, messages=messages, ask=ask, capability=capability
        )
        now = dt.datetime.fromtimestamp(self._clock.wall_ns() / NS, dt.UTC)
        purpose: Purpose = "repair" if question.repaired else "answer"
        plan = Plan(
            call_id=self._new_id(),
            signal_id=ask.signal_id,
            attempt=question.attempts + 1,
            purpose=purpose,
            flow=ask.flow,
            symbol=ask.symbol,
            provider=profile.price_profile,
            model=route.model,
            prompt_tokens_max=prompt_bound(messages, ask.rules.response_format(capability)),
            completion_tokens_max=ask.max_tokens,
            ts=now,
            expires_at=now + dt.timedelta(seconds=question.left_s() + GRACE_S),
        )
        request = Request(
            url=f"{profile.base_url}/chat/completions",
            key=provider.key,
            body=body,
            timeout_s=profile.attempt_timeout_s,
            deadline_s=question.deadline_s,
            rules=ask.rules,
            capability=capability,
        )
        return request, plan

    async def _capability(self, route: Route) -> Capability:
        """Return the strictest form this model is not known to refuse."""
        traits = self._providers[route.provider].profile.traits_of(route.model)
        learnt = await asyncio.to_thread(self._gates[route.provider].capability, route.model)
        if learnt is None:
            return traits.capability
        return max(learnt, traits.capability, key=LADDER.index)

    async def _loosen(self, route: Route, made: Attempted) -> bool:
        """Remember that this model refused the form; False if there is no looser one."""
        assert made.capability is not None
        step = LADDER.index(made.capability) + 1
        if step >= len(LADDER):
            return False
        await asyncio.to_thread(self._gates[route.provider].learn, route.model, LADDER[step])
        return True


def _may_repair(question: Question, made: Attempted) -> bool:
    return (
        not question.repaired
        and question.attempts < MOST_ATTEMPTS
        and question.left_s() > LEAST_REPAIR_S
        and made.completion is not None
        and bool(made.completion.text)
    )


def _to_repair(question: Question, messages: tuple[Message, ...], made: Attempted) -> tuple[Message, ...]:
    assert made.completion is not None
    question.repaired = True
    return repair_messages(messages, made.completion.text, made.outcome.error or "it is not valid")


def _http(provider: Provider) -> httpx.AsyncClient:
    profile = provider.profile
    return httpx.AsyncClient(
        # The deadline of each attempt is kept outside; these only bound its parts.
        timeout=httpx.Timeout(profile.attempt_timeout_s, connect=CONNECT_S, pool=None),
        headers={"User-Agent": "leadline"},
        follow_redirects=False,  # another host would be sent the key
        trust_env=not profile.is_loopback,
    )


def _health(made: Attempted, attempt_timeout_s: float) -> Verdict:
    """Say what an attempt tells of the model's health: a refusal is an answer, a late start is nothing."""
    status = made.outcome.status
    if made.came == "late":
        return "none"
    if made.came == "timeout":
        had_s = made.outcome.latency_ms / 1000
        return "failure" if had_s >= min(FAIR_CHANCE_S, attempt_timeout_s) * 0.95 else "none"
    if made.came == "malformed" or (made.came == "again" and (status is None or status >= 500)):  # noqa: PLR2004
        return "failure"
    return "success"
