"""Decisions and what followed them as columns to be scored, and what could not be scored, counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.book.analytics.direction import SIGNS
from leadline.book.scores.scoring import Calls, Who, thirds
from leadline.storage.access.sql import utc_naive

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

MOST_ROWS = 400_000  # of one horizon, the newest: some hundred MB

_VENUES = """
SELECT DISTINCT venue FROM signals WHERE ts >= $since AND ts <= $now ORDER BY venue
"""

# The hash tells apart two wordings of one version: only what was asked alike is scored together.
_PROMPT = "coalesce(s.prompt_version || coalesce('#' || left(s.prompt_hash, 6), ''), '')"

_CALLS = f"""
SELECT s.kind, s.lineage, {_PROMPT} AS prompt, s.symbol, s.direction,
       epoch_us(s.ts) * 1000 AS ts_ns, epoch_us(l.ts_start) * 1000 AS start_ns,
       coalesce(s.confidence, 'nan'::DOUBLE) AS confidence, l.return_bps,
       l.half_spread_start_bps + l.half_spread_end_bps AS half_spreads_bps,
       CAST(coalesce(s.cost_usd, 0) AS DOUBLE) AS cost_usd,
       coalesce(TRY_CAST(json_extract_string(s.features, '$.volatility_60s_bps') AS DOUBLE), 'nan'::DOUBLE)
           AS volatility,
       coalesce(TRY_CAST(json_extract_string(s.features, '$.spread_bps') AS DOUBLE), 'nan'::DOUBLE)
           AS spread
FROM signals s JOIN labels l
  ON l.venue = s.venue AND l.symbol = s.symbol AND l.ts_start = greatest(s.ts, coalesce(s.ts_arrival, s.ts))
WHERE s.venue = $venue AND s.outcome = 'ok' AND s.kind <> 'rescore' AND s.ts >= $since AND s.ts <= $now
  AND l.status = 'ok' AND l.horizon_s = $horizon_s
ORDER BY s.ts DESC, s.signal_id LIMIT $most
"""  # noqa: S608  constants of this module

_COUNTS = f"""
SELECT s.kind, s.lineage, {_PROMPT} AS prompt, s.symbol,
       count(*) FILTER (WHERE s.outcome = 'ok') AS ok,
       count(*) FILTER (WHERE s.outcome = 'abstained') AS abstained,
       count(*) FILTER (WHERE s.outcome = 'invalid') AS invalid,
       count(*) FILTER (WHERE s.outcome LIKE 'refused%') AS refused,
       count(*) FILTER (WHERE s.outcome NOT IN ('ok', 'abstained', 'invalid')
                          AND s.outcome NOT LIKE 'refused%') AS errors,
       count(*) FILTER (WHERE l.status <> 'ok') AS dropped,
       count(*) FILTER (WHERE s.outcome = 'ok' AND l.status IS NULL) AS waiting,
       CAST(coalesce(sum(s.cost_usd) FILTER (WHERE s.outcome <> 'ok'), 0) AS DOUBLE) AS lost_usd
FROM signals s LEFT JOIN labels l
  ON l.venue = s.venue AND l.symbol = s.symbol AND l.ts_start = greatest(s.ts, coalesce(s.ts_arrival, s.ts))
 AND l.horizon_s = $horizon_s AND s.outcome = 'ok'
WHERE s.venue = $venue AND s.kind <> 'rescore' AND s.ts >= $since AND s.ts <= $now
GROUP BY ALL
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Counts:
    """What stands beside a score: decisions by what came of them; USD that bought no direction."""

    ok: int = 0
    abstained: int = 0
    invalid: int = 0
    refused: int = 0
    errors: int = 0
    dropped: int = 0
    waiting: int = 0
    lost_usd: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))


def _values(one: Counts) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in Counts.__slots__)


@dataclass(frozen=True, slots=True)
class Horizon:
    """Everything about one venue and horizon; ``counts`` by who and symbol."""

    calls: Calls
    counts: dict[tuple[Who, str], Counts]

    def beside(self, who: Who, symbol: str | None = None) -> Counts:
        """Sum up what stands beside a score; ``symbol`` None: all of them."""
        found = (c for (w, s), c in self.counts.items() if w == who and symbol in {None, s})
        return sum(found, Counts())


def venues(con: Connection, *, since: dt.datetime, now: dt.datetime) -> list[str]:
    """List the venues that anything was decided about."""
    given = {"since": utc_naive(since), "now": utc_naive(now)}
    return [str(venue) for (venue,) in con.execute(_VENUES, given).fetchall()]


def read(con: Connection, venue: str, *, horizon_s: int, since: dt.datetime, now: dt.datetime) -> Horizon:
    """
    Read the decisions of a venue with what followed them; of very many the newest.

    What calls without a direction cost is spread over those of the same model and prompt that have one.
    """
    where = {"venue": venue, "horizon_s": horizon_s, "since": utc_naive(since), "now": utc_naive(now)}
    counts = {
        (Who(kind, lineage, prompt), symbol): Counts(*counted)
        for kind, lineage, prompt, symbol, *counted in con.execute(_COUNTS, where).fetchall()
    }
    found = con.execute(_CALLS, {**where, "most": MOST_ROWS}).arrow()
    given = {name: found.column(name) for name in found.column_names}
    names = zip(*(given[name].to_pylist() for name in ("kind", "lineage", "prompt")), strict=True)
    who, whos = _coded([Who(*one) for one in names])
    symbol, symbols = _coded(given["symbol"].to_pylist())
    calls = Calls(
        horizon_s=float(horizon_s),
        whos=whos,
        symbols=symbols,
        who=who,
        symbol=symbol,
        ts_ns=given["ts_ns"].to_numpy().astype(np.int64),
        start_ns=given["start_ns"].to_numpy().astype(np.int64),
        volatility=_thirds(given["volatility"].to_numpy(), symbol),
        spread=_thirds(given["spread"].to_numpy(), symbol),
        sign=np.array([SIGNS[word] for word in given["direction"].to_pylist()], np.float64),
        confidence=given["confidence"].to_numpy().astype(np.float64),
        return_bps=given["return_bps"].to_numpy().astype(np.float64),
        half_spreads_bps=given["half_spreads_bps"].to_numpy().astype(np.float64),
        cost_usd=given["cost_usd"].to_numpy().astype(np.float64),
    )
    horizon = Horizon(calls, counts)
    lost = np.array([_lost(horizon.beside(one)) for one in whos])
    calls.cost_usd.flags.writeable = True
    if len(calls):
        calls.cost_usd[:] += lost[who]
    return horizon


def _lost(beside: Counts) -> float:
    return beside.lost_usd / beside.ok if beside.ok else 0.0


def _coded(values: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Give each different value a number, in the order of their first coming."""
    codes = {value: n for n, value in enumerate(dict.fromkeys(values))}
    return np.array([codes[value] for value in values], np.int64), tuple(codes)


def _thirds(values: Any, symbol: Any) -> Any:
    """Tell the third of each value among those of its symbol."""
    told = np.full(len(values), -1, np.int64)
    for code in np.unique(symbol):
        rows = symbol == code
        told[rows] = thirds(values[rows].astype(np.float64))
    return told
