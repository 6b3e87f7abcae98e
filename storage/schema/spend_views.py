"""
The spend as views: always right, also when an outcome is booked late, because nothing is kept twice.

``cost_usd`` is what counts as spent: the cost where one is known, the hold where an attempt ended without
one or nobody spoke of it again. ``held_usd`` is what attempts still under way could cost.
"""

from __future__ import annotations

# now() is a moment with zone; the tables hold UTC without. This needs no time zone extension.
_NOW = "make_timestamp(epoch_us(now()))"
_OPEN = f"(state = 'open' AND expires_at > {_NOW})"
_SPENT = f"CASE WHEN {_OPEN} THEN 0 ELSE coalesce(cost_usd, held_usd) END"

_SUMS = f"""count(*) AS calls, count(*) FILTER (WHERE error IS NOT NULL) AS failed,
       count(*) FILTER (WHERE {_OPEN}) AS under_way,
       count(*) FILTER (WHERE NOT {_OPEN} AND cost_usd IS NULL) AS without_price,
       coalesce(sum(prompt_tokens), 0)::BIGINT AS prompt_tokens,
       coalesce(sum(cached_tokens), 0)::BIGINT AS cached_tokens,
       coalesce(sum(completion_tokens), 0)::BIGINT AS completion_tokens,
       coalesce(sum(reasoning_tokens), 0)::BIGINT AS reasoning_tokens,
       sum({_SPENT}) AS cost_usd, coalesce(sum(held_usd) FILTER (WHERE {_OPEN}), 0) AS held_usd"""

_MODEL = "coalesce(model_served, model_requested) AS model"

RESERVATIONS = f"""
CREATE OR REPLACE VIEW reservations AS
SELECT call_id AS reservation_id, signal_id, provider, model_requested AS model, flow, symbol, ts,
       expires_at, held_usd,
       CASE WHEN {_OPEN} THEN 'held' WHEN state = 'open' THEN 'expired' ELSE state END AS state,
       CASE WHEN NOT {_OPEN} THEN coalesce(cost_usd, held_usd) END AS settled_usd, settled_at
FROM llm_calls
"""  # noqa: S608  constants of this module

SPEND_BY_HOUR = f"""
CREATE OR REPLACE VIEW spend_by_hour AS
SELECT date_trunc('hour', ts) AS hour, {_SUMS}
FROM llm_calls GROUP BY ALL
"""  # noqa: S608

SPEND_BY_MODEL = f"""
CREATE OR REPLACE VIEW spend_by_model AS
SELECT provider, {_MODEL}, {_SUMS}, median(latency_ms) AS latency_p50_ms
FROM llm_calls GROUP BY ALL
"""  # noqa: S608

# The finest roll-ups: sum them over what is not asked for.
SPEND_HOURLY = f"""
CREATE OR REPLACE VIEW spend_hourly AS
SELECT date_trunc('hour', ts) AS hour, provider, {_MODEL}, flow, symbol, {_SUMS}
FROM llm_calls GROUP BY ALL
"""  # noqa: S608

SPEND_DAILY = f"""
CREATE OR REPLACE VIEW spend_daily AS
SELECT CAST(ts AS DATE) AS day, provider, {_MODEL}, flow, symbol, {_SUMS}
FROM llm_calls GROUP BY ALL
"""  # noqa: S608

COST_DRIFT = f"""
CREATE OR REPLACE VIEW cost_drift AS
SELECT CAST(ts AS DATE) AS day, provider, {_MODEL}, count(*) AS calls,
       sum(cost_usd) AS ours_usd, sum(provider_cost_usd) AS theirs_usd,
       sum(provider_cost_usd) - sum(cost_usd) AS drift_usd,
       CASE WHEN sum(cost_usd) > 0
            THEN round(100 * CAST(sum(provider_cost_usd) - sum(cost_usd) AS DOUBLE) / sum(cost_usd), 3)
       END AS drift_pct
FROM llm_calls
WHERE state = 'settled' AND cost_usd IS NOT NULL AND provider_cost_usd IS NOT NULL
GROUP BY ALL
"""  # noqa: S608

SPEND_VIEWS = {
    "reservations": RESERVATIONS,
    "spend_by_hour": SPEND_BY_HOUR,
    "spend_by_model": SPEND_BY_MODEL,
    "spend_hourly": SPEND_HOURLY,
    "spend_daily": SPEND_DAILY,
    "cost_drift": COST_DRIFT,
}
