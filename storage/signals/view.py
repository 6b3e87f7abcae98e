"""
What may be known of a market at a moment, read from the store: a view of its book, or why there is none.

Only rows received by that moment count, and only of the trusted interval it lies in: nothing from the
future, nothing from across a fault. While an interval grows, the store lags behind the stream: the view is
of the moment until which the store holds all that the books took in or noticed, the ``through`` of
``ingest_batches``, and that moment must not lie further back than a book's last diff may. So what was lost
by then is known to be lost, however far the store lags.

The book is the newest depth snapshot (or seed) with the diffs after it; levels beyond those of the snapshot
are unknown, so where the price has moved past them the best prices of the newest book ticker take their
place; newer than the book by its id, or by receipt where a venue numbers tickers apart. A book whose
interval has ended, or whose last diff is older than asked for, is a `Refusal`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from leadline.book.analytics.signal_features import HISTORY_S, WINDOWS_S, Band, BookView, Deals, Tops
from leadline.book.venues.registry import find_spec
from leadline.storage.access.connect import Connection
from leadline.storage.access.sql import ns_of, utc_naive
from leadline.storage.queries.chain import CLOCK_STEP, GAP, before
from leadline.storage.schema.interval_order import NEWEST_FIRST

# Unchanged best prices are not repeated: the one in force as the history begins may be older than it.
_SLACK = dt.timedelta(seconds=60)
_BAND_AGE = dt.timedelta(seconds=60)  # an older sample of the depth says nothing about now
_ROUNDING = 1e-9  # of a price that was made of a distance in bps
# A seed with more diffs after it than this is not worth unnesting; a snapshot comes every few seconds.
_MOST_DIFFS = 5_000

_INTERVAL = f"""
SELECT epoch, ts_from, ts_to, ended_by FROM coverage
WHERE venue = $venue AND symbol = $symbol AND ts_from <= $at
ORDER BY {NEWEST_FIRST} LIMIT 1
"""  # noqa: S608  a constant of `storage.schema.interval_order`

_THROUGH = """
SELECT through FROM ingest_batches WHERE through IS NOT NULL ORDER BY rowid DESC LIMIT 1
"""

_STATE = """
SELECT to_state, reason, ts FROM book_events
WHERE venue = $venue AND symbol = $symbol AND ts <= $at
ORDER BY ts DESC LIMIT 1
"""

_LAST_DIFF = """
SELECT last_id, ts_recv FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
  AND ts_recv >= CAST($at AS TIMESTAMP) - to_milliseconds($stale_ms) AND ts_recv <= $at
ORDER BY last_id DESC LIMIT 1
"""

_BEFORE = """
SELECT max(ts_recv) FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND ts_recv <= $at
"""

_BASE = """
SELECT last_id, ts, bid_px, bid_qty, ask_px, ask_qty, depth_bps, bid_depth, ask_depth, low, high,
       uncertified
FROM (
    SELECT last_id, ts, bid_px, bid_qty, ask_px, ask_qty, depth_bps, bid_depth, ask_depth,
           mid * (1 - certified_bid_bps / 1e4) AS low,
           CASE WHEN certified_ask_bps < 1e4 THEN mid * (1 + certified_ask_bps / 1e4) END AS high,
           uncertified
    FROM depth_snapshots
    WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND trusted
      AND ts <= $at AND last_id <= $last_id
    UNION ALL
    SELECT last_id, ts_recv, bid_px, bid_qty, ask_px, ask_qty, [], [], [], NULL, NULL, NULL
    FROM seeds
    WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
      AND ts_recv <= $at AND last_id <= $last_id)
ORDER BY last_id DESC, ts DESC LIMIT 1
"""

_DIFFS = f"""
SELECT last_id, bid_px, bid_qty, ask_px, ask_qty, recv_ns, {GAP} AS is_gap
FROM (
    SELECT *, $base_id AS start_id, {before()} AS before_id FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
      AND ts_recv >= $since AND ts_recv <= $at AND last_id > $base_id AND last_id <= $last_id)
ORDER BY last_id LIMIT $most
"""  # noqa: S608  constants of `storage.queries.chain`

_TOPS = """
SELECT recv_ns, update_id, bid_px, bid_qty, ask_px, ask_qty FROM book_tickers
WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv <= $at
ORDER BY update_id, recv_ns
"""

_DEALS = """
SELECT recv_ns, CASE WHEN buyer_is_maker THEN -market_qty ELSE market_qty END AS signed_qty FROM trades
WHERE venue = $venue AND symbol = $symbol AND ts_recv > $since AND ts_recv <= $at AND kind = 'market'
ORDER BY recv_ns
"""

_NEWEST = """
SELECT max(last_id) FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
  AND ts_recv >= CAST($at AS TIMESTAMP) - INTERVAL 1 MINUTE
"""

Outcome: TypeAlias = Literal["refused_untrusted", "refused_stale", "refused_late"]
Levels: TypeAlias = dict[float, float]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing may be said of a book at a moment; ``epoch`` is of its newest interval."""

    outcome: Outcome
    reason: str
    epoch: int | None = None


