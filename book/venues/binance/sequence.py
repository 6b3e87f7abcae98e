"""
How a diff joins the one before it, on spot and on futures.

    SPOT     a diff covers ``U..u``.   old: u <= last_id     missing: U > last_id + 1
    FUTURES  a diff covers ``pu+1..u`` of its symbol; ids are shared between symbols, so U says little.
             old: u <= last_id         missing: pu != last_id, or pu > seed's id for the first one

Sources: binance-spot-api-docs, web-socket-streams.md, "How to manage a local order book correctly"
(text corrected 2025-11-12); Binance derivatives docs, the same title for USD-M and COIN-M.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from leadline.book.errors import BadFrame
from leadline.book.sync.rules import Join, Span


@dataclass(frozen=True, slots=True)
class SpotRule:
    """``U`` follows the book's id, or lies at or before it: every diff may overlap."""

    by_prev_id: ClassVar[bool] = False

    def judge(self, diff: Span, last_id: int, *, bridged: bool) -> Join:  # noqa: ARG002 - as on futures
        """Say what a diff is to a book that stands at ``last_id``."""
        if _is_old(diff, last_id):
            return Join.OLD
        # Docs, update procedure 1: missed if ``U`` is greater than the local id + 1.
        return Join.GAP if diff.first_id > last_id + 1 else Join.NEXT

    def oldest_seed(self, diff: Span) -> int:
        """Return ``U``: docs, step 4, a ``lastUpdateId`` strictly below it is too old."""
        return diff.first_id

    def expected_id(self, last_id: int) -> int:
        """Return the ``U`` that the diff after ``last_id`` has to show."""
        return last_id + 1

    def got_id(self, diff: Span) -> int:
        """Return ``U``."""
        return diff.first_id


@dataclass(frozen=True, slots=True)
class FuturesRule:
    """``pu`` is the book's id; raises `BadFrame` where a diff carries none."""

    by_prev_id: ClassVar[bool] = True

    def judge(self, diff: Span, last_id: int, *, bridged: bool) -> Join:
        """Say what a diff is to a book that stands at ``last_id``."""
        if _is_old(diff, last_id):
            return Join.OLD
        prev_id = _prev_id(diff)
        if bridged:
            # Docs: each event's ``pu`` should equal the previous event's ``u``.
            return Join.NEXT if prev_id == last_id else Join.GAP
        # Docs: the first event has ``U <= lastUpdateId <= u``. Live streams also start with
        # ``pu == lastUpdateId``; both lie in ``pu <= lastUpdateId < u``, the span a diff covers.
        return Join.NEXT if prev_id <= last_id else Join.GAP

    def oldest_seed(self, diff: Span) -> int:
        """Return ``pu``."""
        return _prev_id(diff)

    def expected_id(self, last_id: int) -> int:
        """Return the ``pu`` that the diff after ``last_id`` has to show."""
        return last_id

    def got_id(self, diff: Span) -> int:
        """Return ``pu``."""
        return _prev_id(diff)


SPOT, FUTURES = SpotRule(), FuturesRule()


def _is_old(diff: Span, last_id: int) -> bool:
    # Docs: spot ignores ``u < id``, futures drops ``u < lastUpdateId``. An equal ``u`` holds nothing new
    # either, and the diff after it has ``pu == last_id``, which bridges.
    return diff.last_id <= last_id


def _prev_id(diff: Span) -> int:
    """Return ``pu``, which a futures diff must carry."""
    if diff.prev_id is None:
        raise BadFrame(f"diff {diff.first_id}..{diff.last_id}: expected pu on futures, got none")
    return diff.prev_id
