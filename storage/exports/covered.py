"""Which parts of a window may be trusted, which not, and why; what a certificate says of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from leadline.storage.access.sql import Runs, utc_naive
from leadline.storage.queries.coverage import INTERVAL, TrustedInterval
from leadline.storage.schema.interval_order import OLDEST_FIRST

BEFORE_FIRST = "no trusted book was stored before"
NOT_YET = "nothing stored after"

_INTERVALS = f"""
SELECT {INTERVAL} FROM coverage
WHERE venue = $venue AND symbol = $symbol AND ts_from < $until AND ts_to >= $since
ORDER BY {OLDEST_FIRST}
"""  # noqa: S608  constants of `storage.queries.coverage` and `storage.schema.interval_order`

# The last interval before those of the window, by the venue's ids, that ended before it by our clock.
_BEFORE = f"""
WITH placed AS (
    SELECT *, row_number() OVER (ORDER BY {OLDEST_FIRST}) AS place FROM coverage
    WHERE venue = $venue AND symbol = $symbol
)
SELECT last_id, ended_by FROM placed
WHERE ts_to < $since AND place < coalesce(
    (SELECT min(place) FROM placed WHERE ts_from < $until AND ts_to >= $since), {2**62})
ORDER BY place DESC LIMIT 1
"""  # noqa: S608  constants

_COVERED_S = """
SELECT coalesce(sum(epoch(least(ts_to, $until) - greatest(ts_from, $since))), 0.0) FROM trusted_times
WHERE venue = $venue AND symbol = $symbol AND ts_to > $since AND ts_from < $until
"""

# Rows belong to a window by their receipt, and our clock may have been set back at its ends. So what they
# alone can follow begins at the newest id received before the window, and ends before the first id that was
# received after it.
_BEGINS_AT = """
SELECT max(last_id) FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND ts_recv < $since
  AND last_id BETWEEN $first_id AND $last_id
"""

_ENDS_AT = """
SELECT max(last_id), max(ts_recv) FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id BETWEEN $first_id AND $last_id
  AND last_id < coalesce((
    SELECT min(last_id) FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND ts_recv >= $until
      AND last_id > $first_id AND last_id <= $last_id), $last_id + 1)
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without a trusted book: its cause, and the ids on both sides where known."""

    ts_from: dt.datetime
    ts_to: dt.datetime
    cause: str
    after_id: int | None
    before_id: int | None

    @property
    def seconds(self) -> float:
        """Return its length; 0 where our clock was set back in it."""
        return max(0.0, (self.ts_to - self.ts_from).total_seconds())


def intervals(
    con: Runs, venue: str, symbol: str, since: dt.datetime, until: dt.datetime
) -> list[TrustedInterval]:
    """List the trusted intervals that touch ``since .. until``, whole, oldest first by the venue's ids."""
    params = {"venue": venue, "symbol": symbol, "since": utc_naive(since), "until": utc_naive(until)}
    return [TrustedInterval(*row) for row in con.execute(_INTERVALS, params).fetchall()]


def cut(
    con: Runs, venue: str, symbol: str, interval: TrustedInterval, since: dt.datetime, until: dt.datetime
) -> TrustedInterval:
    """Cut an interval at the window's ends: by time, and by the ids the book stood at there."""
    begin, end = utc_naive(since), utc_naive(until)
    params = {"venue": venue, "symbol": symbol, "epoch": interval.epoch}
    params |= {"first_id": interval.first_id, "last_id": interval.last_id}
    made = interval
    last_id, ts_to = con.execute(_ENDS_AT, {**params, "until": end}).fetchone()
    last_id = interval.first_id if last_id is None else int(last_id)
    if interval.ts_to >= end or last_id < interval.last_id:
        made = replace(made, last_id=last_id, ts_to=max(interval.ts_from, ts_to or begin), ended_by=None)
    if interval.ts_from < begin:
        (first_id,) = con.execute(_BEGINS_AT, {**params, "since": begin}).fetchone()
        first_id = interval.first_id if first_id is None else int(first_id)
        made = replace(made, first_id=first_id, last_id=max(first_id, made.last_id))
        made = replace(made, ts_from=begin, ts_to=max(begin, made.ts_to))
    return made


def gaps(
    con: Runs,
    venue: str,
    symbol: str,
    since: dt.datetime,
    until: dt.datetime,
    covered: Sequence[TrustedInterval],
) -> list[Gap]:
    """
    List what ``covered``, the intervals of the window, leaves of it.

    Between two that follow each other there is one where time passed or updates are missing.
    """
    begin, end = utc_naive(since), utc_naive(until)
    asked = {"venue": venue, "symbol": symbol, "since": begin, "until": end}
    before = con.execute(_BEFORE, asked).fetchone()
    after_id, cause = before or (None, BEFORE_FIRST)
    found = []
    for n, interval in enumerate(covered):
        is_next = after_id is not None and interval.first_id - after_id in {0, 1}
        if interval.ts_from > begin or (n > 0 and not is_next):
            found.append(Gap(begin, interval.ts_from, cause, after_id, interval.first_id))
        begin, after_id, cause = interval.ts_to, interval.last_id, interval.ended_by or NOT_YET
    if begin < end:
        found.append(Gap(begin, end, cause, after_id, None))
    return found


def covered_s(con: Runs, venue: str, symbol: str, since: dt.datetime, until: dt.datetime) -> float:
    """Return the seconds of the window that are covered, each once, by our clock."""
    asked = {"venue": venue, "symbol": symbol, "since": utc_naive(since), "until": utc_naive(until)}
    return float(con.execute(_COVERED_S, asked).fetchone()[0])
