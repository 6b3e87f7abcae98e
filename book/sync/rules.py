"""
How a diff joins the one before it: the venue's sequence rules, spot and futures.

A book that stands at ``last_id`` asks one question of each diff: is it old, is it the next one, or is
something missing? Everything else about synchronising (`book.sync.machine`) is the same for every market.

    SPOT     a diff covers ``U..u``.   old: u <= last_id     missing: U > last_id + 1
    FUTURES  a diff covers ``pu+1..u`` of its symbol; ids are shared between symbols, so U says little.
             old: u <= last_id         missing: pu != last_id, or pu > seed's id for the first one

Sources: binance-spot-api-docs, web-socket-streams.md, "How to manage a local order book correctly"
(text corrected 2025-11-12); Binance derivatives docs, the same title for USD-M and COIN-M.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from leadline.book.errors import BadFrame


class Span(Protocol):
    """The ids a diff carries."""

    @property
    def first_id(self) -> int:
        """``U``: the first update in the diff."""
        ...

    @property
    def last_id(self) -> int:
        """``u``: the last update in the diff."""
        ...

    @property
    def prev_id(self) -> int | None:
        """``pu``: the last update of the diff before; futures only."""
        ...


class Verdict(Enum):
    """What a diff is to a book."""

    OLD = auto()  # the book holds it already: drop it
    NEXT = auto()  # apply it
    GAP = auto()  # something before it is missing


class Rule(Enum):
    """The sequence rule of a market."""

    SPOT = "spot"
    FUTURES = "futures"

    def judge(self, diff: Span, last_id: int, *, bridged: bool) -> Verdict:
        """
        Say what ``diff`` is to a book that stands at ``last_id``.

        ``bridged`` is False until a diff has joined the seed: a seed may fall inside a diff, so the
        first one may overlap it. On spot every diff may overlap. Raises `BadFrame` when a futures
        diff carries no ``pu``.
        """
        if diff.last_id <= last_id:
            # Docs: spot ignores ``u < id``, futures drops ``u < lastUpdateId``. An equal ``u`` holds
            # nothing new either, and the diff after it has ``pu == last_id``, which bridges.
            return Verdict.OLD
        if self is Rule.SPOT:
            # Docs, update procedure 1: missed if ``U`` is greater than the local id + 1.
            return Verdict.GAP if diff.first_id > last_id + 1 else Verdict.NEXT
        prev_id = _prev_id(diff)
        if bridged:
            # Docs: each event's ``pu`` should equal the previous event's ``u``.
            return Verdict.NEXT if prev_id == last_id else Verdict.GAP
        # Docs: the first event has ``U <= lastUpdateId <= u``. Live streams also start with
        # ``pu == lastUpdateId``; both lie in ``pu <= lastUpdateId < u``, the span a diff covers.
        return Verdict.NEXT if prev_id <= last_id else Verdict.GAP

    def oldest_seed(self, diff: Span) -> int:
        """Return the least ``last_id`` of a seed that a buffer beginning with ``diff`` can join."""
        if self is Rule.SPOT:
            return diff.first_id  # docs, step 4: a ``lastUpdateId`` strictly below ``U`` is too old
        return _prev_id(diff)

    def expected_id(self, last_id: int) -> int:
        """Return the id the diff after ``last_id`` has to show: ``U`` on spot, ``pu`` on futures."""
        return last_id + 1 if self is Rule.SPOT else last_id

    def got_id(self, diff: Span) -> int:
        """Return the id a diff shows in that place: ``U`` on spot, ``pu`` on futures."""
        return diff.first_id if self is Rule.SPOT else _prev_id(diff)


def _prev_id(diff: Span) -> int:
    """Return ``pu``, which a futures diff must carry."""
    if diff.prev_id is None:
        raise BadFrame(f"diff {diff.first_id}..{diff.last_id}: expected pu on futures, got none")
    return diff.prev_id
