"""
Are the levels of our book the venue's own? A REST order book or partial depth of id *S* is held against it.

The book is noted down first, at id *A*, and the diffs that follow are kept; so it can be led to where
the snapshot stands, whichever of them came first:

    A ──diff──> ──diff──> S            the book stands at S: every price is compared
    A ──diff──> ──(── S ──)──>         S lies within a diff: prices which that diff sets are left out

Only prices that both sides know are compared: those the snapshot reaches, and of them the certified ones
(`book.trust.certified`).

No such miss is proof. A level that changed and changed back within a diff may not be listed there; and a
snapshot's id may lag behind its content (COIN-M snapshots of 2021 contradict the stream at ids up to
``lastUpdateId`` in 6 of 10 symbols). A level that such a thing made differ is set by a diff around *S*; one
that is wrong in our book is not, or it would be right. So a miss refutes when a second snapshot shows it
again and no diff has set the price from the first note on (`Audit.lasting`, `Audit.confirmed`).

A book may stand for a *window*, the so many best levels a side: what leaves it is deleted although the
venue goes on holding it, so such a book is compared to where its window ends at *S*, not at *A*.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leadline.book.messages import Bbo, DepthSnapshot, Level
from leadline.book.rows.batch import Batch, Count, DiffCol
from leadline.book.rows.evidence import Kind, Miss
from leadline.book.trust.certified import Reach


@dataclass(frozen=True, slots=True)
class Standing:
    """A book noted down: what it holds, and from which bid up and to which ask that is all there is."""

    last_id: int
    recv_ns: int
    bids: Mapping[int, int]  # ticks -> lots
    asks: Mapping[int, int]
    low: int
    high: int
    witness_id: int | None = None  # what listings call this state, where that is not last_id
    window: int | None = None  # it holds the so many best levels a side, whichever they are by now

    @classmethod
    def of(
        cls,
        last_id: int,
        recv_ns: int,
        top: tuple[Sequence[Level], Sequence[Level]],
        n: int,
        reach: Reach,
        *,
        witness_id: int | None = None,
        window: int | None = None,
    ) -> Standing:
        """Note down the ``n`` best levels of a book, best first, that is certified to ``reach``."""
        bids, asks = top
        low = 0 if reach.all_bids else reach.low
        high = sys.maxsize if reach.all_asks else reach.high
        if len(bids) == n:
            low = max(low, bids[-1][0])
        if len(asks) == n:
            high = min(high, asks[-1][0])
        return cls(last_id, recv_ns, dict(bids), dict(asks), low, high, witness_id, window)


@dataclass(frozen=True, slots=True)
class Change:
    """A diff that the book applied."""

    last_id: int
    recv_ns: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    witness_id: int | None = None  # what listings call the state after it, where that is not last_id


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of one comparison: how many levels, and those that differ, nearest the top first."""

    levels: int
    misses: tuple[Miss, ...]
    is_exact: bool  # the book stood at the snapshot's very id
    book_id: int  # where it stood …
    recv_ns: int  # … since then
    kind: Kind = Kind.AUDIT
    is_confirmed: bool = False  # a second audit found these misses, too

    def lasting(self, changes: Iterable[Change]) -> Audit:
        """Return it without the misses at prices that one of ``changes`` sets."""
        bids: set[int] = set()
        asks: set[int] = set()
        for change in changes:
            bids.update(price for price, _ in change.bids)
            asks.update(price for price, _ in change.asks)
        lasting = tuple(
            miss
            for miss in self.misses
            if miss.theirs.bid_ticks not in bids and miss.theirs.ask_ticks not in asks
        )
        return replace(self, misses=lasting)

    def confirmed(self, by: Audit) -> Audit:
        """
        Return the later audit ``by`` with what it has in common with this one.

        If that is nothing, what this one found did not last: it is returned without it. What only ``by``
        found is for the audit after.
        """
        before = {_place(miss) for miss in self.misses}
        common = tuple(miss for miss in by.misses if _place(miss) in before)
        return replace(by, misses=common, is_confirmed=True) if common else replace(self, misses=())


