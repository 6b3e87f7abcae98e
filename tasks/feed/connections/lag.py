"""
A connection on which everything comes late, with the difference of the clocks taken off, is to be left.

Seen now and then, not with every frame: the newest event time among the frames of the newest read. The
error of the clocks' difference counts for the connection, and while the difference is not known nothing
is judged. If another connection is no better, the network or the venue is slow and leaving does not
help: so it is done once in a while only. Pure: it neither waits nor reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leadline.tasks.net.clock import ClockOffset

LEFT_ONCE_IN_S = 300.0


class LagWatch:
    """Watches one line: late by more than ``bound_s`` (0: never mind) for ``for_s`` seconds."""

    def __init__(
        self, bound_s: float, for_s: float, event_time: Callable[[bytes], int | None], time_unit_ns: int
    ) -> None:
        """``event_time`` reads the venue's time off a frame, in ``time_unit_ns``."""
        self._bound_s = bound_s
        self._for_ns = int(for_s * 1e9)
        self._event_time = event_time
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
        newest = next((at for data in reversed(frames) if (at := self._event_time(data)) is not None), None)
        if newest is None:
            return None  # not every stream bears a time
        event_ns = newest * self._unit_ns
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
