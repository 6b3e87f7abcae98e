"""
Our two clocks, and how far the venue's clock is from ours.

``wall_ns`` dates rows, ``mono_ns`` measures waits and latencies. Both are handed down as arguments, so
that a test can turn them by hand.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

MILLISECOND_NS = 1_000_000
# The quickest of many messages: half way round the Earth by cable, 20,000 km and half as much in detours.
SLOWEST_QUICKEST_NS = 150_000_000
# Quartz keeps to 20-50 millionths; two of them may run apart by twice that.
DRIFT_PPM = 100


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

    ``error_ns`` is half the round trip (the answer was made somewhere inside it) plus half of the unit
    that the venue cuts its time off to.
    """

    offset_ns: int
    error_ns: int
    rtt_ns: int = 0


def clock_offset(
    sent_ns: int, received_ns: int, server_ns: int, *, unit_ns: int = MILLISECOND_NS
) -> ClockOffset:
    """
    Estimate the offset from one ``/time`` answer, taking it as made halfway (Cristian's method).

    ``server_ns`` is cut off to ``unit_ns``: the truth is up to one unit later.
    """
    trip_ns = max(0, received_ns - sent_ns)
    half_trip_ns, half_unit_ns = trip_ns // 2, unit_ns // 2
    offset_ns = server_ns + half_unit_ns - (sent_ns + half_trip_ns)
    return ClockOffset(offset_ns, half_trip_ns + half_unit_ns, trip_ns)


def stream_offset(most_ahead_ns: int) -> ClockOffset:
    """
    Estimate the offset from event times alone, as a recording has them and nothing else.

    Nothing is received before it happens: the venue's clock is ahead of ours by as much as its most
    advanced event, ``most_ahead_ns`` (event minus receipt), or more. How much more, no stream can say: as
    long as its quickest message took, up to `SLOWEST_QUICKEST_NS`. The estimate is the middle of the two,
    and so much less sure than an answer of the time endpoint.
    """
    half_ns = (SLOWEST_QUICKEST_NS + MILLISECOND_NS) // 2
    return ClockOffset(most_ahead_ns + half_ns, half_ns)


class OffsetTracker:
    """
    Keeps the last few estimates and answers with the surest; a slow round trip says little.

    An estimate grows less sure with age, because two clocks drift apart: by `DRIFT_PPM` at most.
    """

    def __init__(self, *, keep: int = 16) -> None:
        self._recent: deque[tuple[ClockOffset, int]] = deque(maxlen=keep)

    def note(self, offset: ClockOffset, mono_ns: int) -> None:
        """Take one more estimate, made at ``mono_ns`` of a monotonic clock; the oldest is forgotten."""
        self._recent.append((offset, mono_ns))

    def best_at(self, mono_ns: int) -> ClockOffset | None:
        """Return the recent estimate with the smallest error as of ``mono_ns``; None before the first."""
        aged = [
            replace(offset, error_ns=offset.error_ns + (mono_ns - at_ns) * DRIFT_PPM // 1_000_000)
            for offset, at_ns in self._recent
        ]
        return min(aged, key=lambda offset: offset.error_ns, default=None)
