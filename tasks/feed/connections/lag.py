"""
A connection on which everything comes late, with the difference of the clocks taken off, is to be left.

Seen now and then, not with every frame: the newest event time among the frames of the newest read. The
error of the clocks' difference counts for the connection, and while the difference is not known nothing
is judged. If another connection is no better, the network or the venue is slow and leaving does not
help: so it is done once in a while only. Pure: it neither waits nor reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from leadline.tasks.net.clock import ClockOffset

EVENT = b'"E":'
LEFT_ONCE_IN_S = 300.0
MS_NS = 1_000_000


class LagWatch:
    """Watches one line: late by more than ``bound_s`` (0: never mind) for ``for_s`` seconds."""

    def __init__(self, bound_s: float, for_s: float, *, time_unit_ns: int = MS_NS) -> None:
        self._bound_s = bound_s
        self._for_ns = int(for_s * 1e9)
        self._unit_ns = time_unit_ns
        self._late_since_ns: int | None = None
        self._left_ns: int | None = None

    def is_due(
        self, frames: Sequence[bytes], wall_ns: int, offset: ClockOffset | None, now_ns: int
    ) -> float | None:
        """
        Return how late it is, in seconds, if the connection is to be left now, else None.

        ``frames`` came with one read at ``wall_ns`` of our wall clock; ``now_ns`` is monotonic.
        """
        if self._bound_s <= 0 or offset is None:
            self._late_since_ns = None
            return None
        event_ns = newest_event_ns(frames, self._unit_ns)
        if event_ns is None:
            return None  # book tickers of the spot market bear no time
        late_s = (wall_ns + offset.offset_ns - offset.error_ns - event_ns) / 1e9
        if late_s <= self._bound_s:
            self._late_since_ns = None
            return None
        if self._late_since_ns is None:
            self._late_since_ns = now_ns
        if now_ns - self._late_since_ns < self._for_ns:
            return None
        if self._left_ns is not None and (now_ns - self._left_ns) / 1e9 < LEFT_ONCE_IN_S:
            return None
        self._left_ns, self._late_since_ns = now_ns, None
        return late_s


def newest_event_ns(frames: Sequence[bytes], unit_ns: int) -> int | None:
    """Read the newest event time among frames, ns since 1970; None where none bears one."""
    for data in reversed(frames):
        at = data.find(EVENT)
        if at < 0:
            continue
        digits = data[at + len(EVENT) : at + len(EVENT) + 20].partition(b",")[0].rstrip(b"} ")
        if digits.isdigit():
            return int(digits) * unit_ns
    return None
