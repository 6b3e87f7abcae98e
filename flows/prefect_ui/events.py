"""
From changes to events, few enough to read; pure, the clock is an argument.

    a few books    → one event each, about the book
    many at once   → one event about the venue, with names and counts in its payload
    over and over  → a budget of events; what does not fit waits and merges with what comes later

An alarm waits for ``live`` after ``stale`` on the same resource, so the two are sent in pairs: a book that
was reported stale by name is reported live by name; a venue that was reported stale is reported live when
all those books are back. A book that left and came back before any event was sent causes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from leadline.flows.prefect_ui.changes import BookChange

BEAT, BEAT_S = "leadline.stream.beat", 30.0  # sent by a running stream, about its flow run
EACH = 5  # more books at once are one event
BURST = 20.0
PER_S = 0.5
NAMED = 50  # symbols in the payload of a grouped event
LEFT_OVER_S = 30.0  # then the few books of a group that are still away get events of their own


@dataclass(frozen=True, slots=True)
class PrefectEvent:
    """One event for Prefect: its name, the resource it is about, its payload."""

    name: str
    resource: Mapping[str, str]
    payload: Mapping[str, Any] = field(default_factory=dict)


def about_book(venue: str, symbol: str) -> dict[str, str]:
    """Return the resource of one book."""
    return {
        "prefect.resource.id": f"leadline.book.{venue}.{symbol}",
        "prefect.resource.name": f"{symbol} on {venue}",
        "leadline.venue": venue,
        "leadline.symbol": symbol,
    }


def about_venue(venue: str) -> dict[str, str]:
    """Return the resource of all books of a venue that one stream carries."""
    return {
        "prefect.resource.id": f"leadline.venue.{venue}",
        "prefect.resource.name": f"books of {venue}",
        "leadline.venue": venue,
    }


class EventThrottle:
    """Collects changes with `note`, returns events with `take`."""

    def __init__(self, venue: str, now_s: float) -> None:
        self._venue = venue
        self._tokens, self._filled_s = BURST, now_s
        self._pending: dict[str, dict[str, BookChange]] = {}
        self._pending |= {kind: {} for kind in ("gap", "stale", "resynced", "live", "shock")}
        self._named: set[str] = set()  # reported stale by name
        self._group: set[str] = set()  # reported stale as one, and not back
        self._group_size, self._group_s = 0, now_s

    def note(self, changes: Iterable[BookChange]) -> None:
        """Add changes."""
        for change in changes:
            if self._cancels_out(change):
                continue
            earlier = self._pending[change.kind].get(change.symbol)
            merged = change if earlier is None else replace(change, n=earlier.n + change.n)
            self._pending[change.kind][change.symbol] = merged

    def _cancels_out(self, change: BookChange) -> bool:
        """Whether the change undoes one that still waits, so that neither is sent."""
        opposite = {"live": "stale", "stale": "live"}.get(change.kind)
        if opposite is None or change.symbol not in self._pending[opposite]:
            return False
        del self._pending[opposite][change.symbol]
        return change.kind == "live" or change.symbol in self._named | self._group

    def take(self, now_s: float) -> list[PrefectEvent]:
        """Return the events that may be sent now; the rest waits."""
        self._tokens = min(BURST, self._tokens + PER_S * (now_s - self._filled_s))
        self._filled_s = now_s
        events = [*self._few_or_one("gap"), *self._stale(now_s), *self._few_or_one("resynced")]
        return [*events, *self._live(), *self._few_or_one("shock"), *self._left_over(now_s)]

    # -- one kind each ---------------------------------------------------------------------------

    def _few_or_one(self, kind: str) -> list[PrefectEvent]:
        waiting = self._pending[kind]
        if 0 < len(waiting) <= min(EACH, int(self._tokens)):
            return [self._by_name(change) for change in self._emptied(kind)]
        if waiting and self._tokens >= 1:
            return [self._as_one(kind, self._emptied(kind))]
        return []

    def _stale(self, now_s: float) -> list[PrefectEvent]:
        symbols = set(self._pending["stale"])
        events = self._few_or_one("stale")
        if events and "leadline.symbol" in events[0].resource:
            self._named |= symbols
        elif events:
            self._group |= symbols
            self._group_size, self._group_s = len(self._group), now_s
        return events

    def _live(self) -> list[PrefectEvent]:
        waiting = self._pending["live"]
        events: list[PrefectEvent] = []
        for symbol in sorted(self._named & waiting.keys()):
            if self._tokens < 1:
                return events
            self._named.discard(symbol)
            events.append(self._by_name(waiting.pop(symbol)))
        back = self._group & waiting.keys()
        if back and back == self._group and self._tokens >= 1:
            events.append(self._group_is_back())
        if not self._group:
            events += self._few_or_one("live")  # books that were never reported stale: the start
        return events

    def _left_over(self, now_s: float) -> list[PrefectEvent]:
        """Report the few that stay away by name, and the venue live: an alarm then names the book."""
        away = self._group - self._pending["live"].keys()
        if not away or now_s - self._group_s < LEFT_OVER_S or not len(away) < min(EACH + 1, self._tokens):
            return []
        self._named |= away
        self._group -= away
        words = {"why": f"still away {LEFT_OVER_S:g} s after {self._group_size} books went"}
        return [
            *(self._by_name(BookChange("stale", s, 1, words)) for s in sorted(away)),
            self._group_is_back(),
        ]

    def _group_is_back(self) -> PrefectEvent:
        back = [self._pending["live"].pop(s, BookChange("live", s)) for s in sorted(self._group)]
        self._group.clear()
        return self._as_one("live", back)

    # -- words -----------------------------------------------------------------------------------

    def _emptied(self, kind: str) -> list[BookChange]:
        changes = list(self._pending[kind].values())
        self._pending[kind].clear()
        return changes

    def _by_name(self, change: BookChange) -> PrefectEvent:
        self._tokens -= 1
        counted = {"count": change.n} if change.n > 1 else {}
        resource = about_book(self._venue, change.symbol)
        return PrefectEvent(f"leadline.{change.kind}", resource, {**change.detail, **counted})

    def _as_one(self, kind: str, changes: list[BookChange]) -> PrefectEvent:
        self._tokens -= 1
        payload = {
            "books": len(changes),
            "count": sum(change.n for change in changes),
            "symbols": [change.symbol for change in changes[:NAMED]],
            "why": next((str(c.detail["why"]) for c in changes if c.detail.get("why")), ""),
        }
        return PrefectEvent(f"leadline.{kind}", about_venue(self._venue), payload)
