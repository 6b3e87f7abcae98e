"""
Symbols come and go while a stream runs: what its settings name, and the last word on each other one.

    settings, a changed Variable ──┐
    leadline symbols add / drop ───┼──> table watchlist ──look──> feed: add, remove
    SQL ───────────────────────────┘

Others are not touched: they stay on their connections and lose no update id.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.storage.symbols.watchlist import overrule, wanted, words

log = logging.getLogger("leadline.stream")

CHANGED = "a change of the setting symbols"


class Watchlist:
    """Keeps the symbols of a host's feed to those that are wanted; not for two threads at once."""

    def __init__(self, host: StreamHost) -> None:
        self._host = host
        self._usual = host.settings.symbols

    def look(self) -> None:
        """Read the table once and act on it; raises a `StoreError`, or `FeedStopped` after the end."""
        with connect(self._host.settings.db) as con:
            said = words(con, self._host.venue)
        want = wanted(self._usual, said)
        have = [status.symbol for status in self._host.feed.status().symbols]
        for symbol in [symbol for symbol in have if symbol not in want]:
            why = said[symbol].said() if symbol in said else f"dropped by {CHANGED}"
            log.info("%s: %s", symbol, why)
            self._host.feed.remove_symbols([symbol], why).result()
        if new := [symbol for symbol in want if symbol not in have]:
            log.info("added: %s", ", ".join(new))
            self._host.feed.add_symbols(new)

    def change_settings(self, symbols: Sequence[str]) -> None:
        """Take the setting as it is now: what it names or leaves out by the change is the last word."""
        before, self._usual = self._usual, tuple(symbols)
        new, gone = set(symbols).difference(before), set(before).difference(symbols)
        if not new | gone:
            return
        venue, now = self._host.venue, dt.datetime.now(dt.UTC)
        with connect(self._host.settings.db, write=True) as con:
            overrule(con, venue, sorted(new), is_wanted=True, who=CHANGED, now=now)
            overrule(con, venue, sorted(gone), is_wanted=False, who=CHANGED, now=now)
