"""
Decisions: look at a book, ask the baselines and the models, store every result.

    claim the question ─ claimed or answered by another run ─> nothing to do
      │
    look ─ not LIVE, stale, crossed, trusted too short ──> rows that say why; no call is made
      │
    baselines ──> rows of the same instant
      │
    ask each chain of models ──> a row each: ok, abstained, invalid, refused_… or error

Several symbols run side by side. Every wait is bounded, and nothing here needs Prefect. A question is the
same within a time bucket, however the book has moved since: a retried run does not ask, and pay, twice. A
shock has a bucket of its own, so that the scheduled question of that minute does not replace it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from leadline.book.analytics.baselines import BASELINES, KIND, Baseline
from leadline.book.analytics.shock import Shock
from leadline.book.analytics.signal_features import WINDOWS_S, BookView, Features, features
from leadline.book.errors import BadInput
from leadline.flows.signals.prompting import alias
from leadline.flows.signals.request import CHALLENGERS, AnalysisPlan, ModelChain, late
from leadline.storage.access.connect import Connection
from leadline.storage.access.jobs import Desk
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Decision, Record, Text
from leadline.storage.signals.view import Refusal, is_stored, look
from leadline.storage.spend import claims
from leadline.storage.spend.tariff import same_model
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.protocol.request import Message, ModelReply, ModelRequest, Route

log = logging.getLogger("leadline.signals")

T = TypeVar("T")
EmitEvent: TypeAlias = Callable[[str, str, Mapping[str, Any]], None]  # event, symbol, payload

FLOW = "analyze-signals"
CLAIM_SLACK_S = 30.0  # how long past its deadline a claim of a dead run holds
STORED_S, STORED_LOOKS = 1.2, 24  # how long to wait for the store
NEEDED_S = WINDOWS_S[0]  # of unbroken trust; with less there is no flow to judge
OVERTAKEN_SPREADS = 3.0  # a mid that moved further meanwhile is another market


@dataclass(slots=True)
class Analyst:
    """Carries out an `AnalysisPlan`; without a ``client``, ``problem`` says why no model can be asked."""

    desk: Desk
    client: ModelClient | None
    plan: AnalysisPlan
    problem: str | None = None
    emit: EmitEvent | None = None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    _records: dict[tuple[str, str], Record] = field(default_factory=dict)

    async def run(self) -> list[Decision]:
        """Decide on every symbol; a failure is a row too. Raises what the store raises."""
        plan = self.plan
        self._records = await self._store(partial(rows.records, venue=plan.venue, at=self.now()))
        gate = asyncio.Semaphore(plan.side_by_side)

        async def one(symbol: str) -> list[Decision]:
            async with gate:
                return await self._decide(symbol)

        made = await asyncio.gather(*(one(symbol) for symbol in plan.symbols))
        return [decision for some in made for decision in some]

    async def _store(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self.desk.run, job)

    async def _decide(self, symbol: str) -> list[Decision]:
        plan, shock = self.plan, self.plan.shocks.get(symbol)
        if shock is not None:
            await self._wait_until_stored(symbol, shock)
        at = self.now()
        keys = [self._key(symbol, at, KIND, "")]
        keys += [self._key(symbol, at, chain.name, chain.prompt.digest) for chain in plan.chains]
        mine = await self._store(partial(self._claim, keys=keys, at=at))
        if not any(claim.is_mine for claim in mine):
            return []
        seen = await self._store(lambda con: look(con, plan.venue, symbol, at, stale_s=plan.stale_s))
        case = _Case(symbol, at, late(shock, at, plan.within_s) or seen, shock)
        by_rule = self._baselines(case) if mine[0].is_mine else []
        asked = [(chain, c) for chain, c in zip(plan.chains, mine[1:], strict=True) if c.is_mine]
        if case.refusal is not None:
            refused = [self._llm_row(case, chain, claim.key) for chain, claim in asked]
            await self._store(partial(_finish, decisions=[*by_rule, *refused], release=mine))
            return [*by_rule, *refused]
        if by_rule:
            await self._store(partial(_finish, decisions=by_rule, answer=mine[:1]))
        answered = await asyncio.gather(*(self._ask(case, chain, claim) for chain, claim in asked))
        return [*by_rule, *answered]

    async def _wait_until_stored(self, symbol: str, shock: Shock) -> None:
        """Wait briefly until the store holds the book that showed the shock; later it may be calm again."""
        for _ in range(STORED_LOOKS):
            found = partial(
                is_stored, venue=self.plan.venue, symbol=symbol, epoch=shock.epoch,
                last_id=shock.last_id, at=_moment(shock.ts_ns),
            )  # fmt: skip
            if await self._store(found):
                return
            await asyncio.sleep(STORED_S / STORED_LOOKS)

    def _key(self, symbol: str, at: dt.datetime, name: str, digest: str) -> str:
        plan, shock = self.plan, self.plan.shocks.get(symbol)
        bucket = int((at.timestamp() if shock is None else shock.ts_ns / 1e9) // plan.bucket_s)
        return "|".join((plan.venue, symbol, name, digest, plan.trigger, str(bucket)))

    def _claim(self, con: Connection, *, keys: Sequence[str], at: dt.datetime) -> list[claims.Claim]:
        # Until the bucket is over: nobody knows what a dead run had asked and will pay for.
        lasts_s = max(self.plan.bucket_s, self.plan.deadline_s + CLAIM_SLACK_S)
        expires_at = at + dt.timedelta(seconds=lasts_s)
        return [claims.claim(con, key, claimer=uuid4().hex, now=at, expires_at=expires_at) for key in keys]

    # -- rows ------------------------------------------------------------------------------------

    def _row(self, case: _Case, **given: Any) -> Decision:
        plan = self.plan
        return Decision(
            signal_id=uuid4().hex,
            ts=case.at,
            venue=plan.venue,
            symbol=case.symbol,
            trigger=plan.trigger,
            shock=case.shock,
            horizon_s=plan.horizon_s,
            ttl_s=plan.ttl_s,
            **{**case.columns(), **given},
        )

    def _llm_row(self, case: _Case, chain: ModelChain, key: str, **given: Any) -> Decision:
        wanted = chain.routes[0]
        return self._row(
            case,
            kind="challenger" if chain.is_challenger else "llm",
            provider=wanted.provider,
            model_requested=wanted.model,
            prompt_version=chain.prompt.version,
            prompt_hash=chain.prompt.digest,
            decision_key=key,
            **{"lineage": chain.name, **given},
        )

    def _baselines(self, case: _Case) -> list[Decision]:
        """Ask every baseline; one that cannot say abstains, and an untrusted book refuses all of them."""
        return [self._baseline(case, rule) for rule in BASELINES.values()]

    def _baseline(self, case: _Case, rule: Baseline) -> Decision:
        given: dict[str, Any] = {}
        if case.shown is not None:
            call = rule.call(case.shown)
            record = self._records.get((case.symbol, rule.name), Record())
            given = {"outcome": "abstained", "reason": call.reason}
            if call.direction is not None:
                given = {
                    "outcome": "ok",
                    "direction": call.direction,
                    "confidence": record.confidence,
                    "reasoning": f"{call.reason}; right {record.right} of {record.n} times before",
                }
            given |= {"mid_at_arrival": case.mid, "ts_arrival": case.at, "latency_ms": 0.0, "attempts": 0}
        named = {"kind": KIND, "provider": KIND, "model_requested": rule.name}
        return self._row(case, **named, lineage=rule.lineage, **given)

    # -- asking ----------------------------------------------------------------------------------

    async def _ask(self, case: _Case, chain: ModelChain, claim: claims.Claim) -> Decision:
        assert case.shown is not None
        make = partial(self._llm_row, case, chain, claim.key)
        if self.client is None:
            decision = make(outcome="error", reason=self.problem, attempts=0)
            await self._store(partial(_finish, decisions=[decision], release=[claim]))
            return decision
        named = alias(case.symbol, self.plan.symbols)
        try:
            messages = chain.prompt.messages(case.shown, named, self.plan.horizon_s)
        except BadInput as exc:
            decision = make(outcome="refused_untrusted", reason=str(exc), attempts=0)
            await self._store(partial(_finish, decisions=[decision], release=[claim]))
            return decision
        decision = make(outcome="error")
        flow = CHALLENGERS if chain.is_challenger else FLOW
        request = request_of(
            chain, messages, self.plan, signal_id=decision.signal_id, symbol=case.symbol, flow=flow
        )
        reply = await self.client.complete(request)
        decision = replace(decision, **of_reply(chain, reply), **await self._arrival(case))
        text = Text(
            signal_id=decision.signal_id,
            ts=case.at,
            request_hash=request_hash(reply.asked, messages, request),
            messages=[{"role": turn.role, "content": turn.content} for turn in messages],
            answer=reply.text,
            capability=reply.capability,
        )
        # A refusal costs nothing: the same question can be asked again within its bucket.
        spent = not decision.outcome.startswith("refused_")
        ends = partial(_finish, answer=[claim]) if spent else partial(_finish, release=[claim])
        await self._store(partial(ends, decisions=[decision], texts=[text]))
        self._emit_changes(case.symbol, reply, decision)
        return decision

    async def _arrival(self, case: _Case) -> dict[str, Any]:
        """Return where the mid is when the answer arrives."""
        view, at = case.view, self.now()
        since = _moment(view.since_ns)
        find = partial(
            rows.mid_at_arrival, venue=self.plan.venue, symbol=case.symbol, epoch=view.epoch,
            since=since, at=at,
        )  # fmt: skip
        mid = await self._store(find)
        if mid is None:
            return {"ts_arrival": at, "is_overtaken": True}
        moved = abs(mid - view.mid) / view.spread
        return {
            "ts_arrival": at,
            "mid_at_arrival": mid,
            "moved_spreads": moved,
            "is_overtaken": moved > OVERTAKEN_SPREADS,
        }

    def _emit_changes(self, symbol: str, reply: ModelReply, decision: Decision) -> None:
        if self.emit is None:
            return
        if decision.is_switched:
            payload = {
                "asked": f"{reply.wanted.provider}/{reply.wanted.model}",
                "answered": decision.lineage,
            }
            self.emit("leadline.model.switched", symbol, {**payload, "reason": reply.reason or ""})
        for change in reply.circuit_changes:
            payload = {"model": f"{change.provider}/{change.model}", "reason": change.reason}
            self.emit(f"leadline.model.circuit-{change.state}", symbol, payload)


class _Case:
    """One symbol at one instant: its book and features, or why it is refused."""

    def __init__(
        self, symbol: str, at: dt.datetime, seen: BookView | Refusal, shock: Shock | None = None
    ) -> None:
        self.symbol = symbol
        # A view is of the moment until which the store held everything.
        self.at = at if isinstance(seen, Refusal) else _moment(seen.at_ns)
        self.shock = None if shock is None else shock.as_json()
        self.shown: Features | None = None
        self.refusal: Refusal | None = seen if isinstance(seen, Refusal) else None
        self._view = seen if isinstance(seen, BookView) else None
        if self._view is not None:
            trusted_s = (self._view.at_ns - self._view.since_ns) / 1e9
            if trusted_s < NEEDED_S:
                why = f"trusted for {trusted_s:.1f} s only, {NEEDED_S} s are needed"
                self.refusal = Refusal("refused_untrusted", why, self._view.epoch)
            else:
                self.shown = features(self._view)

    @property
    def view(self) -> BookView:
        """The book; there is none if it was refused."""
        assert self._view is not None
        return self._view

    @property
    def mid(self) -> float:
        """The mid at the instant."""
        return self.view.mid

    def columns(self) -> dict[str, Any]:
        """Return the columns that all rows of this instant share."""
        if self.refusal is not None:
            known = {"outcome": self.refusal.outcome, "reason": self.refusal.reason}
            return {**known, "epoch": self.refusal.epoch, "attempts": 0}
        assert self.shown is not None
        return {
            "epoch": self.view.epoch,
            "last_id": self.view.last_id,
            "mid_at_snapshot": self.view.mid,
            "features": self.shown.as_json(),
            "features_hash": self.shown.fingerprint(),
        }


def _moment(ns: int) -> dt.datetime:
    """Turn ns since 1970 into a time, to the µs."""
    return dt.datetime.fromtimestamp(ns / 1e9, dt.UTC)


def request_of(
    chain: ModelChain,
    messages: tuple[Message, ...],
    plan: AnalysisPlan,
    *,
    signal_id: str,
    symbol: str,
    flow: str = FLOW,
) -> ModelRequest:
    """Make the request for one question."""
    return ModelRequest(
        signal_id=signal_id,
        flow=flow,
        symbol=symbol,
        messages=messages,
        routes=chain.routes,
        rules=chain.prompt.rules(plan.horizon_s),
        max_tokens=chain.prompt.max_tokens,
        deadline_s=plan.deadline_s,
    )


def of_reply(chain: ModelChain, reply: ModelReply) -> dict[str, Any]:
    """Return the columns that a reply fills."""
    answer, totals = reply.answer, reply.totals
    served = reply.model_served
    is_same = served is None or same_model(reply.asked.model, served)
    decided = reply.asked.model if is_same else served
    return {
        "outcome": reply.outcome,
        "reason": reply.reason,
        "lineage": f"{reply.asked.provider}/{decided}" if served else chain.name,
        "is_switched": served is not None and (reply.is_fallback or not is_same),
        "model_served": served,
        "direction": answer.direction if answer else None,
        "confidence": answer.confidence if answer else None,
        "reasoning": answer.reasoning if answer else None,
        "latency_ms": reply.latency_ms,
        "attempts": totals.attempts,
        "prompt_tokens": totals.prompt_tokens,
        "cached_tokens": totals.cached_tokens,
        "completion_tokens": totals.completion_tokens,
    }


def request_hash(route: Route, messages: Sequence[Message], request: ModelRequest) -> str:
    """Return a hash that two requests share if one answer can serve both."""
    sent = {
        "model": f"{route.provider}/{route.model}",
        "messages": [[turn.role, turn.content] for turn in messages],
        "schema": request.rules.schema(),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()[:32]


def _finish(
    con: Connection,
    *,
    decisions: Sequence[Decision],
    texts: Sequence[Text] = (),
    answer: Sequence[claims.Claim] = (),
    release: Sequence[claims.Claim] = (),
) -> None:
    """Write rows, texts first, then say which question they answer; each step bears being done twice."""
    rows.put_texts(con, texts)
    rows.put(con, decisions)
    for claim in answer:
        claims.answer(con, claim, decisions[0].signal_id)
    for claim in release:
        if claim.is_mine:
            claims.release(con, claim)
