"""
The ledger: money is held before a call is sent and settled after it, in the database, exactly.

        reserve                        settle
    ────────────▶ open: held_usd ───────────────▶ settled: cost_usd
                     │ expires_at goes by            ▲
                     └───────────────▶ expired ──────┘ a late outcome still counts
                                       held_usd is spent

One row of ``llm_calls`` is one attempt, there before a byte is sent. What counts against a budget is its
cost, or its hold while there is no cost: so a process that dies after reserving has spent its hold, with
no job needed to say so.

Every step is one statement, so that a process killed in the middle leaves no transaction open at the
owner. `reserve` numbers its row with the highest number plus one, and that number is the primary key: of
two at the same time, whoever holds what database, one commits, and the other is refused by the key, looks
again and sees the money that is now held. Source of the isolation: DuckDB's snapshots are optimistic, two
that only read a sum and insert would both succeed (write skew); the key makes them collide.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive
from leadline.storage.errors import BudgetRefused, PriceUnknown, StoreError
from leadline.storage.spend import prices
from leadline.storage.spend.calls import Outcome, Plan
from leadline.storage.spend.tariff import Price, same_model

ZERO = Decimal(0)
WINDOWS = ("hour", "day", "month")
_SCOPE = re.compile(r"all|(?:provider|flow|symbol):.+|model:.+/.+")
# An answer with one of these says that the provider did no work: it refused, was too busy, or sent us on to
# another address (RFC 9110, 15.4), where we do not go. A 303 may stand for work that was done, a 408 and
# every other 5xx may come after it: these stay booked at their worst case.
MOVED = frozenset({301, 302, 307, 308})
REFUSALS = frozenset(range(400, 500)) - {408} | {501, 503} | MOVED

# Where nobody set a budget for everything per day, the default counts.
_CAPS = """
caps AS (
    SELECT scope, "window", limit_usd FROM budgets
    UNION ALL
    SELECT 'all', 'day', CAST($default_usd AS DECIMAL(18, 6))
    WHERE NOT EXISTS (SELECT 1 FROM budgets WHERE scope = 'all' AND "window" = 'day')
)"""

# A budget nobody understands covers everything and has no room: a slip in its name must not lift it.
_UNKNOWN = f"""
NOT ("window" IN {WINDOWS} AND regexp_full_match(scope, '{_SCOPE.pattern}'))"""

_COVERS = """
scope IN ('all', 'provider:' || CAST($provider AS VARCHAR),
          'model:' || CAST($provider AS VARCHAR) || '/' || CAST($model AS VARCHAR),
          'flow:' || CAST($flow AS VARCHAR), 'symbol:' || CAST($symbol AS VARCHAR))"""

# The first line is for speed alone: it spares the rows of months gone by.
_COUNTS = """
c.ts >= date_trunc('month', CAST($ts AS TIMESTAMP))
AND date_trunc(b."window", c.ts) = date_trunc(b."window", CAST($ts AS TIMESTAMP))
AND b.scope IN ('all', 'provider:' || c.provider, 'model:' || c.provider || '/' || c.model_requested,
                'flow:' || c.flow, 'symbol:' || c.symbol)"""

_USED = f"""
SELECT b.scope, b."window", b.limit_usd, coalesce(sum(coalesce(c.cost_usd, c.held_usd)), 0) AS used_usd
FROM caps b LEFT JOIN llm_calls c ON {_COUNTS}
WHERE b.{_COVERS.strip()} AND b."window" IN {WINDOWS}
GROUP BY ALL"""  # noqa: S608  constants of this module

# date_trunc refuses a window it does not know, so the others are sorted out first.
_BUDGETS = f"""
WITH {_CAPS}, known AS (FROM caps WHERE NOT ({_UNKNOWN})), used AS (
    SELECT b.scope, b."window", b.limit_usd,
           coalesce(sum(CASE WHEN c.state = 'open' AND c.expires_at >= CAST($ts AS TIMESTAMP) THEN 0
                             ELSE coalesce(c.cost_usd, c.held_usd) END), 0) AS spent_usd,
           coalesce(sum(CASE WHEN c.state = 'open' AND c.expires_at >= CAST($ts AS TIMESTAMP)
                             THEN c.held_usd END), 0) AS held_usd,
           count(c.seq) AS calls
    FROM known b LEFT JOIN llm_calls c ON {_COUNTS}
    GROUP BY ALL
)
SELECT scope, "window", limit_usd, spent_usd, held_usd, limit_usd - spent_usd - held_usd AS left_usd, calls,
       date_trunc("window", CAST($ts AS TIMESTAMP)) AS starts_at
