"""
Old questions put to another model, or in the words of another prompt, under the same budgets.

    stored question ─ has a row already ──> nothing to do
      │
    the same request was answered before ──> that answer again: no call, no cost
      │
    claim it ─ another run works on it ──> wait until it has, or its claim ends
      │
    ask ──> a row of kind rescore; a refusal by a budget ends the run, and the next one goes on

No book is looked at: another model gets the words as they were sent, another prompt the figures as they
were stored, so nothing from after the first decision can come in. The rows have a lineage of their own,
``rescore:provider/model``, and no time within which they may be acted on. What was asked is asked once,
also where a run is killed or two go at the same time.
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
from leadline.flows.signals.analysis import CLAIM_SLACK_S, Asks, of_reply, request_hash
from leadline.flows.signals.prompting import Prompt, alias, prompt
from leadline.flows.signals.request import Chain
from leadline.storage.access.connect import Connection
from leadline.storage.access.jobs import Desk
from leadline.storage.access.sql import Runs
from leadline.storage.errors import PriceUnknown
from leadline.storage.signals import rescore, rows
from leadline.storage.signals.rescore import Given, Question
from leadline.storage.signals.rows import Decision, Text
from leadline.storage.spend import claims, ledger, prices
from leadline.tasks.llm.protocol.ask import Ask, Message, Route
from leadline.tasks.llm.protocol.tokens import prompt_bound
from leadline.tasks.llm.wire import in_words

T = TypeVar("T")

FLOW = "rescore"  # who pays: leadline spend --set-budget flow:rescore day 2
OTHERS_S = 1.0  # between two looks whether another run is done with a question
# After one of these the next question would fare the same.
ENDS = ("refused_budget", "refused_price", "refused_circuit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question, ready to be put again; ``key`` is what is done once."""

    of: Question
    prompt: Prompt  # whose rules hold for the answer
    digest: str
    ask: Ask
    request_hash: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What asking would cost, USD; ``once_usd`` None: no price is known, so no call would be made."""

    selected: int
    there: int  # have their row already
    reused: int  # answered before: free
    to_ask: int
    once_usd: Decimal | None  # the most, one attempt each
    left_usd: Decimal | None  # of the fullest budget that covers it; None: no budget
    why: str | None = None


def case_of(question: Question, route: Route, version: str | None, *, deadline_s: float) -> Case:
    """
    Make a stored question ready for ``route``; ``version`` None: in the words it was first put in.

    Raises `BadInput` where its prompt, or a figure that a prompt needs, is not there.
    """
    chosen = prompt(version or question.prompt_version)
    if version is None:
        messages = tuple(Message(role, content) for role, content in question.messages)  # type: ignore[arg-type]
        digest = question.prompt_hash
    else:
        named = alias(question.symbol, (question.symbol,))
        messages = chosen.messages(_figures(question), named, question.horizon_s)
        digest = chosen.digest
    ask = Ask(
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
    return Case(
        of=question, prompt=chosen, digest=digest, ask=ask,
        request_hash=request_hash(route, messages, ask), key=key,
    )  # fmt: skip


def _figures(question: Question) -> Features:
    values = dict(question.features)
    missing = values.pop("missing", {})
    return Features(values, missing)


def estimate(
    con: Runs, cases: Sequence[Case], *, provider: str, now: dt.datetime, default_usd_per_day: Decimal
) -> Estimate:
    """Say what `Rescorer.run` would cost at most; ``provider`` is whose prices hold."""
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
            price = prices.find(con, provider, case.ask.routes[0].model, now)
        except PriceUnknown as exc:
            return Estimate(**sums, once_usd=None, left_usd=None, why=str(exc))
        once += price.worst_case(_prompt_tokens(case), case.ask.max_tokens)
    left = _left_usd(con, cases, provider, now, default_usd_per_day)
    return Estimate(**sums, once_usd=once, left_usd=left, why=why)


def _prompt_tokens(case: Case) -> int:
    messages, rules = case.ask.messages, case.ask.rules
    return max(
        prompt_bound(messages, rules.response_format("json_schema")),
        prompt_bound(in_words(messages, rules), None),
    )


def _left_usd(
    con: Runs, cases: Sequence[Case], provider: str, now: dt.datetime, default_usd_per_day: Decimal
) -> Decimal | None:
    models = {case.ask.routes[0].model for case in cases}
    covers = {"all", f"provider:{provider}", f"flow:{FLOW}", *(f"model:{provider}/{one}" for one in models)}
    found = ledger.budgets(con, now=now, default_usd_per_day=default_usd_per_day).dicts()
    left = [row["left_usd"] for row in found if row["scope"] in covers]
    return min((one if one is not None else Decimal(0) for one in left), default=None)


@dataclass(slots=True)
class Rescorer:
    """Puts cases to a model; ``came`` counts what came of them, ``stopped`` says why it ended early."""

    desk: Desk
    client: Asks
    deadline_s: float
    side_by_side: int
    tick: Callable[[], None] = lambda: None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    others_s: float = OTHERS_S
    came: Counter[str] = field(default_factory=Counter)  # there, reused, and outcomes of those asked
    stopped: str | None = None
    waits_for: int = 0  # questions that another run has claimed

    async def run(self, cases: Sequence[Case]) -> None:
        """Bring every case to its row; returns early where ``stopped`` says why."""
        there = await self._store(lambda con: rescore.done(con, [case.key for case in cases]))
        todo = [case for case in cases if case.key not in there]
        self.came["there"] += len(cases) - len(todo)
        gate = asyncio.Semaphore(self.side_by_side)

        async def in_turn(equal: list[Case]) -> list[Case]:
            async with gate:
                return [case for case in equal if not await self._one(case)]

        while todo and self.stopped is None:
            groups: dict[str, list[Case]] = {}
            for case in todo:  # the first of equal requests is asked, the others have its answer
                groups.setdefault(case.request_hash, []).append(case)
            left = await asyncio.gather(*(in_turn(equal) for equal in groups.values()))
            todo = [case for some in left for case in some]
            self.waits_for = len(todo)
            if todo and self.stopped is None:
                self.tick()
                await asyncio.sleep(self.others_s)  # another run has them; its claims end, if it does not
        self.waits_for = 0
        self.came["left"] = len(todo)

    async def _store(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self.desk.run, job)

    async def _one(self, case: Case) -> bool:
        """Do one case; False where it is still to be done."""
        if self.stopped is not None:
            return False
        self.tick()
        at = self.now()
        expires_at = at + dt.timedelta(seconds=self.deadline_s + CLAIM_SLACK_S)
        take = partial(claims.claim, key=case.key, claimer=uuid4().hex, now=at, expires_at=expires_at)
        claim = await self._store(take)
        if not claim.is_mine:
            self.came["there"] += claim.signal_id is not None
            return claim.signal_id is not None
        try:
            return await self._mine(case, claim)
        except BaseException:
            await asyncio.shield(self._store(partial(claims.release, mine=claim)))
            raise

    async def _mine(self, case: Case, claim: claims.Claim) -> bool:
        # One that was killed between its row and its claim's end has left the row.
        if await self._store(lambda con: rescore.done(con, [case.key])):
            self.came["there"] += 1
            return True
        known = await self._store(lambda con: rescore.answers(con, [case.request_hash]))
        if known:
            await self._keep(claim, *self._reused(case, known[case.request_hash]))
            self.came["reused"] += 1
            return True
        signal_id = uuid4().hex
        reply = await self.client.ask(replace(case.ask, signal_id=signal_id))
        if reply.outcome.startswith("refused_"):
            # Nothing to be kept: it will be asked by the next run.
            await self._store(partial(claims.release, mine=claim))
            self.came[reply.outcome] += 1
            if reply.outcome in ENDS:
                self.stopped = reply.reason or reply.outcome
            return reply.outcome not in ENDS
        told = of_reply(Chain(routes=case.ask.routes, prompt=case.prompt), reply)
        told["lineage"] = f"{FLOW}:{told['lineage']}"
        decision = self._row(case, signal_id=signal_id, **told)
        await self._keep(claim, decision, self._text(case, decision, reply.text, reply.capability))
        self.came[decision.outcome] += 1
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

    def _row(self, case: Case, **given: Any) -> Decision:
        of, route = case.of, case.ask.routes[0]
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

    def _reused(self, case: Case, known: Given) -> tuple[Decision, Text]:
        route = case.ask.routes[0]
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

    def _text(self, case: Case, decision: Decision, answer: str | None, capability: str | None) -> Text:
        return Text(
            signal_id=decision.signal_id,
            ts=case.of.ts,
            request_hash=case.request_hash,
            messages=[{"role": turn.role, "content": turn.content} for turn in case.ask.messages],
            answer=answer,
            capability=capability,
        )
