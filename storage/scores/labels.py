"""
Labels: for each decision with a direction what the market did after it, written once its window has closed.

Which windows have no row yet is asked of the store, so a run that dies, or does not come for a day, leaves
nothing out and does nothing twice. Several horizons of several models share a row where their answers came
at the same instant. The rule itself is `book.scores.labels`.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from leadline.book.scores.labels import MOST_AGE_NS, Covered, Label, Quotes, joined, label
from leadline.storage.access.sql import ns_of, utc_naive

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

# What was received by the end of a window is stored a flush later, or some seconds where one stream takes
# over from another.
GRACE = dt.timedelta(seconds=30)
CHUNK = dt.timedelta(hours=1)  # of best prices read at once; a busy symbol has tens of thousands in it

# A window opens when the answer was there; a clock set back meanwhile must not open it before the decision.
_DUE = """
WITH starts AS (
    SELECT DISTINCT venue, symbol, greatest(ts, coalesce(ts_arrival, ts)) AS ts_start FROM signals
    WHERE outcome = 'ok' AND kind <> 'rescore' AND ts >= $since AND ts <= $now
), windows AS (
    SELECT venue, symbol, ts_start, unnest(CAST($horizons AS BIGINT[])) AS horizon_s FROM starts
)
SELECT venue, symbol, ts_start, horizon_s FROM windows w
WHERE ts_start + to_seconds(horizon_s) <= $now AND NOT EXISTS (
    SELECT 1 FROM labels l WHERE l.venue = w.venue AND l.symbol = w.symbol AND l.ts_start = w.ts_start
      AND l.horizon_s = w.horizon_s)
ORDER BY venue, symbol, ts_start, horizon_s
"""

# Of intervals that ended long ago nothing is needed but the ones windows may lie in.
_COVERED = """
SELECT epoch_us(ts_from) * 1000, epoch_us(ts_to) * 1000, first_id, last_id, ended_by FROM coverage
WHERE venue = $venue AND symbol = $symbol AND (ts_to >= $since OR ended_by IS NULL) AND ts_from <= $until
ORDER BY ts_from
"""

# Two connections may carry the same best prices, the slower one late: what is older by its id says nothing.
_QUOTES = """
SELECT recv_ns, update_id, bid_px, ask_px FROM (
    SELECT *, max(update_id) OVER (ORDER BY recv_ns, update_id) AS newest FROM book_tickers
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv <= $until)
WHERE update_id = newest ORDER BY recv_ns, update_id
"""

_SCHEMA = pa.schema(
    [
        ("venue", pa.string()),
        ("symbol", pa.string()),
        ("ts_start", pa.timestamp("us")),
        ("horizon_s", pa.int64()),
        ("status", pa.string()),
        *((name, pa.float64()) for name in ("mid_start", "mid_end", "return_bps")),
        *((name, pa.float64()) for name in ("half_spread_start_bps", "half_spread_end_bps")),
        ("start_id", pa.int64()),
        ("end_id", pa.int64()),
    ]
)


class _Window(NamedTuple):
    """A row of ``_DUE``."""

    venue: str
    symbol: str
    ts_start: dt.datetime
    horizon_s: int


def write_labels(
    con: Connection,
    *,
    now: dt.datetime,
    since: dt.datetime,
    horizons_s: Sequence[int],
    tick: Callable[[], None] | None = None,
) -> Counter[str]:
    """
    Label every window of decisions from ``since`` on that closed `GRACE` before ``now``; count by status.

    ``tick`` is called after each market and hour. May run while a stream writes.
    """
    asked = {"since": utc_naive(since), "now": utc_naive(now - GRACE), "horizons": list(horizons_s)}
    due = [_Window(*row) for row in con.execute(_DUE, asked).fetchall()]
    counted: Counter[str] = Counter()
    for (venue, symbol, _), windows in itertools.groupby(due, _market_and_chunk):
        made = list(_labelled(con, venue, symbol, [(one.ts_start, int(one.horizon_s)) for one in windows]))
        if made:
            con.append("labels", _table(venue, symbol, made))
            counted.update(one.status for one in made)
        if tick is not None:
            tick()
    return counted


def _market_and_chunk(window: _Window) -> tuple[str, str, int]:
    since_s = window.ts_start.replace(tzinfo=dt.UTC).timestamp()
    return window.venue, window.symbol, int(since_s // CHUNK.total_seconds())


def _labelled(
    con: Connection, venue: str, symbol: str, windows: Sequence[tuple[dt.datetime, int]]
) -> Iterator[Label]:
    """Yield the labels of windows of one market, oldest first; those not known yet are left out."""
    first = windows[0][0]
    last = max(start + dt.timedelta(seconds=horizon_s) for start, horizon_s in windows)
    where = {"venue": venue, "symbol": symbol, "until": last}
    intervals = con.execute(_COVERED, {**where, "since": first}).fetchall()
    covered = joined(Covered(int(a), int(z), int(i), int(k), why) for a, z, i, k, why in intervals)
    earliest = first - dt.timedelta(microseconds=MOST_AGE_NS // 1000)
    quotes = _quotes(con, {**where, "since": earliest})
    for start, horizon_s in windows:
        made = label(ns_of(start), horizon_s, covered, quotes)
        if made is not None:
            yield made


def _quotes(con: Connection, where: dict[str, Any]) -> Quotes:
    found = con.execute(_QUOTES, where).arrow()
    recv_ns, update_id, bid_px, ask_px = (found.column(n).to_numpy() for n in range(4))
    return Quotes(
        recv_ns.astype(np.int64),
        update_id.astype(np.int64),
        bid_px.astype(np.float64),
        ask_px.astype(np.float64),
    )


def _table(venue: str, symbol: str, made: Sequence[Label]) -> pa.Table:
    shown = [name for name in _SCHEMA.names if name not in {"venue", "symbol", "ts_start"}]
    columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in made] for name in shown}
    columns["venue"] = [venue] * len(made)
    columns["symbol"] = [symbol] * len(made)
    columns["ts_start"] = [one.start_ns // 1000 for one in made]
    arrays = [
        pa.array(columns[field.name], pa.int64()).cast(field.type)
        if field.name == "ts_start"
        else pa.array(columns[field.name], field.type)
        for field in _SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)
