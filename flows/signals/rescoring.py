"""
Stored questions put to another model, or with another prompt, under the same budgets.

    stored question ─ has a row already ──> nothing to do
      │
    the same request was answered before ──> that answer again: no call, no cost
      │
    claim it ─ another run works on it ──> wait until it is done, or its claim ends
      │
    ask ──> a row of kind rescore; a refusal by a budget ends the run, and the next one continues

No book is read: another model gets the messages as they were sent, another prompt the features as they were
stored, so nothing from after the first decision can leak in. The rows have their own lineage,
``rescore:provider/model``, and no time to live. Each question is asked once, even if a run is killed or two
run at the same time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from leadline.book.analytics.signal_features import Features
from leadline.flows.signals.analysis import CLAIM_SLACK_S, of_reply, request_hash
from leadline.flows.signals.prompting import Prompt, alias, prompt
from leadline.flows.signals.request import ModelChain
from leadline.storage.access.connect import Connection
from leadline.storage.access.jobs import Desk
from leadline.storage.access.sql import Runs
from leadline.storage.errors import PriceUnknown
from leadline.storage.signals import rescore, rows
from leadline.storage.signals.rescore import Given, Question
from leadline.storage.signals.rows import Decision, Text
from leadline.storage.spend import claims, ledger, prices
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.protocol.request import Message, ModelRequest, Route
from leadline.tasks.llm.protocol.tokens import prompt_bound
from leadline.tasks.llm.wire import in_words

T = TypeVar("T")

FLOW = "rescore"  # who pays: leadline spend --set-budget flow:rescore day 2
OTHERS_S = 1.0  # between two checks whether another run is done with a question
# After one of these the next question would fare the same.
ENDS = ("refused_budget", "refused_price", "refused_circuit")


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreCase:
    """One stored question, ready to be asked again; ``key`` identifies it, and is done once."""

    of: Question
    prompt: Prompt  # whose rules hold for the answer
    digest: str
    request: ModelRequest
    request_hash: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """What asking would cost, USD; ``once_usd`` None: the price is unknown, so no call would be made."""

    selected: int
    there: int  # have a row already
    reused: int  # answered before: free
    to_ask: int
    once_usd: Decimal | None  # the most, one attempt each
    left_usd: Decimal | None  # of the fullest budget that covers it; None: no budget
    why: str | None = None


def case_of(question: Question, route: Route, version: str | None, *, deadline_s: float) -> RescoreCase:
    """
    Prepare a stored question for ``route``; ``version`` None: with its original messages.

    Raises `BadInput` if its prompt, or a feature that the prompt needs, does not exist.
    """
    chosen = prompt(version or question.prompt_version)
    if version is None:
        messages = tuple(Message(role, content) for role, content in question.messages)  # type: ignore[arg-type]
        digest = question.prompt_hash
    else:
        named = alias(question.symbol, (question.symbol,))
        messages = chosen.messages(_figures(question), named, question.horizon_s)
        digest = chosen.digest
    request = ModelRequest(
        signal_id="",
        flow=FLOW,
        symbol=question.symbol,
        messages=messages,
        routes=(route,),
        rules=chosen.rules(question.horizon_s),
        max_tokens=chosen.max_tokens,
        deadline_s=deadline_s,
    )
    key = "|".join((FLOW, question.signal_id, f"{route.provider}/{route.model}", digest))
    return RescoreCase(
        of=question, prompt=chosen, digest=digest, request=request,
        request_hash=request_hash(route, messages, request), key=key,
    )  # fmt: skip


def _figures(question: Question) -> Features:
    values = dict(question.features)
    missing = values.pop("missing", {})
    return Features(values, missing)


def estimate(
    con: Runs,
    cases: Sequence[RescoreCase],
    *,
    provider: str,
    now: dt.datetime,
    default_usd_per_day: Decimal,
) -> CostEstimate:
    """Return what `Rescorer.run` would cost at most, at the prices of ``provider``."""
    there = rescore.done(con, [case.key for case in cases])
    open_ones = [case for case in cases if case.key not in there]
    known = rescore.answers(con, [case.request_hash for case in open_ones])
    # Equal requests are sent once.
    to_ask = {case.request_hash: case for case in open_ones if case.request_hash not in known}
    sums = {
        "selected": len(cases),
        "there": len(there),
        "reused": len(open_ones) - len(to_ask),
        "to_ask": len(to_ask),
    }
    once, why = Decimal(0), None
    for case in to_ask.values():
        try:
            price = prices.find(con, provider, case.request.routes[0].model, now)
        except PriceUnknown as exc:
            return CostEstimate(**sums, once_usd=None, left_usd=None, why=str(exc))
        once += price.worst_case(_prompt_tokens(case), case.request.max_tokens)
    left = _left_usd(con, cases, provider, now, default_usd_per_day)
    return CostEstimate(**sums, once_usd=once, left_usd=left, why=why)


def _prompt_tokens(case: RescoreCase) -> int:
    messages, rules = case.request.messages, case.request.rules
    return max(
        prompt_bound(messages, rules.response_format("json_schema")),
        prompt_bound(in_words(messages, rules), None),
    )


def _left_usd(
    con: Runs, cases: Sequence[RescoreCase], provider: str, now: dt.datetime, default_usd_per_day: Decimal
) -> Decimal | None:
    models = {case.request.routes[0].model for case in cases}
    covers = {"all", f"provider:{provider}", f"flow:{FLOW}", *(f"model:{provider}/{one}" for one in models)}
    found = ledger.budgets(con, now=now, default_usd_per_day=default_usd_per_day).dicts()
    left = [row["left_usd"] for row in found if row["scope"] in covers]
    return min((one if one is not None else Decimal(0) for one in left), default=None)


@dataclass(slots=True)
class Rescorer:
    """Puts cases to a model; ``counts`` are by result, ``stopped`` says why it ended early."""

    desk: Desk
    client: ModelClient
    deadline_s: float
    side_by_side: int
    tick: Callable[[], None] = lambda: None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    others_s: float = OTHERS_S
    counts: Counter[str] = field(default_factory=Counter)  # there, reused, and outcomes of those asked
    stopped: str | None = None
    waits_for: int = 0  # questions that another run has claimed

    async def run(self, cases: Sequence[RescoreCase]) -> None:
        """Give every case its row; return early with ``stopped`` set."""
        there = await self._store(lambda con: rescore.done(con, [case.key for case in cases]))
        todo = [case for case in cases if case.key not in there]
        self.counts["there"] += len(cases) - len(todo)
        gate = asyncio.Semaphore(self.side_by_side)

        async def in_turn(equal: list[RescoreCase]) -> list[RescoreCase]:
            async with gate:
                return [case for case in equal if not await self._one(case)]

        while todo and self.stopped is None:
            groups: dict[str, list[RescoreCase]] = {}
            for case in todo:  # the first of equal requests is asked, the others have its answer
                groups.setdefault(case.request_hash, []).append(case)
            left = await asyncio.gather(*(in_turn(equal) for equal in groups.values()))
            todo = [case for some in left for case in some]
            self.waits_for = len(todo)
            if todo and self.stopped is None:
                self.tick()
                await asyncio.sleep(self.others_s)  # another run has them, or its claims end
        self.waits_for = 0
        self.counts["left"] = len(todo)

    async def _store(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self.desk.run, job)

    async def _one(self, case: RescoreCase) -> bool:
        """Do one case; False if it is still to be done."""
        if self.stopped is not None:
            return False
        self.tick()
        at = self.now()
        expires_at = at + dt.timedelta(seconds=self.deadline_s + CLAIM_SLACK_S)
        take = partial(claims.claim, key=case.key, claimer=uuid4().hex, now=at, expires_at=expires_at)
        claim = await self._store(take)
        if not claim.is_mine:
            self.counts["there"] += claim.signal_id is not None
            return claim.signal_id is not None
        try:
            return await self._mine(case, claim)
        except BaseException:
            await asyncio.shield(self._store(partial(claims.release, mine=claim)))
            raise

    async def _mine(self, case: RescoreCase, claim: claims.Claim) -> bool:
        # A run that was killed between its row and the end of its claim has left the row.
        if await self._store(lambda con: rescore.done(con, [case.key])):
            self.counts["there"] += 1
            return True
        known = await self._store(lambda con: rescore.answers(con, [case.request_hash]))
        if known:
            await self._keep(claim, *self._reused(case, known[case.request_hash]))
            self.counts["reused"] += 1
            return True
        signal_id = uuid4().hex
        reply = await self.client.complete(replace(case.request, signal_id=signal_id))
        if reply.outcome.startswith("refused_"):
            # Nothing to store: the next run will ask it.
            await self._store(partial(claims.release, mine=claim))
            self.counts[reply.outcome] += 1
            if reply.outcome in ENDS:
                self.stopped = reply.reason or reply.outcome
            return reply.outcome not in ENDS
        columns = of_reply(ModelChain(routes=case.request.routes, prompt=case.prompt), reply)
        columns["lineage"] = f"{FLOW}:{columns['lineage']}"
        decision = self._row(case, signal_id=signal_id, **columns)
        await self._keep(claim, decision, self._text(case, decision, reply.text, reply.capability))
        self.counts[decision.outcome] += 1
        return True

    async def _keep(self, claim: claims.Claim, decision: Decision, text: Text) -> None:
        def keep(con: Connection) -> None:
            rows.put_texts(con, [text])
            rows.put(con, [decision])
            if decision.outcome == "error":  # the next run tries again
                claims.release(con, claim)
            else:
                claims.answer(con, claim, decision.signal_id)

        await self._store(keep)
        self.tick()

    def _row(self, case: RescoreCase, **given: Any) -> Decision:
        of, route = case.of, case.request.routes[0]
        return Decision(
            ts=of.ts,
            venue=of.venue,
            symbol=of.symbol,
            kind="rescore",
            trigger="rescore",
            provider=route.provider,
            model_requested=route.model,
            prompt_version=case.prompt.version,
            prompt_hash=case.digest,
            epoch=of.epoch,
            last_id=of.last_id,
            mid_at_snapshot=of.mid_at_snapshot,
            horizon_s=of.horizon_s,
            features=of.features,
            features_hash=of.features_hash,
            ts_arrival=self.now(),
            decision_key=case.key,
            rescore_of=of.signal_id,
            **given,
        )

    def _reused(self, case: RescoreCase, known: Given) -> tuple[Decision, Text]:
        route = case.request.routes[0]
        decision = self._row(
            case,
            signal_id=uuid4().hex,
            lineage=f"{FLOW}:{route.provider}/{route.model}",
            outcome=known.outcome,
            direction=known.direction,
            confidence=known.confidence,
            reasoning=known.reasoning,
            reason=known.reason,
            model_served=known.model_served,
            attempts=0,
            prompt_tokens=0,
            cached_tokens=0,
            completion_tokens=0,
        )
        return decision, self._text(case, decision, known.text, known.capability)

    def _text(
        self, case: RescoreCase, decision: Decision, answer: str | None, capability: str | None
    ) -> Text:
        return Text(
            signal_id=decision.signal_id,
            ts=case.of.ts,
            request_hash=case.request_hash,
            messages=[{"role": turn.role, "content": turn.content} for turn in case.request.messages],
            answer=answer,
            capability=capability,
        )
