"""
How far a minute of a market may be believed, and the intervals in which it may.

`trust` has a row for each market and minute from its first sign of life to its last. A minute is trusted
if every second of it that was watched is covered and the venue's own word never contradicted the book.
The macro ``trusted(venue, symbol, moment)`` restricts any query to trusted intervals of the book, and with
``'trades'`` as a fourth argument to runs of trades of which none is missing.
"""

from __future__ import annotations

from leadline.storage.schema.interval_order import STEP_S

# When a book was not covered, by our clock. A hole is a stretch of it; where our clock was set back in the
# hole, nobody knows when: it may have shown the time after the end of the interval before, and the time
# before the begin of the next one, each for as long as the hole lasted.
UNCOVERED = f"""
CREATE OR REPLACE VIEW uncovered_times AS
SELECT venue, symbol, piece.a AS ts_from, piece.z AS ts_to, cause, has_missing_ids, may_overlap
FROM (
    SELECT venue, symbol, cause, may_overlap,
           NOT is_open AND next_id NOT IN (first_missing_id - 1, first_missing_id) AS has_missing_ids,
           unnest(CASE WHEN seconds > epoch(ts_to - ts_from) + {STEP_S}
                       THEN [{{a: ts_from, z: ts_from + to_microseconds(CAST(1e6 * seconds AS BIGINT))}},
                             {{a: ts_to - to_microseconds(CAST(1e6 * seconds AS BIGINT)), z: ts_to}}]
                       ELSE [{{a: ts_from, z: ts_to}}] END) AS piece
    FROM coverage_holes
)
"""  # noqa: S608  constants

# Our clock may have shown a moment twice. It is covered if an interval reaches it and no hole does: the
# edges of both are summed up in one ordered pass, and of the last edge before a moment, or at it, the sum
# tells; a hole weighs more than all intervals. The ends of an interval belong to it, those of a hole
# do not. A hole that no interval may reach into changes nothing and is left out.
_EDGES = """
SELECT venue, symbol, ts, sum(weight) OVER (PARTITION BY venue, symbol ORDER BY ts) > 0 AS is_covered
FROM (
    SELECT venue, symbol, unnest([ts_from, ts_to + INTERVAL 1 MICROSECOND]) AS ts, unnest([1, -1]) AS weight
    FROM coverage
    UNION ALL
    SELECT venue, symbol, unnest([ts_from + INTERVAL 1 MICROSECOND, ts_to]), unnest([-1048576, 1048576])
    FROM uncovered_times WHERE may_overlap AND ts_to > ts_from + INTERVAL 1 MICROSECOND
)
"""
_EDGES_OF_TRADES = """
SELECT venue, symbol, ts, sum(weight) OVER (PARTITION BY venue, symbol ORDER BY ts) > 0 AS is_covered
FROM (
    SELECT venue, symbol, unnest([ts_from, ts_to + INTERVAL 1 MICROSECOND]) AS ts, unnest([1, -1]) AS weight
    FROM trade_coverage
)
"""

# An ASOF JOIN with the edges: for five million rows of fifty symbols and 100,000 intervals it takes 13 s on
# two cores, where "between the ends of any interval" took 88 s. One with trusted_intervals in the query
# itself is quicker still (5 s): it keeps no list of the moments asked for.
# The columns are renamed because an argument such as ``venue`` would else be taken for the interval's own;
# a moment that is a text becomes a time by standing beside one.
TRUSTED = f"""
CREATE OR REPLACE MACRO trusted
(market_venue, market_symbol, moment) AS EXISTS (
    SELECT 1 FROM (SELECT market_venue AS asked_venue, market_symbol AS asked_symbol,
                          coalesce(moment, NULL::TIMESTAMP) AS asked)
    ASOF JOIN (SELECT venue AS covered_venue, symbol AS covered_symbol, ts AS covered_from, is_covered
               FROM ({_EDGES}))
    ON asked_venue = covered_venue AND asked_symbol = covered_symbol AND asked >= covered_from
    WHERE is_covered
),
(market_venue, market_symbol, moment, stream) AS
    CASE WHEN stream IN ('depth', 'trades') THEN EXISTS (
        SELECT 1 FROM (SELECT market_venue AS asked_venue, market_symbol AS asked_symbol,
                              stream AS asked_stream, coalesce(moment, NULL::TIMESTAMP) AS asked)
        ASOF JOIN (SELECT venue AS covered_venue, symbol AS covered_symbol, kind AS covered_stream,
                          ts AS covered_from, is_covered
                   FROM (SELECT 'depth' AS kind, * FROM ({_EDGES})
                         UNION ALL SELECT 'trades', * FROM ({_EDGES_OF_TRADES})))
        ON asked_venue = covered_venue AND asked_symbol = covered_symbol
           AND asked_stream = covered_stream AND asked >= covered_from
        WHERE is_covered)
    ELSE error('stream: expected depth or trades, got ' || stream) END
"""  # noqa: S608  constants of this module

