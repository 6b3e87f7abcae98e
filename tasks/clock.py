"""
Our two clocks, and how far the venue's clock is from ours.

``wall_ns`` dates rows, ``mono_ns`` measures waits and latencies. Both are handed down as arguments, so
that a test can turn them by hand.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# The venue tells its time in whole milliseconds, cut off: the truth is up to 1 ms later.
HALF_MS_NS = 500_000


@dataclass(frozen=True, slots=True)
class Clock:
    """A wall clock and a monotonic clock, both in int nanoseconds."""

    wall_ns: Callable[[], int]
    mono_ns: Callable[[], int]

    def mono_s(self) -> float:
        """Return the monotonic clock in seconds."""
        return self.mono_ns() / 1e9


SYSTEM_CLOCK = Clock(time.time_ns, time.monotonic_ns)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """
    The venue's clock minus ours, in ns, and the half-width of what it may be.

    ``error_ns`` is half the round trip (the answer was made somewhere inside it) plus half of the
    millisecond that the venue cuts off.
    """

    offset_ns: int
    error_ns: int


def clock_offset(sent_ns: int, received_ns: int, server_ms: int) -> ClockOffset:
    """Estimate the offset from one ``/time`` answer, taking it as made halfway (Cristian's method)."""
    server_ns = server_ms * 1_000_000 + HALF_MS_NS
    half_trip_ns = max(0, received_ns - sent_ns) // 2
    return ClockOffset(server_ns - (sent_ns + half_trip_ns), half_trip_ns + HALF_MS_NS)


class OffsetTracker:
    """Keeps the last few estimates and answers with the surest; a slow round trip says little."""

    def __init__(self, offsets: Iterable[ClockOffset] = (), *, keep: int = 8) -> None:
        self._recent: deque[ClockOffset] = deque(offsets, maxlen=keep)

    def note(self, offset: ClockOffset) -> None:
        """Take one more estimate; the oldest is forgotten."""
        self._recent.append(offset)

    @property
    def best(self) -> ClockOffset | None:
        """The recent estimate with the smallest error, or None before the first."""
        return min(self._recent, key=lambda offset: offset.error_ns, default=None)
