"""
How a diff joins the one before it: what `book.sync.machine` asks of a venue's sequence rule.

A book that stands at ``last_id`` asks one question of each diff: is it old, is it the next one, or is
something missing? Everything else about synchronising is the same for every venue. Each rule
stands beside the messages of its venue, in ``sequence.py``.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol


class Span(Protocol):
    """The ids a diff carries, and its time."""

    @property
    def first_id(self) -> int:
        """The first update in the diff."""
        ...

    @property
    def last_id(self) -> int:
        """The last update in the diff."""
        ...

    @property
    def prev_id(self) -> int | None:
        """The last update of the diff before; None where the venue does not say."""
        ...

    @property
    def ts_event_ns(self) -> int:
        """The venue's time of the diff, ns since 1970."""
        ...


class Join(Enum):
    """What a diff is to a book."""

    OLD = auto()  # the book holds it already: drop it
    NEXT = auto()  # apply it
    GAP = auto()  # something before it is missing


class SequenceRule(Protocol):
    """The sequence rule of a market; its values are frozen and have no state."""

    @property
    def by_prev_id(self) -> bool:
        """Whether a diff names the one before it (``prev_id``); else its ``first_id`` follows."""
        ...

    def judge(self, diff: Span, last_id: int, *, bridged: bool) -> Join:
        """
        Say what ``diff`` is to a book that stands at ``last_id``.

        ``bridged`` is False until a diff has joined the seed: a seed may fall inside a diff, so the
        first one may overlap it. Raises `BadFrame` when the diff lacks an id that the rule needs.
        """
        ...

    def oldest_seed(self, diff: Span) -> int:
        """Return the least ``last_id`` of a seed that a buffer beginning with ``diff`` can join."""
        ...

    def expected_id(self, last_id: int) -> int:
        """Return the id that the diff after ``last_id`` has to show."""
        ...

    def got_id(self, diff: Span) -> int:
        """Return the id that a diff shows in that place."""
        ...