class _Base(NamedTuple):
    """A row of ``_BASE``: a sample or a seed; its prices are certified from ``low`` to ``high``."""

    last_id: int
    ts: dt.datetime
    bid_px: list[float]
    bid_qty: list[float]
    ask_px: list[float]
    ask_qty: list[float]
    depth_bps: list[float]
    bid_depth: list[float]
    ask_depth: list[float]
    low: float | None
    high: float | None
    uncertified: str | None


class _Diff(NamedTuple):
    """A row of ``_DIFFS``."""

    last_id: int
    bid_px: list[float]
    bid_qty: list[float]
    ask_px: list[float]
    ask_qty: list[float]
    recv_ns: int
    is_gap: bool


def look(
    con: Connection, venue: str, symbol: str, at: dt.datetime, *, stale_s: float
) -> BookView | Refusal:
    """
    Read what may be known at ``at`` (our clock, UTC); the last diff may be ``stale_s`` seconds old.

    The view's own moment, ``at_ns``, is earlier by as much as the store lags, ``stale_s`` at most. Raises
    what the store raises; what speaks against the book is a `Refusal`.
    """
    moment = utc_naive(at)
    where: dict[str, Any] = {"venue": venue, "symbol": symbol, "at": moment}
    interval = con.execute(_INTERVAL, where).fetchone()
    if interval is None:
        return Refusal("refused_untrusted", f"no trusted book of it is stored{_state(con, where)}")
    epoch, ts_from, ts_to, ended_by = interval
    if ended_by is None:
        through = min(moment, durable_through(con) or moment)
        if (lag_s := (moment - through).total_seconds()) > stale_s:
            why = f"the store holds what came until {lag_s:.1f} s before, {stale_s:g} s are allowed"
            return Refusal("refused_stale", why, epoch)
        where["at"] = moment = max(through, ts_from)
    if ended_by is not None and ts_to < moment:
        why = f"not LIVE since {ts_to} UTC: {ended_by}{_state(con, where)}"
        return Refusal("refused_untrusted", why, epoch)
    where["epoch"] = epoch
    last = con.execute(_LAST_DIFF, {**where, "stale_ms": int(stale_s * 1000)}).fetchone()
    if last is None:
        before = con.execute(_BEFORE, where).fetchone()
        newest = before[0] if before and before[0] is not None else ts_from
        age_s = (moment - max(ts_from, newest)).total_seconds()
        if age_s > stale_s:
            why = f"its last update came {age_s:.1f} s before, at most {stale_s:g} s are allowed"
            return Refusal("refused_stale", why, epoch)
        last = (2**63 - 1, newest)  # LIVE by its seed alone, so far
    return _view(con, where, since=ts_from, last_id=int(last[0]))


def durable_through(con: Connection) -> dt.datetime | None:
    """Return until when the store holds all that its stream took in, UTC naive; None if none says so."""
    row = con.execute(_THROUGH).fetchone()
    return None if row is None else row[0]


def is_stored(
    con: Connection, venue: str, symbol: str, *, epoch: int, last_id: int, at: dt.datetime
) -> bool:
    """Tell whether the store holds all until ``at``; of a book, diffs up to ``last_id``, a minute back."""
    moment = utc_naive(at)
    where = {"venue": venue, "symbol": symbol, "epoch": epoch, "at": moment}
    row = con.execute(_NEWEST, where).fetchone()
    if row is None or row[0] is None or int(row[0]) < last_id:
        return False
    through = durable_through(con)
    return through is None or through >= moment


def _state(con: Connection, where: dict[str, Any]) -> str:
    for state, reason, since in con.execute(_STATE, _market(where)).fetchall():
        return f"; the book is {state} ({reason}) since {since} UTC"
    return ""


def _view(
    con: Connection, where: dict[str, Any], *, since: dt.datetime, last_id: int
) -> BookView | Refusal:
    epoch, moment = where["epoch"], where["at"]
    row = con.execute(_BASE, {**where, "last_id": last_id}).fetchone()
    if row is None:
        return Refusal("refused_untrusted", "the seed of its epoch is not in the store", epoch)
    base = _Base(*row)
    chosen = {**where, "since": base.ts - CLOCK_STEP, "base_id": base.last_id, "last_id": last_id}
    diffs = [_Diff(*diff) for diff in con.execute(_DIFFS, {**chosen, "most": _MOST_DIFFS}).fetchall()]
    if (hole := next((diff.last_id for diff in diffs if diff.is_gap), None)) is not None:
        return Refusal("refused_untrusted", f"stored diffs have a hole before update {hole}", epoch)
    at_id, at_ns = (diffs[-1].last_id, diffs[-1].recv_ns) if diffs else (base.last_id, ns_of(base.ts))
    tops, top_id = _tops(con, where, since)
    changes = [(diff.bid_px, diff.bid_qty) for diff in diffs]
    bids = _side(base.bid_px, base.bid_qty, changes, base.low, is_bid=True)
    changes = [(diff.ask_px, diff.ask_qty) for diff in diffs]
    asks = _side(base.ask_px, base.ask_qty, changes, base.high, is_bid=False)
    same_ids = _has_same_ids(where["venue"])
    is_newer = top_id > at_id if same_ids else _is_later(tops, at_ns)
    if len(tops.ts_ns) and (is_newer or not bids or not asks or len(diffs) == _MOST_DIFFS):
        bids, asks = _under(bids, tops, is_bid=True), _under(asks, tops, is_bid=False)
        at_id = top_id if same_ids else at_id
    if not bids or not asks:
        return Refusal("refused_untrusted", "a side of the book is empty or unknown", epoch)
    if bids[0][0] >= asks[0][0]:
        crossed = f"crossed after update {at_id}: bid {bids[0][0]!r}, ask {asks[0][0]!r}"
        return Refusal("refused_untrusted", crossed, epoch)
    return BookView(
        at_ns=ns_of(moment),
        since_ns=ns_of(since),
        last_id=at_id,
        epoch=int(epoch),
        bid_px=np.array([price for price, _ in bids]),
        bid_qty=np.array([qty for _, qty in bids]),
        ask_px=np.array([price for price, _ in asks]),
        ask_qty=np.array([qty for _, qty in asks]),
        tops=tops,
        deals=_deals(con, where, since),
        bands=_bands(base, moment),
        uncertified=base.uncertified or "",
    )


