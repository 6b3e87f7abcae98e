"""
The book at any stored moment, by SQL: a seed, and the diffs after it up to the moment.

Only inside trusted coverage. The diffs found must chain from the seed without a hole, by the venue's own
rule, or the answer is an error; a book that cannot be vouched for is not shown.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from leadline.book.errors import BadInput
from leadline.storage.access.sql import EPOCH, Runs, utc_naive
from leadline.storage.errors import NoTrustedBook, StoreError
from leadline.storage.queries.chain import CLOCK_STEP, FUTURE, GAP, before
from leadline.storage.queries.coverage import INTERVAL, TrustedInterval
from leadline.storage.schema.interval_order import NEWEST_FIRST

PriceLevel: TypeAlias = tuple[Decimal, Decimal]

# Ends that say nothing against the last book: we stopped reading, the market did not leave us.
OWN_ENDS = frozenset(
    {"stopped", "cancelled", "handover", "end_of_recording", "rotated", "crash", "imported"}
)

_VENUES = "SELECT DISTINCT venue FROM coverage WHERE symbol = $symbol ORDER BY venue"

_INTERVAL = f"""
SELECT {INTERVAL} FROM coverage
WHERE symbol = $symbol AND venue = $venue AND $which
ORDER BY {NEWEST_FIRST} LIMIT 1
"""  # noqa: S608  constants of `storage.queries.coverage` and `storage.schema.interval_order`
_INTERVAL_AT = _INTERVAL.replace("$which", "ts_from <= $at AND ts_to >= $at")
_INTERVAL_AT_ID = _INTERVAL.replace("$which", "first_id <= $at AND last_id >= $at")
_INTERVAL_LAST = _INTERVAL.replace("$which", "true")

_NEIGHBOURS = """
SELECT 'before' AS place, ts_from, ts_to, first_id, last_id, ended_by FROM (
    SELECT * FROM coverage
    WHERE symbol = $symbol AND venue = $venue
      AND (ts_to < CAST($at AS TIMESTAMP) OR last_id < CAST($at_id AS BIGINT))
    ORDER BY CASE WHEN CAST($at AS TIMESTAMP) IS NULL THEN last_id ELSE epoch_us(ts_to) END DESC LIMIT 1)
UNION ALL
SELECT 'after', ts_from, ts_to, first_id, last_id, ended_by FROM (
    SELECT * FROM coverage
    WHERE symbol = $symbol AND venue = $venue
      AND (ts_from > CAST($at AS TIMESTAMP) OR first_id > CAST($at_id AS BIGINT))
    ORDER BY CASE WHEN CAST($at AS TIMESTAMP) IS NULL THEN first_id ELSE epoch_us(ts_from) END LIMIT 1)
"""

_SEED = """
SELECT last_id, ts_recv FROM seeds
WHERE symbol = $symbol AND venue = $venue AND epoch = $epoch
  AND last_id <= $until_id AND (source = 'venue' OR ts_recv <= $until_ts)
ORDER BY last_id DESC LIMIT 1
"""

# Where the book stood at ``until_ts``, and the first diff before which updates are missing. It stood at
# ``from_id`` at least, whatever our clock said as that was received.
_CHAIN = f"""
WITH chain AS (
    SELECT first_id, last_id, prev_id, ts_recv, $seed_id AS start_id, {before()} AS before_id
    FROM depth_diffs
    WHERE symbol = $symbol AND venue = $venue AND epoch = $epoch
      AND ts_recv >= $rows_from AND ts_recv <= $rows_to AND last_id > $seed_id AND last_id <= $until_id
)
SELECT max(last_id) FILTER (WHERE ts_recv <= $until_ts OR last_id <= $from_id),
       arg_max(ts_recv, last_id) FILTER (WHERE ts_recv <= $until_ts OR last_id <= $from_id),
       min(last_id) FILTER (WHERE {GAP})
