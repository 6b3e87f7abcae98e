"""
Notices when our wall clock is set, or the machine slept: it then moves against the monotonic one.

Rows are dated by the wall clock, and a person, NTP or a virtual machine's host may set it at any time. So
each step is told to the store, between the rows of before and those of after: nothing that is dated by one
setting of the clock may be compared with what is dated by another (`storage.ingest.coverage`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from leadline.book.rows.batch import Batch, Count
from leadline.book.rows.feed import ClockStepped
from leadline.tasks.net.clock import Clock

# NTP slews both clocks alike; what is left between two looks is the time that a look takes.
STEP_NS = 10_000_000
READS = 5  # the two clocks are read one after the other: of several pairs the quickest counts
QUICK_NS = 100_000
SILENCE_NS = 5_000_000_000  # of a recording: how far our clock may run ahead of the venue's in it
NEAR = 64  # lines around a silence in which the venue's time is looked for: not every stream bears one


class ClockSteps:
    """The steps of a stream's clock; ``low_ns`` to ``high_ns`` is where wall less monotonic may lie."""

    def __init__(self, venue: str, clock: Clock) -> None:
        self._venue = venue
        self._clock = clock
        self._take(self._read())

    def look(self, mono_ns: int, batch: Batch) -> int:
        """
        Return what our clock, as it is set now, showed at ``mono_ns`` of the monotonic one.

        For a read whose own two times do not fit: the clock was set since, or the read was held up
        between the two. A step is written into the batch.
        """
        self.tend(batch)
        return mono_ns + self._offset_ns

    def tend(self, batch: Batch) -> None:
        """Look at the clocks; write a step into the batch if there was one."""
        wall_ns, mono_ns = read = self._read()
        before_ns = mono_ns + self._offset_ns
        if abs(wall_ns - before_ns) > STEP_NS:
            diffs = int(batch.counts[Count.DIFFS])
            batch.coverage.append(ClockStepped(self._venue, before_ns, wall_ns, mono_ns, diffs))
        self._take(read)

    def hand_over(self, batch: Batch) -> None:
        """Write into a batch what the clocks show as it goes to the store."""
        self.tend(batch)
        _, mono_ns = self._read()
        batch.handed = (mono_ns + self._offset_ns, mono_ns)

    def _take(self, read: tuple[int, int]) -> None:
        self._offset_ns = read[0] - read[1]
        self.low_ns, self.high_ns = self._offset_ns - STEP_NS, self._offset_ns + STEP_NS

    def _read(self) -> tuple[int, int]:
        """Read both clocks at once, as nearly as may be."""
        best = (1 << 62, 0, 0)
        for _ in range(READS):
            first_ns, mono_ns, wall_ns = self._clock.wall_ns(), self._clock.mono_ns(), self._clock.wall_ns()
            best = min(best, (abs(wall_ns - first_ns), first_ns, mono_ns))
            if best[0] < QUICK_NS:
                break
        return best[1:]


class Dated(Protocol):
    """A line of a recording."""

    @property
    def ts_recv_ns(self) -> int:
        """Return when it was received, ns since 1970."""
        ...

    @property
    def frame(self) -> bytes:
        """Return what was received."""
        ...


L = TypeVar("L", bound=Dated)


class RecordedSteps:
    """
    The steps of the clock that dated a recording: it has no other clock of ours beside it.

    A receipt earlier than the one before says that the clock was set back. A silence says nothing unless
    the venue's own clock did not run as long: then ours was set forward, or the machine slept.
    """

    def __init__(self, venue: str, event_time: Callable[[bytes], int | None], unit_ns: int) -> None:
        """``event_time`` reads the venue's time off a frame in units of ``unit_ns``, None if untold."""
        self._venue = venue
        self._event_time, self._unit_ns = event_time, unit_ns
        self._recent: deque[bytes] = deque(maxlen=NEAR)
        self._last_ns: int | None = None
        self._stepped_ns = 0  # all steps so far

    def settle(self, lines: Iterable[L]) -> Iterator[tuple[L, int | None]]:
        """Yield each line, with what the clock would have shown where it was set just before the line."""
        rest = iter(lines)
        for line in rest:
            passed_ns = 0 if self._last_ns is None else line.ts_recv_ns - self._last_ns
            self._last_ns = line.ts_recv_ns
            waiting = [line]
            if passed_ns > SILENCE_NS:
                while len(waiting) < NEAR and self._event_time(waiting[-1].frame) is None:
                    after = next(rest, None)
                    if after is None:
                        break
                    waiting.append(after)
            yield line, self._expected(passed_ns, waiting)
            for later in waiting[1:]:
                self._last_ns = later.ts_recv_ns
                yield later, None
            self._recent.extend(each.frame for each in waiting)

    def note(self, before_ns: int, after_ns: int, batch: Batch) -> None:
        """Write a step into the batch."""
        mono_ns = before_ns - self._stepped_ns
        self._stepped_ns += after_ns - before_ns
        diffs = int(batch.counts[Count.DIFFS])
        batch.coverage.append(ClockStepped(self._venue, before_ns, after_ns, mono_ns, diffs))

    def hand_over(self, batch: Batch) -> None:
        """Write into a batch what the clocks showed as its last frame was received."""
        if self._last_ns is not None:
            batch.handed = (self._last_ns, self._last_ns - self._stepped_ns)

    def _expected(self, passed_ns: int, lines: Sequence[Dated]) -> int | None:
        """Return what the clock would have shown at the first line; None if it was not set."""
        at_ns = lines[0].ts_recv_ns
        if passed_ns < -STEP_NS:
            return at_ns - passed_ns
        if passed_ns <= SILENCE_NS:
            return None
        before, after = self._event_ns(reversed(self._recent)), self._event_ns(one.frame for one in lines)
        if before is None or after is None or passed_ns - (after - before) <= SILENCE_NS:
            return None
        return at_ns - passed_ns + max(after - before, 0)

    def _event_ns(self, frames: Iterable[bytes]) -> int | None:
        times = (self._event_time(frame) for frame in frames)
        return next((at * self._unit_ns for at in times if at is not None), None)