FROM used
UNION ALL
SELECT scope, "window", limit_usd, NULL, NULL, NULL, NULL, NULL FROM caps WHERE {_UNKNOWN}
ORDER BY scope, "window"
"""  # noqa: S608

_NO_ROOM = f"""
WITH {_CAPS}, used AS ({_USED}), full_ones AS (
    SELECT scope, "window", limit_usd, used_usd FROM used
    WHERE used_usd + CAST($held AS DECIMAL(18, 12)) > limit_usd
    UNION ALL
    SELECT scope, "window", limit_usd, NULL FROM caps WHERE {_UNKNOWN}
)
FROM full_ones ORDER BY used_usd - limit_usd DESC NULLS FIRST, scope LIMIT 1
"""  # noqa: S608

_RESERVE = f"""
INSERT INTO llm_calls BY NAME
WITH {_CAPS}, used AS ({_USED})
SELECT (SELECT coalesce(max(seq), 0) + 1 FROM llm_calls) AS seq, CAST($call_id AS VARCHAR) AS call_id,
       CAST($signal_id AS VARCHAR) AS signal_id, CAST($ts AS TIMESTAMP) AS ts,
       CAST($attempt AS INTEGER) AS attempt, CAST($purpose AS VARCHAR) AS purpose,
       CAST($flow AS VARCHAR) AS flow, CAST($symbol AS VARCHAR) AS symbol,
       CAST($provider AS VARCHAR) AS provider, CAST($model AS VARCHAR) AS model_requested,
       CAST($prompt_max AS BIGINT) AS prompt_tokens_max,
       CAST($completion_max AS BIGINT) AS completion_tokens_max,
       CAST($held AS DECIMAL(18, 12)) AS held_usd, CAST($expires_at AS TIMESTAMP) AS expires_at,
       'open' AS state
WHERE NOT EXISTS (SELECT 1 FROM llm_calls
                  WHERE ts = CAST($ts AS TIMESTAMP) AND call_id = CAST($call_id AS VARCHAR))
  AND (CAST($held AS DECIMAL(18, 12)) = 0
       OR NOT EXISTS (SELECT 1 FROM used WHERE used_usd + CAST($held AS DECIMAL(18, 12)) > limit_usd)
          AND NOT EXISTS (SELECT 1 FROM caps WHERE {_UNKNOWN}))
RETURNING seq
"""  # noqa: S608

_FIND = "SELECT seq FROM llm_calls WHERE ts = $ts AND call_id = $call_id"

_SETTLE = """
UPDATE llm_calls SET state = 'settled', settled_at = $now, was_sent = $was_sent,
    model_served = $model_served, status = $status, error = $error, latency_ms = $latency_ms,
    prompt_tokens = $prompt_tokens, cached_tokens = $cached_tokens,
    completion_tokens = $completion_tokens, reasoning_tokens = $reasoning_tokens,
    usage_source = $usage_source,
    cost_usd = CASE WHEN $cost_source = 'hold' THEN held_usd ELSE CAST($cost_usd AS DECIMAL(18, 12)) END,
    cost_source = $cost_source, provider_cost_usd = CAST($provider_cost_usd AS DECIMAL(18, 12))
WHERE seq = $seq AND state <> 'settled'
"""

_EXPIRE = """
UPDATE llm_calls SET state = 'expired', settled_at = $now, cost_usd = held_usd, cost_source = 'hold',
    error = coalesce(error, 'nobody said what came of it')