FROM chain
"""  # noqa: S608  constants of `storage.queries.chain`

# Our clock was set within the epoch: no bound of receipt holds its rows.
_STEPPED = """
SELECT count(*) FROM coverage
WHERE symbol = $symbol AND venue = $venue AND epoch = $epoch AND ended_by = 'clock_step'
"""

# `pos` orders levels within a diff: of a price named twice the last one counts.
_LEVELS = """
WITH diffs AS (
    SELECT last_id - $seed_id AS age, bid_px, bid_qty, ask_px, ask_qty
    FROM depth_diffs
    WHERE symbol = $symbol AND venue = $venue AND epoch = $epoch
      AND ts_recv >= $rows_from AND ts_recv <= $rows_to AND last_id > $seed_id AND last_id <= $until_id
    UNION ALL
    SELECT 0, bid_px, bid_qty, ask_px, ask_qty
    FROM seeds
    WHERE symbol = $symbol AND venue = $venue AND epoch = $epoch AND last_id = $seed_id
), changes AS (
    SELECT age, true AS is_bid, unnest(bid_px) AS price, unnest(bid_qty) AS qty,
           generate_subscripts(bid_px, 1) AS pos
    FROM diffs
    UNION ALL
    SELECT age, false, unnest(ask_px), unnest(ask_qty), generate_subscripts(ask_px, 1)
    FROM diffs
), book AS (
    SELECT is_bid, price, arg_max(qty, age * 1048576 + pos) AS qty
    FROM changes GROUP BY ALL
)
"""

BOOK = """
$levels
SELECT is_bid, price, qty FROM book WHERE qty > 0 ORDER BY is_bid, price
""".replace("$levels", _LEVELS)

_STORE_SEED = """
INSERT INTO seeds BY NAME
$levels
SELECT CAST($venue AS VARCHAR) AS venue, CAST($symbol AS VARCHAR) AS symbol,
       CAST($epoch AS BIGINT) AS epoch, CAST($last_id AS BIGINT) AS last_id, 'rebuilt' AS source,
       CAST($as_of AS TIMESTAMP) AS ts_recv, epoch_ns(CAST($as_of AS TIMESTAMP)) AS recv_ns,
       coalesce(list(price ORDER BY price DESC) FILTER (is_bid), []) AS bid_px,
       coalesce(list(qty ORDER BY price DESC) FILTER (is_bid), []) AS bid_qty,
       coalesce(list(price ORDER BY price) FILTER (NOT is_bid), []) AS ask_px,
       coalesce(list(qty ORDER BY price) FILTER (NOT is_bid), []) AS ask_qty
FROM book WHERE qty > 0
""".replace("$levels", _LEVELS)


@dataclass(frozen=True, slots=True)
class StoredBook:
    """
    A book as it stood after update ``last_id``, received at ``as_of`` (UTC); best levels first.

    ``ended_by`` is the reason its interval ended, None while the interval grows.
    """

    venue: str
    symbol: str
    epoch: int
    last_id: int
    as_of: dt.datetime
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class EpochBook:
    """The book of one epoch after update ``last_id``, in stored doubles; best levels first."""

    last_id: int
    as_of: dt.datetime  # UTC without zone
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Span:
    """Which diffs make the book, as parameters, and where they lead."""

    params: dict[str, object]
    last_id: int
    as_of: dt.datetime


@dataclass(frozen=True, slots=True)
class _Stands:
    """A row of ``_CHAIN``: where a book stood, None at its seed, and before which id there is a hole."""

    last_id: int | None
    as_of: dt.datetime | None
    broken_at: int | None

    def hole(self, seed_id: int) -> int | None:
        """Return ``broken_at`` where the book needs what is missing there."""
        stands_at = seed_id if self.last_id is None else self.last_id
        return self.broken_at if self.broken_at is not None and self.broken_at <= stands_at else None


def book_at(
    con: Runs,
    symbol: str,
    *,
    venue: str | None = None,
    at: dt.datetime | None = None,
    at_id: int | None = None,
    levels: int | None = None,
) -> StoredBook:
    """
    Rebuild the book of ``symbol`` at a moment of our clock, after an update id, or the latest there is.

    ``at`` without a zone is UTC. An id inside a diff gives the book after the diff before it: see
    ``last_id`` of the answer. ``levels`` cuts both sides. Raises `NoTrustedBook`, `BadInput` when
    several venues have the symbol and none was named, `StoreError` when stored diffs have a hole.
    """
    if at is not None and at_id is not None:
        raise BadInput("give a time or an id, not both")
    where: dict[str, object] = {"symbol": symbol, "venue": _venue(con, symbol, venue)}
    moment = utc_naive(at) if at is not None else None
    interval = _interval(con, where, moment, at_id)
    span = _span(
        con,
        {**where, "epoch": interval.epoch},
        from_id=interval.first_id if at_id is None else min(interval.first_id, at_id),
        until_id=interval.last_id if at_id is None else at_id,
        until_ts=FUTURE if moment is None else moment,
    )
    if moment is None and at_id is None and span.last_id != interval.last_id:
        raise StoreError(f"{symbol}: diffs end at {span.last_id}, coverage at {interval.last_id}")
    bids, asks = _sides(con, span)
    return StoredBook(
        venue=str(where["venue"]),
        symbol=symbol,
        epoch=interval.epoch,
        last_id=span.last_id,
        as_of=span.as_of.replace(tzinfo=dt.UTC),
        bids=tuple((exact(price), exact(qty)) for price, qty in bids[:levels]),
        asks=tuple((exact(price), exact(qty)) for price, qty in asks[:levels]),
        ended_by=interval.ended_by,
    )


def book_of_epoch(
    con: Runs, venue: str, symbol: str, epoch: int, *, until_id: int, until_ts: dt.datetime | None = None
) -> EpochBook:
    """
    Rebuild the book of one epoch after ``until_id``, or as received up to ``until_ts`` (UTC).

    Raises `StoreError` when the epoch cannot be followed that far.
    """
    span = _span(
        con,
        {"venue": venue, "symbol": symbol, "epoch": epoch},
        until_id=until_id,
        until_ts=FUTURE if until_ts is None else utc_naive(until_ts),
    )
    return EpochBook(span.last_id, span.as_of, *_sides(con, span))


def store_seed(con: Runs, venue: str, symbol: str, epoch: int, until_id: int) -> int:
    """
    Keep the book after ``until_id`` as a seed, so that what came before it may go; return its id.

    Raises `StoreError` when the epoch cannot be followed that far.
    """
    span = _span(
        con,
        {"venue": venue, "symbol": symbol, "epoch": epoch},
        until_id=until_id,
        until_ts=FUTURE,
    )
    con.execute(_STORE_SEED, {**span.params, "as_of": span.as_of, "last_id": span.last_id})
    return span.last_id


def _sides(con: Runs, span: _Span) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    rows = con.execute(BOOK, span.params).fetchall()
    bids = [(price, qty) for is_bid, price, qty in reversed(rows) if is_bid]
    return bids, [(price, qty) for is_bid, price, qty in rows if not is_bid]


def exact(value: float) -> Decimal:
    """Give a stored double back as the venue's decimal; exact up to 15 significant digits."""
    return Decimal(repr(value)) if value % 1 else Decimal(int(value))


