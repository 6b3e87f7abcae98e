"""Whether decisions and the ledger keep their promises: rows that break one, and rows to be recomputed."""

from __future__ import annotations

from leadline.storage.access.sql import Answer, Runs, run_sql

_JUDGED = """
SELECT *, (SELECT list((bid_px + ask_px) / 2) FROM book_tickers t
           WHERE t.venue = s.venue AND t.symbol = s.symbol
             AND t.ts_recv <= s.ts AND t.ts_recv > s.ts - INTERVAL 1 SECOND) AS told_mids
FROM (SELECT DISTINCT venue, symbol, ts, epoch, last_id, mid_at_snapshot FROM signals
      WHERE kind <> 'rescore' AND mid_at_snapshot IS NOT NULL) s
ORDER BY ts, symbol
"""

# An interval ends with its last diff; that it is over is noticed later, and only then can it be known.
_UNTRUSTED = """
SELECT symbol, ts, kind, model_requested, outcome FROM signals s
WHERE kind <> 'rescore' AND mid_at_snapshot IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM coverage c
    WHERE c.venue = s.venue AND c.symbol = s.symbol AND c.epoch = s.epoch
      AND c.first_id <= s.last_id AND c.ts_from <= s.ts
      AND (c.ended_by IS NULL OR c.ts_to >= s.ts
           OR (SELECT last(to_state ORDER BY e.ts, e.rowid) FROM book_events e
               WHERE e.venue = s.venue AND e.symbol = s.symbol AND e.ts <= s.ts
                 AND e.from_state <> e.to_state) = 'LIVE'))
ORDER BY ts, symbol
"""

_FALSE_DIRECTIONS = """
SELECT symbol, ts, model_requested, outcome, direction, confidence FROM signals
WHERE (outcome = 'ok') <> (direction IS NOT NULL) OR (outcome <> 'ok' AND confidence IS NOT NULL)
ORDER BY ts, symbol
"""

_CALLED = """
SELECT s.symbol, s.ts, s.outcome, count(*) AS calls FROM signals s JOIN llm_calls c USING (signal_id)
WHERE s.outcome IN ('refused_untrusted', 'refused_stale') GROUP BY ALL ORDER BY ALL
"""

_ATTEMPTS = """
SELECT call_id, provider, model_requested, ts, state, cost_source, cost_usd, held_usd,
       coalesce(prompt_tokens, 0) AS prompt_tokens, coalesce(cached_tokens, 0) AS cached_tokens,
       coalesce(completion_tokens, 0) AS completion_tokens,
       coalesce(reasoning_tokens, 0) AS reasoning_tokens
FROM llm_calls ORDER BY seq
"""

_UNEQUAL_COSTS = """
SELECT signal_id, any_value(s.cost_usd) AS of_signal, sum(coalesce(c.cost_usd, c.held_usd)) AS of_ledger
FROM signals s JOIN llm_calls c USING (signal_id)
GROUP BY signal_id HAVING of_signal IS DISTINCT FROM of_ledger ORDER BY signal_id
"""


def judged(con: Runs) -> Answer:
    """List the books that decisions stood on: market, moment, id, mid, and mids told the second before."""
    return run_sql(con, _JUDGED)


def untrusted(con: Runs) -> Answer:
    """List decisions on a book that was not trusted at their moment."""
    return run_sql(con, _UNTRUSTED)


def false_directions(con: Runs) -> Answer:
    """List failures that claim a direction or a confidence, and answers without a direction."""
    return run_sql(con, _FALSE_DIRECTIONS)


def called_though_refused(con: Runs) -> Answer:
    """List decisions refused for their book for which a model was called all the same."""
    return run_sql(con, _CALLED)


def attempts(con: Runs) -> Answer:
    """List every attempt with its tokens and what was booked for it."""
    return run_sql(con, _ATTEMPTS)


def unequal_costs(con: Runs) -> Answer:
    """List signals whose cost is not the sum of their attempts'."""
    return run_sql(con, _UNEQUAL_COSTS)
