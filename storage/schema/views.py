"""
Views for people: the unnested book rows, the latest signals, the spend, and how far to trust.

Each is a whole statement, made anew after a migration (`storage.schema.migrate`).
"""

from __future__ import annotations

from leadline.storage.schema.interval_order import MOST_MONO_NS, OLDEST_FIRST, STEP_S
from leadline.storage.schema.score_views import SCORE_VIEWS
from leadline.storage.schema.spend_views import SPEND_VIEWS
from leadline.storage.schema.trust_views import TRUST_VIEWS

# One row per changed level of a diff; quantity 0 deletes the level.
DEPTH_LEVELS = """
CREATE OR REPLACE VIEW depth_levels AS
SELECT venue, symbol, epoch, ts_event, ts_recv, first_id, last_id, 'bid' AS side,
       unnest(bid_px) AS price, unnest(bid_qty) AS qty
FROM depth_diffs
UNION ALL
SELECT venue, symbol, epoch, ts_event, ts_recv, first_id, last_id, 'ask' AS side,
       unnest(ask_px) AS price, unnest(ask_qty) AS qty
FROM depth_diffs
"""

# The newest decision of each model and of each baseline, per market; rescored questions are not news, and
# challengers speak in shadow.
LATEST_SIGNALS = """
CREATE OR REPLACE VIEW latest_signals AS
SELECT ts, venue, symbol, kind, provider, provider || '/' || model_requested AS model, "trigger",
       outcome, direction, confidence, reason, reasoning, is_switched, is_overtaken,
       ts + to_seconds(ttl_s) AS valid_until, mid_at_snapshot, latency_ms, cost_usd, model_served, signal_id
FROM signals
WHERE kind NOT IN ('rescore', 'challenger')
QUALIFY row_number() OVER (
    PARTITION BY venue, symbol, kind, provider, model_requested ORDER BY ts DESC, signal_id DESC) = 1
ORDER BY venue, symbol, kind DESC, model
"""

# How long was a book not covered, from when to when, why, and which ids are missing? A hole lies between
# two intervals that follow each other by the venue's ids, whatever our clock showed. One that nothing has
# followed yet is open: no end, and it grows until now (UTC). Where the next stream went on from the very
# next id no time is missing and there is no hole. Where our clock was set back in a hole, its length is by
# the monotonic clock, if that is known. An interval may reach into a hole, by our clock, only where that
# was set: an older interval ends after the hole's begin, or a newer one begins before its end.
COVERAGE_HOLES = f"""
CREATE OR REPLACE VIEW coverage_holes AS
WITH ordered AS (
    SELECT venue, symbol, ended_by, ts_to, last_id, mono_to_ns, coalesce(numbering, 1) AS numbering,
           lead(ts_from) OVER w AS next_from, lead(first_id) OVER w AS next_id,
           lead(mono_from_ns) OVER w AS next_mono_ns, lead(coalesce(numbering, 1)) OVER w AS next_numbering,
           max(ts_to) OVER (w ROWS UNBOUNDED PRECEDING) AS covered_to,
           min(ts_from) OVER (w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS covered_from
    FROM coverage
    WINDOW w AS (PARTITION BY venue, symbol ORDER BY {OLDEST_FIRST})
), measured AS (
    SELECT *, next_id > last_id + 1 OR next_numbering <> numbering AS has_missing,
           epoch(coalesce(next_from, CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)) - ts_to) AS wall_s,
           CASE WHEN next_mono_ns - mono_to_ns BETWEEN 0 AND {MOST_MONO_NS}
                THEN (next_mono_ns - mono_to_ns) / 1e9 END AS mono_s
    FROM ordered
)
SELECT venue, symbol, ts_to AS ts_from, next_from AS ts_to,
       CASE WHEN wall_s < mono_s - {STEP_S} THEN mono_s ELSE greatest(wall_s, 0) END AS seconds,
       ended_by AS cause, last_id + 1 AS first_missing_id, next_id,
       next_from IS NULL AS is_open,
       coalesce(wall_s < mono_s - {STEP_S}, false) OR covered_to > ts_to
           OR coalesce(covered_from < next_from, false) AS may_overlap
FROM measured
WHERE ended_by IS NOT NULL AND (next_from > ts_to OR next_from IS NULL OR has_missing)
"""  # noqa: S608  constants

# Where does each symbol stand, and why? Its listing says so where that keeps it from having a book, else
# the newest event of its book. Rows are newest by their place, not by a clock.
SYMBOL_STATES = """
CREATE OR REPLACE VIEW symbol_states AS
WITH listed AS (
    SELECT * FROM markets_history
    QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY seq DESC) = 1
), booked AS (
    SELECT venue, symbol, arg_max({'state': to_state, 'reason': reason, 'ts': ts}, rowid) AS book
    FROM book_events WHERE from_state <> to_state GROUP BY ALL
), joined AS (
    SELECT *, coalesce(listed.state, 'LISTED') = 'LISTED' OR coalesce(book.ts > listed.ts, false)
              AND listed.state <> 'DROPPED' AND book.state <> 'WAITING' AS has_book
    FROM listed FULL JOIN booked USING (venue, symbol)
)
SELECT venue, symbol, CASE WHEN has_book THEN coalesce(book.state, 'WAITING') ELSE state END AS state,
       CASE WHEN NOT has_book THEN reason WHEN book.state = 'LIVE' THEN coalesce(reason, '')
            ELSE concat_ws('; ', book.reason, nullif(reason, '')) END AS reason,
       CASE WHEN has_book THEN coalesce(book.ts, ts) ELSE ts END AS since,
       state AS listing, status, tick_size, step_size, contract_size
FROM joined ORDER BY venue, symbol
"""

# Which trades are missing? Where the venue counts anew there is no hole: nothing says what lies between.
TRADE_HOLES = """
CREATE OR REPLACE VIEW trade_holes AS
WITH ordered AS (
    SELECT venue, symbol, ts_to, last_id,
           lead(ts_from) OVER w AS next_from, lead(first_id) OVER w AS next_id
    FROM trade_coverage
    WINDOW w AS (PARTITION BY venue, symbol ORDER BY ts_trade, last_id)
)
SELECT venue, symbol, ts_to AS ts_from, next_from AS ts_to, epoch(next_from - ts_to) AS seconds,
       last_id + 1 AS first_missing_id, next_id, next_id - last_id - 1 AS missing
FROM ordered
WHERE next_id > last_id + 1
"""

VIEWS = {
    "coverage_holes": COVERAGE_HOLES,
    "trade_holes": TRADE_HOLES,
    "depth_levels": DEPTH_LEVELS,
    "latest_signals": LATEST_SIGNALS,
    "symbol_states": SYMBOL_STATES,
    **TRUST_VIEWS,
    **SPEND_VIEWS,
    **SCORE_VIEWS,
}