WHERE state = 'open' AND expires_at < $now
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """Money held for one attempt: the row it stands in, and the price it was made at."""

    seq: int
    price: Price


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What an attempt cost, USD, and how that is known; None: only the hold is known, and stays spent.

    ``source``: ``price:<row>``, ``not_sent``, ``refused`` by the provider, ``hold`` where nothing was
    told, ``unknown_price:<model>``.
    """

    usd: Decimal | None
    source: str


def reserve(con: Runs, plan: Plan, *, default_usd_per_day: Decimal) -> Hold:
    """
    Hold the most that an attempt can cost in every budget that covers it, all or none; one statement.

    The same ``call_id`` again is the same hold. Raises `PriceUnknown`, `BudgetRefused`, and DuckDB's
    conflicts when another was quicker: `retried` calls it again.
    """
    price = prices.find(con, plan.provider, plan.model, plan.ts)
    held = price.worst_case(plan.prompt_tokens_max, plan.completion_tokens_max)
    about = {
        "provider": plan.provider,
        "model": plan.model,
        "flow": plan.flow,
        "symbol": plan.symbol,
        "ts": utc_naive(plan.ts),
        "held": held,
        "default_usd": default_usd_per_day,
    }
    row = con.execute(
        _RESERVE,
        {
            **about,
            "call_id": plan.call_id,
            "signal_id": plan.signal_id,
            "attempt": plan.attempt,
            "purpose": plan.purpose,
            "prompt_max": plan.prompt_tokens_max,
            "completion_max": plan.completion_tokens_max,
            "expires_at": utc_naive(plan.expires_at),
        },
    ).fetchone()
    row = row or con.execute(_FIND, _which(plan)).fetchone()
    if row is not None:
        return Hold(int(row[0]), price)
    full = con.execute(_NO_ROOM, about).fetchone()
    if full is None:  # room was made between the two statements
        raise duckdb.TransactionException("a budget changed meanwhile")
    raise _refusal(full, held, plan.ts)


def settle(con: Runs, outcome: Outcome, *, now: dt.datetime, hold: Hold | None = None) -> Cost:
    """
    Book what came of an attempt over its hold; the first outcome counts, also after the hold expired.

    Raises `StoreError` when the attempt was never reserved.
    """
    plan = outcome.plan
    if hold is None:
        row = con.execute(_FIND, _which(plan)).fetchone()
        if row is None:
            raise StoreError(f"call {plan.call_id}: an outcome without a reservation")
        seq, price = int(row[0]), _price_or_none(con, plan.provider, plan.model, plan.ts)
    else:
        seq, price = hold.seq, hold.price
    served = outcome.model_served
    if served and not same_model(plan.model, served):
        price = _price_or_none(con, plan.provider, served, plan.ts)
    cost = cost_of(outcome, price)
    usage = outcome.usage
    con.execute(
        _SETTLE,
        {
            "seq": seq,
            "now": utc_naive(now),
            "was_sent": outcome.was_sent,
            "model_served": served,
            "status": outcome.status,
            "error": outcome.error,
            "latency_ms": outcome.latency_ms,
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "cached_tokens": usage.cached_tokens if usage else None,
            "completion_tokens": usage.completion_tokens if usage else None,
            "reasoning_tokens": usage.reasoning_tokens if usage else None,
            "usage_source": usage.source if usage else None,
            "cost_usd": cost.usd,
            "cost_source": cost.source,
            "provider_cost_usd": usage.provider_cost_usd if usage else None,
        },
    )
    return cost


def cost_of(outcome: Outcome, price: Price | None) -> Cost:
    """Tell what an attempt cost by ``price``, that of the model that served it."""
    plan, usage = outcome.plan, outcome.usage
    if not outcome.was_sent:
        return Cost(ZERO, "not_sent")
    if usage is not None and price is not None:
        return Cost(price.cost(usage, plan.ts), price.name)
    if usage is not None:
        return Cost(None, f"unknown_price:{plan.provider}/{outcome.model_served or plan.model}")
    if outcome.status in REFUSALS:
        return Cost(ZERO, "refused")
    return Cost(None, "hold")


def expire(con: Runs, *, now: dt.datetime) -> int:
    """Book the holds of attempts nobody spoke of again as spent; return how many. They counted before."""
    row = con.execute(_EXPIRE, {"now": utc_naive(now)}).fetchone()
    return int(row[0]) if row else 0


def budgets(con: Runs, *, now: dt.datetime, default_usd_per_day: Decimal) -> Answer:
    """List every budget with what is spent, held and left in its window that holds ``now``."""
    return run_sql(con, _BUDGETS, {"ts": utc_naive(now), "default_usd": default_usd_per_day})


def _which(plan: Plan) -> dict[str, object]:
    return {"ts": utc_naive(plan.ts), "call_id": plan.call_id}


def _price_or_none(con: Runs, provider: str, model: str, moment: dt.datetime) -> Price | None:
    try:
        return prices.find(con, provider, model, moment)
    except PriceUnknown:
        return None


def _refusal(
    full: tuple[str, str, Decimal, Decimal | None], held: Decimal, moment: dt.datetime
) -> Exception:
    scope, window, limit, used = full
    ends_at = None if used is None else window_end(window, moment)
    return BudgetRefused(
        scope=scope, window=window, limit_usd=limit, used_usd=used, needed_usd=held, ends_at=ends_at
    )


def is_scope(text: str) -> bool:
    """Tell whether a budget's scope is one that calls are held against."""
    return _SCOPE.fullmatch(text) is not None


def window_end(window: str, moment: dt.datetime) -> dt.datetime:
    """Return when the hour, day or month that holds a moment ends, UTC without zone."""
    start = utc_naive(moment).replace(minute=0, second=0, microsecond=0)
    if window == "hour":
        return start + dt.timedelta(hours=1)
    start = start.replace(hour=0)
    if window == "day":
        return start + dt.timedelta(days=1)
    return (start.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