def _venue(con: Runs, symbol: str, venue: str | None) -> str:
    if venue is not None:
        return venue
    venues = [name for (name,) in con.execute(_VENUES, {"symbol": symbol}).fetchall()]
    if not venues:
        raise NoTrustedBook(f"{symbol}: no trusted book was ever stored")
    if len(venues) > 1:
        raise BadInput(f"{symbol} is stored for {', '.join(venues)}: say which venue")
    return str(venues[0])


def _interval(
    con: Runs, where: dict[str, object], moment: dt.datetime | None, at_id: int | None
) -> TrustedInterval:
    if moment is not None:
        row = con.execute(_INTERVAL_AT, {**where, "at": moment}).fetchone()
    elif at_id is not None:
        row = con.execute(_INTERVAL_AT_ID, {**where, "at": at_id}).fetchone()
    else:
        row = con.execute(_INTERVAL_LAST, where).fetchone()
    if row is None:
        raise NoTrustedBook(_explain(con, where, moment, at_id))
    interval = TrustedInterval(*row)
    if moment is None and at_id is None and interval.ended_by not in {None, *OWN_ENDS}:
        raise NoTrustedBook(
            f"{where['symbol']}: no trusted book now; the last interval ended by {interval.ended_by} "
            f"at {interval.ts_to} after update {interval.last_id} and no new one has begun; "
            f"ask for that moment to see it"
        )
    return interval


def _explain(con: Runs, where: dict[str, object], moment: dt.datetime | None, at_id: int | None) -> str:
    """Say what lies around a moment that no interval covers."""
    asked = f"at {moment} UTC" if moment is not None else f"at update {at_id}"
    told = [f"{where['symbol']}: no trusted book {asked if moment or at_id is not None else 'was stored'}"]
    rows = con.execute(_NEIGHBOURS, {**where, "at": moment, "at_id": at_id}).fetchall()
    for place, ts_from, ts_to, first_id, last_id, ended_by in rows:
        end = f"ended by {ended_by}" if ended_by else "is stored up to there so far"
        told.append(
            f"the interval {place} it, {ts_from} to {ts_to} UTC, updates {first_id} to {last_id}, {end}"
        )
    return "; ".join(told)


def _span(
    con: Runs, where: dict[str, object], *, until_id: int, until_ts: dt.datetime, from_id: int = -1
) -> _Span:
    """Find the seed and check that the diffs chain from it; raises `StoreError` when they do not."""
    bounds = {**where, "until_id": until_id, "until_ts": until_ts}
    seed = con.execute(_SEED, bounds).fetchone()
    if seed is None:
        raise StoreError(f"{where['symbol']}: the seed of epoch {where['epoch']} is not in the store")
    seed_id, seed_ts = seed
    near = {"rows_from": seed_ts - CLOCK_STEP, "rows_to": min(until_ts, FUTURE) + CLOCK_STEP}
    whole = {"rows_from": EPOCH, "rows_to": FUTURE}
    is_stepped = con.execute(_STEPPED, where).fetchone()[0] > 0
    params = {**bounds, **(whole if is_stepped else near), "seed_id": seed_id, "from_id": from_id}
    stands = _Stands(*con.execute(_CHAIN, params).fetchone())
    if not is_stepped and (stands.last_id is None or stands.hole(seed_id) is not None):
        params |= whole
        stands = _Stands(*con.execute(_CHAIN, params).fetchone())
    if (hole := stands.hole(seed_id)) is not None:
        raise StoreError(f"{where['symbol']}: stored diffs have a hole before update {hole}")
    last_id = seed_id if stands.last_id is None else stands.last_id
    as_of = seed_ts if stands.as_of is None else max(stands.as_of, seed_ts)
    params["until_id"] = last_id
    del params["until_ts"], params["from_id"]
    return _Span(params, int(last_id), as_of)
