"""
Times of the venue's clock on ours, by what ``clock`` holds.

Labels and features are to use nothing that had not reached us: they go by ``ts_recv``. Where only the
venue's time is known, `on_our_clock` gives the latest moment of our clock that it can have been.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from leadline.storage.access.sql import Runs

# The estimate in force: the last before the moment, else the first after it.
_AT = """
SELECT offset_ms, error_ms, ts FROM clock WHERE venue = $venue
ORDER BY ts > $at, CASE WHEN ts > $at THEN epoch_us(ts) ELSE -epoch_us(ts) END LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Skew:
    """The venue's clock minus ours and the bound on its error, ms, as of ``ts`` (our clock, UTC)."""

    offset_ms: float
    error_ms: float
    ts: dt.datetime

    def on_our_clock(self, ts_event: dt.datetime) -> dt.datetime:
        """Return the latest moment of our clock at which the venue's can have shown ``ts_event``."""
        return ts_event - dt.timedelta(milliseconds=self.offset_ms - self.error_ms)


def skew_at(con: Runs, venue: str, at: dt.datetime) -> Skew | None:
    """Return what was known of the venue's clock at ``at`` (our clock, UTC); None if it was never asked."""
    rows = con.execute(_AT, {"venue": venue, "at": at}).fetchall()
    return Skew(*rows[0]) if rows else None
