"""Decisions as a person reads them: newest of each model beside the baselines, counts, what was not ok."""

from __future__ import annotations

import datetime as dt

from leadline.book.analytics.baselines import BASELINES
from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive

_CHOSEN = """chosen AS (
    SELECT *, provider || '/' || model_requested
              || CASE WHEN kind = 'challenger' THEN ' ' || prompt_version || ' (challenger)' ELSE '' END
              AS model
    FROM signals
    WHERE kind <> 'rescore' AND ts >= CAST($since AS TIMESTAMP) AND symbol = coalesce($symbol, symbol)
)"""

# A baseline speaks once within a time bucket: beside a model stands what each said then or last before.
_LATEST = """
WITH {chosen}, newest AS (
    FROM chosen WHERE kind = 'llm'
    QUALIFY row_number() OVER (PARTITION BY venue, symbol, model ORDER BY ts DESC, signal_id DESC) = 1
), shown AS (
    SELECT venue, symbol, ts, model, outcome, direction, confidence, latency_ms, cost_usd,
           is_switched, is_overtaken, ts + to_seconds(ttl_s) AS valid_until,
           coalesce(reason, reasoning) AS why
    FROM newest
    UNION ALL BY NAME
    SELECT venue, symbol, max(ts) AS ts FROM chosen
    WHERE (venue, symbol) NOT IN (SELECT (venue, symbol) FROM newest) GROUP BY ALL
), beside AS (
    SELECT s.venue, s.symbol, s.model, b.model_requested AS rule,
           arg_max(coalesce(b.direction, b.outcome), b.ts) AS said
    FROM shown s JOIN chosen b USING (venue, symbol)
    WHERE b.kind = 'baseline' AND b.ts <= s.ts GROUP BY ALL
)
SELECT s.ts, s.venue, s.symbol, s.model, s.outcome, s.direction, s.confidence,
       {rules}
       s.is_switched, s.is_overtaken, s.valid_until, s.latency_ms, s.cost_usd, s.why
FROM shown s LEFT JOIN beside b
  ON b.venue = s.venue AND b.symbol = s.symbol AND b.model IS NOT DISTINCT FROM s.model
GROUP BY ALL ORDER BY s.venue, s.symbol, s.model
"""
_RULE = "max(said) FILTER (WHERE rule = '{name}') AS \"{name}\","

_COUNTS = f"""
WITH {_CHOSEN}
SELECT model, outcome, count(*) AS signals, count(*) FILTER (WHERE direction = 'bullish') AS bullish,
       count(*) FILTER (WHERE direction = 'bearish') AS bearish,
       count(*) FILTER (WHERE direction = 'neutral') AS neutral,
       round(median(latency_ms) FILTER (WHERE kind <> 'baseline')) AS latency_p50_ms
FROM chosen GROUP BY kind, model, outcome ORDER BY kind DESC, model, signals DESC, outcome
"""  # noqa: S608  constants of this module

_NOT_OK = f"""
WITH {_CHOSEN}
SELECT symbol, model, outcome, count(*) AS signals, max(ts) AS newest, arg_max(reason, ts) AS reason
FROM chosen WHERE kind <> 'baseline' AND outcome <> 'ok'
GROUP BY ALL ORDER BY newest DESC, symbol, model, outcome
"""  # noqa: S608


def latest(con: Runs, *, since: dt.datetime, symbol: str | None = None) -> Answer:
    """
    Show the newest decision of each model per market, with a column for each registered baseline.

    ``model`` is NULL where only baselines spoke.
    """
    rules = " ".join(_RULE.format(name=name) for name in BASELINES)
    statement = _LATEST.format(chosen=_CHOSEN, rules=rules)
    return run_sql(con, statement, {"since": utc_naive(since), "symbol": symbol})


def counts(con: Runs, *, since: dt.datetime, symbol: str | None = None) -> Answer:
    """Count decisions by model and outcome, and the directions among them."""
    return run_sql(con, _COUNTS, {"since": utc_naive(since), "symbol": symbol})


def not_ok(con: Runs, *, since: dt.datetime, symbol: str | None = None) -> Answer:
    """List refusals, abstentions and failures of models by symbol, with the newest reason of each."""
    return run_sql(con, _NOT_OK, {"since": utc_naive(since), "symbol": symbol})
