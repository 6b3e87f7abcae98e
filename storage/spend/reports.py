"""What was spent, where it goes if it goes on like this, and what about it a person should hear of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive
from leadline.storage.spend.conflicts import retried
from leadline.storage.spend.ledger import window_end

HOUR = dt.timedelta(hours=1)
PACE_HOURS = 24
METHOD = (
    f"spent so far, and the pace of the last {PACE_HOURS} hours (of fewer since the first call, "
    "at least one) until then"
)
GRAIN = Decimal("1e-6")

# What counts as spent at $now; see storage/schema/spend_views.py, whose now() a test could not set.
_SPENT = """CASE WHEN state = 'open' AND expires_at > CAST($now AS TIMESTAMP) THEN 0
                 ELSE coalesce(cost_usd, held_usd) END"""

_SOFAR = f"""
SELECT coalesce(sum({_SPENT}) FILTER (WHERE ts >= date_trunc('day', CAST($now AS TIMESTAMP))), 0),
       coalesce(sum({_SPENT}) FILTER (WHERE ts >= date_trunc('month', CAST($now AS TIMESTAMP))), 0),
       coalesce(sum({_SPENT}) FILTER (WHERE ts > CAST($now AS TIMESTAMP) - INTERVAL {PACE_HOURS} HOUR), 0),
       min(ts)
FROM llm_calls WHERE ts <= CAST($now AS TIMESTAMP)
"""  # noqa: S608  constants of this module

_TABLE = """
SELECT {what}, sum(calls)::BIGINT AS calls, sum(failed)::BIGINT AS failed,
       sum(prompt_tokens)::BIGINT AS prompt_tokens, sum(cached_tokens)::BIGINT AS cached_tokens,
       sum(completion_tokens)::BIGINT AS completion_tokens, sum(cost_usd) AS cost_usd,
       sum(held_usd) AS held_usd
FROM {view} WHERE {since} GROUP BY ALL ORDER BY {order}
"""
_BY = {
    "model": ("provider, model", "spend_hourly", "hour >= $since", "cost_usd DESC, provider, model"),
    "flow": ("flow", "spend_hourly", "hour >= $since", "cost_usd DESC, flow"),
    "symbol": ("symbol", "spend_hourly", "hour >= $since", "cost_usd DESC, symbol"),
    "hour": ("hour", "spend_hourly", "hour >= $since", "hour DESC"),
    "day": ("day", "spend_daily", "day >= CAST($since AS TIMESTAMP)", "day DESC"),
}
TABLES = {
    name: _TABLE.format(what=what, view=view, since=since, order=order)
    for name, (what, view, since, order) in _BY.items()
}

_PER_1000 = """
SELECT c.provider, coalesce(c.model_served, c.model_requested) AS model,
       count(DISTINCT s.signal_id) AS signals,
       CAST(1000 * sum(coalesce(c.cost_usd, c.held_usd)) / count(DISTINCT s.signal_id)
            AS DECIMAL(18, 6)) AS usd_per_1000_signals,
       CAST(sum(c.prompt_tokens) / count(DISTINCT s.signal_id) AS BIGINT) AS prompt_tokens_each,
       CAST(sum(c.completion_tokens) / count(DISTINCT s.signal_id) AS BIGINT) AS completion_tokens_each
FROM llm_calls c JOIN signals s USING (signal_id)
WHERE c.state <> 'open' AND c.ts >= CAST($since AS TIMESTAMP)
GROUP BY ALL ORDER BY usd_per_1000_signals DESC, 1, 2
"""

_DRIFT = """
SELECT provider, model, sum(calls)::BIGINT AS calls, sum(ours_usd) AS ours_usd,
       sum(theirs_usd) AS theirs_usd, sum(drift_usd) AS drift_usd
FROM cost_drift WHERE day >= CAST(CAST($since AS TIMESTAMP) AS DATE)
GROUP BY ALL ORDER BY abs(sum(drift_usd)) DESC, provider, model
"""

_OVERRUNS = """
SELECT provider, model_requested AS model, count(*) AS calls, max(cost_usd - held_usd) AS most_usd
FROM llm_calls WHERE state = 'settled' AND cost_usd > held_usd AND ts >= CAST($since AS TIMESTAMP)
GROUP BY ALL ORDER BY most_usd DESC
"""

# A model is in use when it was asked for since then; a row of the user's own says more than the book's.
_SHUTDOWNS = """
WITH used AS (
    SELECT provider, model_requested AS model, max(ts) AS last_called, count(*) AS calls
    FROM llm_calls WHERE ts >= CAST($since AS TIMESTAMP) GROUP BY ALL
)
SELECT provider, model, p.shutdown_at, last_called, calls
FROM used JOIN prices p USING (provider, model)
WHERE p.shutdown_at IS NOT NULL AND p.valid_from <= CAST($now AS TIMESTAMP)
QUALIFY row_number() OVER (PARTITION BY provider, model ORDER BY p.book IS NOT NULL, p.valid_from DESC) = 1
ORDER BY p.shutdown_at, provider, model
"""
_SHUTDOWN_OF = """
SELECT shutdown_at FROM prices
WHERE provider = $provider AND model = $model AND shutdown_at IS NOT NULL
ORDER BY book IS NOT NULL, valid_from DESC LIMIT 1
"""

_SAID = "SELECT count(*) FROM notices WHERE kind = $kind AND subject = $subject"
_SAY = """
INSERT INTO notices BY NAME
SELECT CAST($kind AS VARCHAR) AS kind, CAST($subject AS VARCHAR) AS subject, CAST($now AS TIMESTAMP) AS ts
ON CONFLICT DO NOTHING
"""

_PUT_BUDGET = """
INSERT INTO budgets BY NAME
SELECT CAST($scope AS VARCHAR) AS scope, CAST($per AS VARCHAR) AS "window",
       CAST($usd AS DECIMAL(18, 6)) AS limit_usd, CAST($now AS TIMESTAMP) AS updated_at