def _side(
    prices: Sequence[float],
    qtys: Sequence[float],
    changes: Sequence[tuple[Any, Any]],
    certified: float | None,
    *,
    is_bid: bool,
) -> list[tuple[float, float]]:
    """
    Apply changes to a side; only levels inside what the base knew, or better, are kept, best first.

    What it knew ends at the price to which it was ``certified``. The best level stays in any case.
    """
    if not prices:
        return []
    edge = prices[-1]
    if certified is not None:
        near = certified * (1 - _ROUNDING if is_bid else 1 + _ROUNDING)
        edge = min(max(edge, near), prices[0]) if is_bid else max(min(edge, near), prices[0])
    levels = {
        price: qty
        for price, qty in zip(prices, qtys, strict=True)
        if (price >= edge if is_bid else price <= edge)
    }
    for changed, to in changes:
        for price, qty in zip(changed, to, strict=True):
            if price < edge if is_bid else price > edge:
                continue
            if qty:
                levels[price] = qty
            else:
                levels.pop(price, None)
    return sorted(levels.items(), reverse=is_bid)


def _under(side: list[tuple[float, float]], tops: Tops, *, is_bid: bool) -> list[tuple[float, float]]:
    """Put a side beneath the newest best price: what is better is gone, what is worse stays in force."""
    best = (tops.bid_px[-1], tops.bid_qty[-1]) if is_bid else (tops.ask_px[-1], tops.ask_qty[-1])
    top = (float(best[0]), float(best[1]))
    known = side and (side[-1][0] <= top[0] if is_bid else side[-1][0] >= top[0])
    if not known:
        return [top]
    return [top, *(level for level in side if (level[0] < top[0] if is_bid else level[0] > top[0]))]


def _tops(con: Connection, where: dict[str, Any], since: dt.datetime) -> tuple[Tops, int]:
    """Read the best prices of the interval, as far back as figures look, and the id of the newest."""
    history = where["at"] - dt.timedelta(seconds=HISTORY_S) - _SLACK
    rows = con.execute(_TOPS, {**_market(where), "since": max(since, history)}).arrow()
    told = {name: rows.column(name).to_numpy() for name in rows.column_names}
    ids, sides = told["update_id"], ("bid_px", "bid_qty", "ask_px", "ask_qty")
    tops = Tops(told["recv_ns"].astype(np.int64), *(told[name].astype(np.float64) for name in sides))
    return tops, int(ids[-1]) if len(ids) else -1


def _has_same_ids(venue: str) -> bool:
    """Whether tickers and diffs of a venue are numbered together."""
    spec = find_spec(venue)
    return spec is None or spec.same_ids


def _is_later(tops: Tops, recv_ns: int) -> bool:
    """Whether the newest best prices were received after ``recv_ns``."""
    return bool(len(tops.ts_ns) and tops.ts_ns[-1] > recv_ns)


def _deals(con: Connection, where: dict[str, Any], since: dt.datetime) -> Deals:
    longest = where["at"] - dt.timedelta(seconds=max(WINDOWS_S))
    rows = con.execute(_DEALS, {**_market(where), "since": max(since, longest)}).arrow()
    recv_ns, signed_qty = rows.column("recv_ns").to_numpy(), rows.column("signed_qty").to_numpy()
    return Deals(recv_ns.astype(np.int64), signed_qty.astype(np.float64))


def _market(where: dict[str, Any]) -> dict[str, Any]:
    return {name: where[name] for name in ("venue", "symbol", "at")}


def _bands(base: _Base, moment: dt.datetime) -> tuple[Band, ...]:
    if moment - base.ts > _BAND_AGE:
        return ()
    age_s = (moment - base.ts).total_seconds()
    bands = zip(base.depth_bps, base.bid_depth, base.ask_depth, strict=True)
    return tuple(Band(width, bid, ask, age_s) for width, bid, ask in bands)
