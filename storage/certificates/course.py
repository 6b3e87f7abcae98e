"""The course of a market through a window, in buckets of time: what plots are drawn from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.storage.access.sql import Runs, run_sql
from leadline.storage.certificates.figures import SAMPLES

BUCKETS_S = (1, 5, 15, 60)
MOST_BUCKETS = 1440

_SPAN = """
SELECT min(a), max(z) FROM (
    SELECT min(ts_recv) AS a, max(ts_recv) AS z FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
    UNION ALL SELECT min(ts), max(ts) FROM book_events
    WHERE venue = $venue AND symbol = $symbol AND ts >= $since AND ts < $until)
"""

_DIFFS = """
SELECT epoch(time_bucket(to_seconds($step), ts_recv)) AS at_s, count(*) / $step AS diffs_per_s,
       quantile_cont(to_book_ns, 0.5) / 1e3 AS to_book_p50_us,
       quantile_cont(to_book_ns, 0.99) / 1e3 AS to_book_p99_us
FROM depth_diffs WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
GROUP BY ALL ORDER BY at_s
"""

_SPREAD = """
SELECT epoch(time_bucket(to_seconds($step), ts_recv)) AS at_s,
       median(2e4 * (ask_px - bid_px) / (ask_px + bid_px)) AS p50_bps,
       max(2e4 * (ask_px - bid_px) / (ask_px + bid_px)) AS most_bps
FROM book_tickers WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
  AND bid_px > 0 AND ask_px > 0
GROUP BY ALL ORDER BY at_s
"""

_DEPTH = (
    SAMPLES
    + """
SELECT epoch(time_bucket(to_seconds($step), ts)) AS at_s, median(mid) AS mid,
       median(bid_depth) FILTER (is_certified) AS bid,
       median(ask_depth) FILTER (is_certified) AS ask
FROM samples WHERE band_bps = $band GROUP BY ALL ORDER BY at_s
"""
)

_MINUTES = """
SELECT epoch(minute) AS at_s, checked, mismatches, is_trusted, why, network_p50_us, queue_p50_us,
       decode_p50_us, apply_p50_us, durable_p50_us FROM trust
WHERE venue = $venue AND symbol = $symbol AND minute >= $since AND minute < $until ORDER BY minute
"""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """
    Columns by name for each matter, with ``at_s`` (seconds since 1970 UTC) the start of each bucket.

    ``span_s`` is from the first to the last sign of life, None where there is none; ``minutes`` are rows
    of the view ``trust``.
    """

    span_s: tuple[float, float] | None
    step_s: int
    diffs: dict[str, NDArray[np.float64]]
    spread: dict[str, NDArray[np.float64]]
    depth: dict[str, NDArray[np.float64]]
    minutes: list[dict[str, Any]]


def course(con: Runs, window: dict[str, Any], *, band_bps: float | None) -> Course:
    """Read the course of a window; ``band_bps`` is the band whose depth is drawn, None for none."""
    first, last = con.execute(_SPAN, window).fetchone()
    span = None if first is None else (_seconds(first), _seconds(last))
    step = next((s for s in BUCKETS_S if span and (span[1] - span[0]) / s <= MOST_BUCKETS), BUCKETS_S[-1])
    stepped = {**window, "step": step}
    return Course(
        span_s=span,
        step_s=step,
        diffs=_columns(con, _DIFFS, stepped),
        spread=_columns(con, _SPREAD, stepped),
        depth={} if band_bps is None else _columns(con, _DEPTH, {**stepped, "band": band_bps}),
        minutes=run_sql(con, _MINUTES, window).dicts(),
    )


def _seconds(moment: dt.datetime) -> float:
    return moment.replace(tzinfo=dt.UTC).timestamp()


def _columns(con: Runs, statement: str, params: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Return columns of numbers, NULL as NaN."""
    answer = run_sql(con, statement, params)
    columns = zip(*answer.rows, strict=True) if answer.rows else [()] * len(answer.columns)
    return {
        name: np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
        for name, values in zip(answer.columns, columns, strict=True)
    }