ON CONFLICT (scope, "window") DO UPDATE SET limit_usd = excluded.limit_usd, updated_at = excluded.updated_at
"""
_DROP_BUDGET = 'DELETE FROM budgets WHERE scope = $scope AND "window" = $per'


@dataclass(frozen=True, slots=True)
class Forecast:
    """USD spent, and expected by the end of the day and month (UTC) at the pace shown; see `METHOD`."""

    day_usd: Decimal
    month_usd: Decimal
    pace_usd_per_hour: Decimal
    day_end_usd: Decimal
    month_end_usd: Decimal


def forecast(con: Runs, *, now: dt.datetime) -> Forecast:
    """Say what the day and the month will have cost if the pace stays what it is."""
    moment = utc_naive(now)
    day, month, lately, first = con.execute(_SOFAR, {"now": moment}).fetchone()
    hours = Decimal(PACE_HOURS)
    if first is not None:
        hours = min(hours, max(Decimal(1), _hours(moment - first)))
    pace = lately / hours
    return Forecast(
        day,
        month,
        pace.quantize(GRAIN),
        (day + pace * _hours(window_end("day", now) - moment)).quantize(GRAIN),
        (month + pace * _hours(window_end("month", now) - moment)).quantize(GRAIN),
    )


def _hours(span: dt.timedelta) -> Decimal:
    return Decimal(span // dt.timedelta(microseconds=1)) / Decimal(3_600_000_000)


def spent_by(con: Runs, what: str, *, since: dt.datetime) -> Answer:
    """Sum up calls, tokens and USD by model, flow, symbol, hour or day."""
    return run_sql(con, TABLES[what], {"since": utc_naive(since)})


def per_1000_signals(con: Runs, *, since: dt.datetime) -> Answer:
    """Say by model what a thousand signals cost, all their attempts included."""
    return run_sql(con, _PER_1000, {"since": utc_naive(since)})


def drift(con: Runs, *, since: dt.datetime) -> Answer:
    """Hold our costs against those the providers report, by model."""
    return run_sql(con, _DRIFT, {"since": utc_naive(since)})


def overruns(con: Runs, *, since: dt.datetime) -> Answer:
    """List models whose calls cost more than was held for them: their bound on tokens is too low."""
    return run_sql(con, _OVERRUNS, {"since": utc_naive(since)})


def shutdowns(con: Runs, *, since: dt.datetime, now: dt.datetime) -> Answer:
    """List the announced end of every model asked for since then, the soonest first."""
    return run_sql(con, _SHUTDOWNS, {"since": utc_naive(since), "now": utc_naive(now)})


def shutdown_of(con: Runs, provider: str, model: str) -> dt.datetime | None:
    """Return when a model is switched off, UTC without zone, as far as the price book knows."""
    row = con.execute(_SHUTDOWN_OF, {"provider": provider, "model": model}).fetchone()
    return None if row is None else row[0]


def was_said(con: Runs, kind: str, subject: str) -> bool:
    """Tell whether this was said before."""
    return bool(con.execute(_SAID, {"kind": kind, "subject": subject}).fetchone()[0])


def note_said(con: Runs, kind: str, subject: str, *, now: dt.datetime) -> None:
    """Remember that this was said."""
    where: dict[str, Any] = {"kind": kind, "subject": subject, "now": utc_naive(now)}
    retried(lambda: con.execute(_SAY, where))


def set_budget(con: Runs, scope: str, window: str, usd: Decimal, *, now: dt.datetime) -> None:
    """Cap what ``scope`` may spend in each ``window``; see `storage.spend.ledger` for their words."""
    where = {"scope": scope, "per": window, "usd": usd, "now": utc_naive(now)}
    retried(lambda: con.execute(_PUT_BUDGET, where))


def drop_budget(con: Runs, scope: str, window: str) -> bool:
    """Lift a cap; False when there was none."""
    row = retried(lambda: con.execute(_DROP_BUDGET, {"scope": scope, "per": window}).fetchone())
    return bool(row and row[0])
