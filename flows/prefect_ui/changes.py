"""What changed between two looks at the feed, by symbol; pure, the clock is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from leadline.tasks.feed.routing.config import FeedStatus, SymbolStatus

ChangeKind: TypeAlias = Literal["gap", "stale", "resynced", "live", "shock"]

# A book that was never LIVE is reported as stale only after the time a start may take.
START_S = 30.0


@dataclass(frozen=True, slots=True)
class BookChange:
    """One thing that happened to one book between two looks; ``n`` counts it where it can repeat."""

    kind: ChangeKind
    symbol: str
    n: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SeenBook:
    """What the detector remembers of one book."""

    status: SymbolStatus
    moved_s: float  # when its update id last moved, on the clock of `look`
    is_reported_stale: bool


class ChangeDetector:
    """
    Compares each look with the one before.

    ``stale`` means that the book is not LIVE and must not be read, whatever its state; ``live`` that it can
    be read again. A gap that heals between two looks is ``gap`` and ``resynced`` without ``stale``.
    """

    def __init__(self, now_s: float) -> None:
        self._began_s = now_s
        self._seen: dict[str, SeenBook] = {}

    def look(self, feed: FeedStatus, now_s: float) -> list[BookChange]:
        """Take a look; ``now_s`` never goes back."""
        changes: list[BookChange] = []
        for status in feed.symbols:
            seen = self._seen.get(status.symbol)
            if seen is None:
                seen = self._seen[status.symbol] = SeenBook(_unseen(status), now_s, is_reported_stale=False)
            changes += self._compare(seen, status, now_s)
        carried = {status.symbol for status in feed.symbols}
        for symbol in self._seen.keys() - carried:
            del self._seen[symbol]
        return changes

    def age_s(self, symbol: str, now_s: float) -> float | None:
        """Return how long ago the symbol's update id moved, to a look's precision; None if never seen."""
        seen = self._seen.get(symbol)
        return None if seen is None else now_s - seen.moved_s

    def _compare(self, seen: SeenBook, now: SymbolStatus, now_s: float) -> list[BookChange]:
        before, seen.status = seen.status, now
        changes: list[BookChange] = []
        if now.last_id != before.last_id:
            seen.moved_s = now_s
        if (gaps := now.gaps - before.gaps) > 0:
            changes.append(BookChange("gap", now.symbol, gaps, {"why": now.why}))
        if (resyncs := now.resyncs - before.resyncs) > 0:
            changes.append(BookChange("resynced", now.symbol, resyncs, {"last_id": now.last_id}))
        if now.is_live and (seen.is_reported_stale or not before.is_live):
            seen.is_reported_stale = False
            changes.append(BookChange("live", now.symbol, 1, {"last_id": now.last_id}))
        elif not now.is_live and not seen.is_reported_stale and self._is_worth_reporting(before, now_s):
            seen.is_reported_stale = True
            changes.append(BookChange("stale", now.symbol, 1, {"state": str(now.state), "why": now.why}))
        return changes

    def _is_worth_reporting(self, before: SymbolStatus, now_s: float) -> bool:
        return before.is_live or now_s - self._began_s >= START_S


def _unseen(status: SymbolStatus) -> SymbolStatus:
    """Return the state assumed before the first look: not LIVE, and nothing has happened."""
    return SymbolStatus.of(status.symbol, None, gaps=0, resyncs=0)
