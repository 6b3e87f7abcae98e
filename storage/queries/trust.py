"""Was a market to be believed between two moments? Everything ``leadline trust`` shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive

JITTER_S = 0.001  # of sums of times kept to the µs

_SUMMARY = """
WITH asked AS (
    SELECT *, least(minute + INTERVAL 1 MINUTE, $until::TIMESTAMP) AS minute_end
    FROM trust WHERE symbol = $symbol AND minute >= date_trunc('minute', $since::TIMESTAMP)
      AND minute < $until
), covered AS (
    SELECT venue, sum(epoch(least(ts_to, $until) - greatest(ts_from, $since))) AS covered_s
    FROM trusted_times WHERE symbol = $symbol AND ts_to > $since AND ts_from < $until GROUP BY venue
)
SELECT venue, count(*) AS minutes, count(*) FILTER (is_trusted) AS trusted_minutes,
       coalesce(any_value(c.covered_s), 0.0) AS covered_s,
       epoch($until::TIMESTAMP - $since::TIMESTAMP) AS asked_s,
       round(100 * coalesce(any_value(c.covered_s), 0.0)
             / epoch($until::TIMESTAMP - $since::TIMESTAMP), 3) AS covered_pct,
       sum(checked)::BIGINT AS checked, sum(equal_id)::BIGINT AS equal_id,
       sum(bracketed)::BIGINT AS bracketed, sum(mismatches)::BIGINT AS mismatches,
       CASE WHEN sum(checked) > 0
            THEN round(100 * (sum(checked) - sum(mismatches)) / sum(checked), 4) END AS attested_pct,
       sum(audited)::BIGINT AS audited, sum(audit_mismatches)::BIGINT AS audit_mismatches,
       sum(suspects)::BIGINT AS suspects, sum(refuted)::BIGINT AS refuted, sum(stales)::BIGINT AS stales,
       median(to_book_p50_us) AS to_book_p50_us, max(to_book_p99_us) AS to_book_p99_us,
       max(to_durable_p99_us) AS to_durable_p99_us,
       arg_max(clock_offset_us, minute) AS clock_offset_us,
       arg_max(clock_error_us, minute) AS clock_error_us,
       median(network_p50_us) AS network_p50_us, max(network_p99_us) AS network_p99_us,
       median(queue_p50_us) AS queue_p50_us, max(queue_p99_us) AS queue_p99_us,
       median(decode_p50_us) AS decode_p50_us, max(decode_p99_us) AS decode_p99_us,
       median(apply_p50_us) AS apply_p50_us, max(apply_p99_us) AS apply_p99_us,
       median(durable_p50_us) AS durable_p50_us, max(durable_p99_us) AS durable_p99_us
FROM asked LEFT JOIN covered c USING (venue) GROUP BY venue ORDER BY venue
"""

_OLDEST = """
SELECT min(ts) FROM (SELECT min(ts_from) AS ts FROM coverage WHERE symbol = $symbol
                     UNION ALL SELECT min(ts) FROM book_events WHERE symbol = $symbol)
"""

_NEWEST = """
SELECT max(ts) FROM (SELECT max(ts_to) AS ts FROM coverage WHERE symbol = $symbol
                     UNION ALL SELECT max(ts) FROM book_events WHERE symbol = $symbol)
"""

_GAPS = """
SELECT venue, greatest(ts_from, $since) AS ts_from, least(ts_to, $until) AS ts_to,
       CASE WHEN ts_to < ts_from THEN seconds
            ELSE epoch(least(coalesce(ts_to, $until), $until) - greatest(ts_from, $since)) END AS seconds,
       cause, first_missing_id, next_id
FROM coverage_holes
WHERE symbol = $symbol AND least(ts_from, ts_to) < $until
  AND greatest(ts_from, coalesce(ts_to, $until)) > $since
ORDER BY ts_from, venue
"""

_UNTRUSTED = """
SELECT venue, minute, covered_pct, checked, mismatches, why
FROM trust
WHERE symbol = $symbol AND minute >= date_trunc('minute', $since::TIMESTAMP) AND minute < $until
  AND NOT is_trusted
ORDER BY minute, venue
"""

_MISMATCHES = """
SELECT ts, venue, kind, refuted, book_id, witness_id, bid_px, witness_bid_px, bid_qty, witness_bid_qty,
       ask_px, witness_ask_px, ask_qty, witness_ask_qty
FROM mismatches WHERE symbol = $symbol AND ts >= $since AND ts < $until ORDER BY ts, venue
"""


_MISSING_TRADES = """
SELECT venue, ts_from, ts_to, seconds, missing, first_missing_id, next_id
FROM trade_holes WHERE symbol = $symbol AND ts_from < $until AND ts_to > $since ORDER BY ts_from, venue
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One symbol between two moments (UTC); ``summary`` has a row for each venue that has it."""

    symbol: str
    since: dt.datetime
    until: dt.datetime
    summary: Answer
    gaps: Answer
    untrusted: Answer
    mismatches: Answer
    missing_trades: Answer

    @property
    def is_trusted(self) -> bool:
        """Whether every second asked about is covered, and nothing contradicted the books."""
        rows = self.summary.dicts()
        return bool(rows) and all(
            row["trusted_minutes"] == row["minutes"] and row["asked_s"] - row["covered_s"] < JITTER_S
            for row in rows
        )


def oldest(con: Runs, symbol: str) -> dt.datetime | None:
    """Return the first moment (UTC) something is known of a symbol; None if nothing is."""
    return _moment(con, _OLDEST, symbol)


def newest(con: Runs, symbol: str) -> dt.datetime | None:
    """Return the last moment (UTC) something is known of a symbol; None if nothing is."""
    return _moment(con, _NEWEST, symbol)


def _moment(con: Runs, statement: str, symbol: str) -> dt.datetime | None:
    found = con.execute(statement, {"symbol": symbol}).fetchone()[0]
    return None if found is None else found.replace(tzinfo=dt.UTC)


def judge(con: Runs, symbol: str, since: dt.datetime, until: dt.datetime) -> Verdict:
    """Ask everything about one symbol; an unknown one has no row."""
    asked = {"symbol": symbol, "since": utc_naive(since), "until": utc_naive(until)}
    answers = [
        run_sql(con, sql, asked) for sql in (_SUMMARY, _GAPS, _UNTRUSTED, _MISMATCHES, _MISSING_TRADES)
    ]
    return Verdict(symbol, since, until, *answers)