def changes_in(
    batch: Batch,
    book: int,
    epoch: int,
    since: tuple[int, int] = (0, 0),
    witness_ids: Mapping[int, int] | None = None,
) -> list[Change]:
    """
    Return the diffs of a book's epoch in a batch, oldest first, after ``since`` diffs and levels.

    ``witness_ids``: by last id, what listings call the state after a diff, where that is another id.
    """
    n = int(batch.counts[Count.DIFFS])
    rows = batch.diffs[since[0] : n]
    ends = (rows[:, DiffCol.N_BIDS] + rows[:, DiffCol.N_ASKS]).cumsum() + since[1]
    mine = np.flatnonzero((rows[:, DiffCol.BOOK] == book) & (rows[:, DiffCol.EPOCH] == epoch))
    found = []
    for at in mine.tolist():
        row, end = rows[at], int(ends[at])
        middle = end - int(row[DiffCol.N_ASKS])
        start = middle - int(row[DiffCol.N_BIDS])
        bids, asks = batch.levels[start:middle].tolist(), batch.levels[middle:end].tolist()
        last_id = int(row[DiffCol.LAST_ID])
        witness_id = (witness_ids or {}).get(last_id)
        found.append(Change(last_id, int(row[DiffCol.TS_RECV_NS]), bids, asks, witness_id))
    return found


def audit(
    standing: Standing,
    changes: Iterable[Change],
    snapshot: DepthSnapshot,
    limit: int,
    kind: Kind = Kind.AUDIT,
) -> Audit | None:
    """
    Hold a book against ``snapshot``, which was asked for with ``limit`` levels a side.

    ``changes`` are all that it applied since, oldest first, until it reached the snapshot's id. None
    where that cannot be told: the snapshot is older than the note, or the changes do not reach it.
    """
    at, sought = _called(standing), snapshot.witness_id
    if sought < at:
        return None
    bids, asks = dict(standing.bids), dict(standing.asks)
    book_id, recv_ns = standing.last_id, standing.recv_ns
    spanning: Change | None = None
    for change in changes:
        if change.last_id <= book_id:
            continue
        if _called(change) > sought:
            spanning = change
            break
        bids.update(change.bids)
        asks.update(change.asks)
        book_id, recv_ns, at = change.last_id, change.recv_ns, _called(change)
    is_exact = at == sought
    if not is_exact and spanning is None:
        return None
    unsure = (spanning.bids, spanning.asks) if spanning is not None and not is_exact else ((), ())
    low, high = standing.low, standing.high
    if standing.window is not None:
        low, high = (
            -_edge([-price for price, lots in bids.items() if lots], standing.window, 0),
            _edge([price for price, lots in asks.items() if lots], standing.window, sys.maxsize),
        )
    low = max(low, snapshot.bids[-1][0] if len(snapshot.bids) >= limit else 0)
    high = min(high, snapshot.asks[-1][0] if len(snapshot.asks) >= limit else sys.maxsize)
    levels, misses = 0, []
    sides = (bids, snapshot.bids, unsure[0]), (asks, snapshot.asks, unsure[1])
    for is_bid, (ours, listed, left_out) in zip((True, False), sides, strict=True):
        theirs = dict(listed)
        known = {price for price, lots in ours.items() if lots} | theirs.keys()
        known = {price for price in known if (price >= low if is_bid else price <= high)}
        known -= {price for price, _ in left_out}
        levels += len(known)
        misses += [
            Miss(
                kind,
                book_id,
                _level(price, ours.get(price, 0), is_bid=is_bid),
                sought,
                _level(price, theirs.get(price, 0), is_bid=is_bid),
            )
            for price in sorted(known, reverse=is_bid)
            if ours.get(price, 0) != theirs.get(price, 0)
        ]
    return Audit(levels, tuple(misses), is_exact, book_id, recv_ns, kind)


def _called(one: Standing | Change) -> int:
    """Return what listings call this state of the book."""
    return one.last_id if one.witness_id is None else one.witness_id


def _edge(prices: list[int], window: int, whole: int) -> int:
    """Return the last of the ``window`` least prices, the best; ``whole`` where there are fewer."""
    return sorted(prices)[window - 1] if len(prices) >= window else whole


def _level(price: int, lots: int, *, is_bid: bool) -> Bbo:
    """Return one level in the shape of a top; price 0 is the side that was not compared."""
    return Bbo(price, lots, 0, 0) if is_bid else Bbo(0, 0, price, lots)


def _place(miss: Miss) -> tuple[int, int]:
    return miss.theirs.bid_ticks, miss.theirs.ask_ticks
