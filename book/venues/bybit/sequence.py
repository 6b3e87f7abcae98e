"""
How a delta joins the message before it: ``u`` counts the messages of a topic, one by one.

    old: u <= last_id      missing: u > last_id + 1

A snapshot bears the next ``u`` as well, or 1 after a restart; it joins nothing and replaces the book
(`book.sync.machine`).

Source: bybit-exchange/docs, v5/sbe/market/level-50, "Rules for the u (Update ID) Field" (2026-08); every
book that others met counts so (`tests/book/venues/bybit/frames`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from leadline.book.sync.rules import Join, Span


@dataclass(frozen=True, slots=True)
class TopicRule:
    """``u`` is the one after the book's."""

    by_prev_id: ClassVar[bool] = False

    def judge(self, diff: Span, last_id: int, *, bridged: bool) -> Join:  # noqa: ARG002 - as elsewhere
        """Say what a delta is to a book that stands at ``last_id``."""
        if diff.last_id <= last_id:
            return Join.OLD
        return Join.NEXT if diff.last_id == last_id + 1 else Join.GAP

    def oldest_seed(self, diff: Span) -> int:
        """Return the ``u`` before: a book of it or any later one will do."""
        return diff.last_id - 1

    def expected_id(self, last_id: int) -> int:
        """Return the ``u`` that the delta after ``last_id`` has to show."""
        return last_id + 1

    def got_id(self, diff: Span) -> int:
        """Return ``u``."""
        return diff.last_id


TOPIC = TopicRule()
