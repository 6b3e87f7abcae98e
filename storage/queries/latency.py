"""Where the time went between the venue and a durable row: stages of the table ``latency`` summed up."""

from __future__ import annotations

import datetime as dt
from typing import Any

from leadline.storage.access.sql import Runs, run_sql, utc_naive

STAGES = ("network", "queue", "decode", "apply", "durable")  # in order

_STAGES = """
SELECT sum(diffs)::BIGINT AS diffs,
       round(median(network_p50_us), 2) AS network_p50_us,
       round(max(network_p99_us), 2) AS network_p99_us,
       round(max(network_error_us), 2) AS network_error_us,
       round(median(queue_p50_us), 2) AS queue_p50_us, round(max(queue_p99_us), 2) AS queue_p99_us,
       round(median(decode_p50_us), 2) AS decode_p50_us, round(max(decode_p99_us), 2) AS decode_p99_us,
       round(median(apply_p50_us), 2) AS apply_p50_us, round(max(apply_p99_us), 2) AS apply_p99_us,
       round(median(durable_p50_us), 2) AS durable_p50_us, round(max(durable_p99_us), 2) AS durable_p99_us
FROM latency
WHERE minute >= date_trunc('minute', $since::TIMESTAMP) AND minute < $until
  AND venue = coalesce($venue, venue) AND symbol = coalesce($symbol, symbol)
"""


def stages(
    con: Runs,
    since: dt.datetime,
    until: dt.datetime,
    *,
    venue: str | None = None,
    symbol: str | None = None,
) -> dict[str, Any]:
    """
    Return for each of `STAGES` the median of the minutes' medians and the worst minute's p99, in µs.

    Minutes that begin before ``until`` and end after ``since`` (UTC) count, of all books that fit.
    """
    window = {"since": utc_naive(since), "until": utc_naive(until), "venue": venue, "symbol": symbol}
    (row,) = run_sql(con, _STAGES, window).dicts()
    return row