TRUSTED_TIMES = f"""
CREATE OR REPLACE VIEW trusted_times AS
SELECT venue, symbol, ts_from, ts_to FROM (
    SELECT venue, symbol, is_covered, ts AS ts_from,
           lead(ts) OVER (PARTITION BY venue, symbol ORDER BY ts) - INTERVAL 1 MICROSECOND AS ts_to
    FROM (FROM ({_EDGES})
          QUALIFY lag(is_covered) OVER (PARTITION BY venue, symbol ORDER BY ts) IS DISTINCT FROM is_covered)
)
WHERE is_covered
"""  # noqa: S608  a constant of this module

TRUSTED_INTERVALS = """
CREATE OR REPLACE VIEW trusted_intervals AS
SELECT venue, symbol, ts_from, ts_to, epoch(ts_to - ts_from) AS seconds, epoch, first_id, last_id,
       ended_by
FROM coverage WHERE ts_to > ts_from
"""

TRUST = """
CREATE OR REPLACE VIEW trust AS
WITH moments AS (
    SELECT venue, symbol, ts_from AS ts FROM coverage
    UNION ALL SELECT venue, symbol, ts_to FROM coverage
    UNION ALL SELECT venue, symbol, ts FROM book_events
), watched AS (
    SELECT venue, symbol, min(ts) AS first_ts, max(ts) AS last_ts FROM moments GROUP BY ALL
), minutes AS (
    SELECT venue, symbol, first_ts, last_ts,
           unnest(generate_series(date_trunc('minute', first_ts), date_trunc('minute', last_ts),
                                  INTERVAL 1 MINUTE)) AS minute
    FROM watched
), covered_pieces AS (
    SELECT venue, symbol, ts_from, ts_to,
           unnest(generate_series(date_trunc('minute', ts_from), date_trunc('minute', ts_to),
                                  INTERVAL 1 MINUTE)) AS minute
    FROM trusted_times
), covered AS (
    SELECT venue, symbol, minute,
           sum(epoch(least(ts_to, minute + INTERVAL 1 MINUTE) - greatest(ts_from, minute))) AS covered_s
    FROM covered_pieces GROUP BY ALL
), hole_pieces AS (
    SELECT venue, symbol, ts_from AS hole_from, coalesce(ts_to, last_ts) AS hole_to, cause,
           has_missing_ids,
           unnest(generate_series(date_trunc('minute', ts_from),
                                  date_trunc('minute', coalesce(ts_to, last_ts)),
                                  INTERVAL 1 MINUTE)) AS minute
    FROM uncovered_times JOIN watched USING (venue, symbol)
), holes AS (
    SELECT venue, symbol, minute, count(*) AS gaps,
           max(epoch(hole_to - hole_from)) AS longest_gap_s,
           string_agg(DISTINCT cause, ', ' ORDER BY cause) AS causes,
           bool_or(has_missing_ids) AS has_missing_ids
    FROM hole_pieces GROUP BY ALL
), events AS (
    SELECT venue, symbol, date_trunc('minute', ts) AS minute,
           count(*) FILTER (to_state = 'SUSPECT') AS suspects,
           count(*) FILTER (reason = 'refuted') AS refuted,
           count(*) FILTER (to_state = 'STALE') AS stales
    FROM book_events WHERE from_state <> to_state GROUP BY ALL
), scores AS (
    SELECT venue, symbol, minute, sum(equal_id)::BIGINT AS equal_id, sum(bracketed)::BIGINT AS bracketed,
           sum(mismatches)::BIGINT AS mismatches, sum(audited)::BIGINT AS audited,
           sum(audit_mismatches)::BIGINT AS audit_mismatches
    FROM attestations GROUP BY ALL
), stages AS (
    SELECT venue, symbol, minute,
           arg_max(network_p50_us, diffs) AS network_p50_us, max(network_p99_us) AS network_p99_us,
           arg_max(queue_p50_us, diffs) AS queue_p50_us, max(queue_p99_us) AS queue_p99_us,
           arg_max(decode_p50_us, diffs) AS decode_p50_us, max(decode_p99_us) AS decode_p99_us,
           arg_max(apply_p50_us, diffs) AS apply_p50_us, max(apply_p99_us) AS apply_p99_us,
           arg_max(durable_p50_us, diffs) AS durable_p50_us, max(durable_p99_us) AS durable_p99_us
    FROM latency GROUP BY ALL
), clocks AS (
    SELECT venue, date_trunc('minute', ts) AS minute, arg_max(1e3 * offset_ms, ts) AS offset_us,
           arg_max(1e3 * error_ms, ts) AS error_us
    FROM clock GROUP BY ALL
), feed AS (
    SELECT venue, date_trunc('minute', ts) AS minute, median(to_book_p50_us) AS to_book_p50_us,
           max(to_book_p99_us) AS to_book_p99_us, max(to_durable_p99_us) AS to_durable_p99_us,
           arg_max(clock_offset_us, ts) AS clock_offset_us, arg_max(clock_error_us, ts) AS clock_error_us
    FROM feed_stats GROUP BY ALL
), joined AS (
    SELECT m.venue, m.symbol, m.minute,
           epoch(least(last_ts, m.minute + INTERVAL 1 MINUTE) - greatest(first_ts, m.minute)) AS watched_s,
           coalesce(covered_s, 0.0) AS covered_s, greatest(watched_s - covered_s, 0.0) AS uncovered_s,
           coalesce(gaps, 0) AS gaps, coalesce(longest_gap_s, 0.0) AS longest_gap_s,
           coalesce(causes, '') AS causes, coalesce(has_missing_ids, false) AS has_missing_ids,
           coalesce(equal_id, 0) AS equal_id, coalesce(bracketed, 0) AS bracketed,
           coalesce(mismatches, 0) AS mismatches, coalesce(audited, 0) AS audited,
           coalesce(audit_mismatches, 0) AS audit_mismatches,
           coalesce(suspects, 0) AS suspects, coalesce(refuted, 0) AS refuted,
           coalesce(stales, 0) AS stales,
           stages.* EXCLUDE (venue, symbol, minute),
           to_book_p50_us, to_book_p99_us, to_durable_p99_us,
           coalesce(clock_offset_us, offset_us) AS clock_offset_us,
           coalesce(clock_error_us, error_us) AS clock_error_us
    FROM minutes m LEFT JOIN covered USING (venue, symbol, minute)
         LEFT JOIN holes USING (venue, symbol, minute) LEFT JOIN events USING (venue, symbol, minute)
         LEFT JOIN scores USING (venue, symbol, minute)
         LEFT JOIN stages USING (venue, symbol, minute) LEFT JOIN feed USING (venue, minute)
         LEFT JOIN clocks USING (venue, minute)
)
SELECT venue, symbol, minute,
       watched_s > 0 AND covered_s > 0 AND uncovered_s < 0.001
           AND NOT has_missing_ids AND mismatches = 0 AND audit_mismatches = 0 AS is_trusted,
       concat_ws('; ',
           CASE WHEN uncovered_s >= 0.001 OR covered_s = 0 OR has_missing_ids THEN
               'not covered for ' || round(uncovered_s, 3) || ' s'
               || CASE WHEN causes <> '' THEN ' (' || causes || ')' ELSE '' END END,
           CASE WHEN mismatches > 0 THEN 'the venue disagreed ' || mismatches || ' times' END,
           CASE WHEN audit_mismatches > 0 THEN audit_mismatches || ' levels unlike the venue''s' END,
           CASE WHEN refuted > 0 THEN 'book discarded' WHEN suspects > 0 THEN 'suspect' END,
           CASE WHEN stales > 0 THEN 'silent' END) AS why,
       covered_s, watched_s,
       CASE WHEN watched_s > 0 THEN round(100 * covered_s / watched_s, 3) END AS covered_pct,
       gaps, longest_gap_s, causes,
       equal_id + bracketed AS checked, equal_id, bracketed, mismatches,
       CASE WHEN checked > 0 THEN round(100 * (checked - mismatches) / checked, 4) END AS attested_pct,
       audited, audit_mismatches, suspects, refuted, stales,
       to_book_p50_us, to_book_p99_us, to_durable_p99_us, clock_offset_us, clock_error_us,
       network_p50_us, network_p99_us, queue_p50_us, queue_p99_us, decode_p50_us, decode_p99_us,
       apply_p50_us, apply_p99_us, durable_p50_us, durable_p99_us
FROM joined
"""

TRUST_VIEWS = {
    "uncovered_times": UNCOVERED,
    "trusted_times": TRUSTED_TIMES,
    "trusted_intervals": TRUSTED_INTERVALS,
    "trust": TRUST,
}
MACROS = {"trusted": TRUSTED}
