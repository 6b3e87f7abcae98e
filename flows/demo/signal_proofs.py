"""The proofs about signals and money: decisions held against the venue, the ledger against the prices."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import Settings
from leadline.flows.demo.proofs import Proof, Truth, proof_of
from leadline.flows.demo.signals import WANTED, Rounds
from leadline.flows.render.tables import plain
from leadline.storage.access.connect import Connection
from leadline.storage.queries.rebuild import exact
from leadline.storage.signals import invariants as audit
from leadline.storage.spend import ledger, prices

MILLION = 1_000_000
USD_GRAIN = Decimal("1e-12")  # of the ledger
MID_GRAIN = Decimal("1e-9")  # relative: a mid is a double


def signals(con: Connection, truth: Truth, rounds: Rounds) -> Proof:
    """Check that enough was answered, on trusted books that the venue knows, and failures say nothing."""
    wrong: list[object] = list(rounds.failed)
    wrong += [f"not trusted: {row}" for row in audit.untrusted(con).rows]
    wrong += [f"a failure with a direction: {row}" for row in audit.false_directions(con).rows]
    wrong += [f"refused, yet called: {row}" for row in audit.called_though_refused(con).rows]
    books = audit.judged(con).dicts()
    for row in books:
        bids, asks = truth.at(row["symbol"], row["last_id"])
        mid = (bids[0][0] + asks[0][0]) / 2
        # Where tickers have ids of their own, a decision stands on a diff and on a top that came later.
        apart = not spec_of(row["venue"]).same_ids
        mids = [mid, *map(exact, (apart and row["told_mids"]) or ())]
        if all(abs(exact(row["mid_at_snapshot"]) - each) > mid * MID_GRAIN for each in mids):
            wrong.append(f"{row['symbol']} at {row['last_id']}: mid {row['mid_at_snapshot']}, venue {mid}")
    by_model = [one for one in rounds.decided if one.kind == "llm"]
    answered = {one.symbol for one in by_model if one.outcome == "ok"}
    if rounds.asks_model and len(answered) < WANTED:
        why = Counter(f"{one.outcome} ({one.reason})" for one in by_model).most_common(2)
        wrong.append(f"the model answered for {len(answered)} symbols, expected {WANTED} or more: {why}")
    outcomes = Counter(one.outcome for one in by_model)
    told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items())) or "no model was asked"
    baselines = sum(one.kind == "baseline" and one.outcome == "ok" for one in rounds.decided)
    figures = (
        f"model: {told}, {len(answered)} symbols; baselines: {baselines} ok; {len(books)} mids compared"
    )
    claim = "signals stand on trusted books, at the venue's mid; a failure has no direction"
    return proof_of(claim, wrong, len(books), figures)


def spend(con: Connection, settings: Settings, *, asked: bool) -> Proof:
    """Compute every attempt's cost anew from its tokens and the price book; hold budgets against it."""
    wrong: list[object] = [f"cost of a signal: {row}" for row in audit.unequal_costs(con).rows]
    rows = audit.attempts(con).dicts()
    booked = held = Decimal(0)
    for row in rows:
        if row["state"] == "open":
            held += row["held_usd"]
            continue
        booked += row["held_usd"] if row["cost_usd"] is None else row["cost_usd"]
        by_price = str(row["cost_source"]).startswith("price:")
        if by_price and row["cost_usd"] != (due := _due(con, row)):
            wrong.append(f"call {row['call_id']}: booked {row['cost_usd']}, tokens times price {due}")
    budgets = ledger.budgets(
        con, now=dt.datetime.now(dt.UTC), default_usd_per_day=settings.llm_budget_usd_per_day
    ).dicts()
    wrong += [
        f"budget {row['scope']} per {row['window']}: {row['spent_usd']} spent, {row['held_usd']} held"
        for row in budgets
        if row["spent_usd"] + row["held_usd"] > row["limit_usd"]
    ]
    tokens = sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows)
    cap = f"{settings.llm_budget_usd_per_day:f} USD a day"
    figures = f"{len(rows)} calls, {tokens:,} tokens, {plain(booked + held)} USD booked or held of {cap}"
    claim = "spend is tokens times price for every call, within the budget"
    if not rows and not asked and not wrong:
        return Proof(claim, True, "no model, no call, nothing booked")
    return proof_of(claim, wrong, len(rows), figures)


def _due(con: Connection, row: dict[str, Any]) -> Decimal:
    """Return tokens times price outside peak hours, USD; by hand, not by the code that booked it."""
    price = prices.find(con, row["provider"], row["model_requested"], row["ts"].replace(tzinfo=dt.UTC))
    cached, reasoning = row["cached_tokens"], row["reasoning_tokens"]
    per_million = Decimal(row["prompt_tokens"] - cached) * price.input
    per_million += Decimal(cached) * (price.input if price.cached is None else price.cached)
    per_million += Decimal(row["completion_tokens"] - reasoning) * price.output
    per_million += Decimal(reasoning) * (price.output if price.reasoning is None else price.reasoning)
    return (per_million / MILLION).quantize(USD_GRAIN)
