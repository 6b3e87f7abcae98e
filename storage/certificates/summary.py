"""How much of each day's data may be trusted: one row per market and day (UTC)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from leadline.storage.access.sql import Runs, utc_naive

_DAYS = """
WITH days AS (
    SELECT venue, symbol, minute::DATE AS day, sum(covered_s) AS trusted_s, sum(watched_s) AS watched_s
    FROM trust WHERE minute >= $since AND minute < $until GROUP BY ALL
), faults AS (
    SELECT venue, symbol, ts::DATE AS day, count(*) FILTER (reason = 'gap') AS gaps,
           count(*) FILTER (reason = 'crossed') AS crossed
    FROM book_events WHERE ts >= $since AND ts < $until GROUP BY ALL
), ends AS (
    SELECT venue, symbol, ts_to::DATE AS day,
           string_agg(DISTINCT ended_by, ', ' ORDER BY ended_by) AS causes
    FROM coverage WHERE ts_to >= $since AND ts_to < $until AND ended_by IS NOT NULL GROUP BY ALL
), stored AS (
    SELECT venue, symbol, ts_recv::DATE AS day, count(*) AS diffs
    FROM depth_diffs WHERE ts_recv >= $since AND ts_recv < $until GROUP BY ALL
)
SELECT day, venue, symbol, trusted_s, watched_s, coalesce(gaps, 0), coalesce(crossed, 0),
       coalesce(diffs, 0), coalesce(causes, '')
FROM days LEFT JOIN faults USING (venue, symbol, day) LEFT JOIN ends USING (venue, symbol, day)
     LEFT JOIN stored USING (venue, symbol, day)
ORDER BY day DESC, venue, symbol
"""


@dataclass(frozen=True, slots=True)
class DayCertificate:
    """One market on one day; ``watched_s`` runs from its first to its last sign of life that day."""

    day: dt.date
    venue: str
    symbol: str
    trusted_s: float
    watched_s: float
    gaps: int
    crossed: int
    diffs: int
    causes: str  # what ended trusted intervals, comma separated

    @property
    def trusted_pct(self) -> float | None:
        """Share of the watched time in which the book may be trusted, 0 to 100; None for no time."""
        return 100 * self.trusted_s / self.watched_s if self.watched_s > 0 else None


def certify(con: Runs, *, first: dt.datetime, until: dt.datetime) -> list[DayCertificate]:
    """Certify the days from ``first`` to before ``until``, both midnights in UTC; newest first."""
    params = {"since": utc_naive(first), "until": utc_naive(until)}
    return [DayCertificate(*row) for row in con.execute(_DAYS, params).fetchall()]
