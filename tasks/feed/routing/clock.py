"""
How far the venue's clock is from ours, asked again and again, and what the network takes by it.

The venue's time endpoint bounds the offset from both sides (`tasks.net.clock`). The stream bounds it from
one: nothing is received before it happened, so an event time ahead of its receipt by so much means that
the venue's clock is ahead by as much or more. A stream that says more than the endpoint allows is told.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from leadline.book.rows.batch import Batch, Count, DiffCol
from leadline.book.rows.feed import ClockRow
from leadline.tasks.net.clock import Clock, ClockOffset, OffsetTracker, stream_offset
from leadline.tasks.net.errors import VenueError
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")

PROBES = 4  # questions in a row, weight 1 each; the surest answer is taken
MS_NS = 1e6
ROW_EVERY_NS = 60_000_000_000


class StreamClock:
    """
    The offset by event times alone (`tasks.net.clock.stream_offset`), a row a minute: for recordings.

    Give it to the router as ``on_submit``: its rows travel with the batches it looks at. The first row
    comes with the first batch, so that a recording of less than a minute has one.
    """

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._minute = -1
        self._ahead_ns: list[int] = []  # events minus receipts: the most of each part of this minute
        self._events = 0

    def note_batch(self, batch: Batch) -> None:
        """Look at the event times of a batch; add a row to it for each minute that is over."""
        rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
        received = rows[:, DiffCol.TS_RECV_NS]
        ahead_ns, minutes = rows[:, DiffCol.TS_EVENT_NS] - received, received // ROW_EVERY_NS
        for minute in np.unique(minutes).tolist():
            if self._ahead_ns and minute != self._minute:
                batch.clocks.append(self._row((self._minute + 1) * ROW_EVERY_NS, max(self._ahead_ns)))
                self._ahead_ns, self._events = [], 0
            here = ahead_ns[minutes == minute]
            is_first, self._minute = self._minute < 0, minute
            self._ahead_ns.append(int(here.max()))
            self._events += len(here)
            if is_first:
                batch.clocks.append(self._row(int(received[minutes == minute].max()), self._ahead_ns[0]))

    def _row(self, now_ns: int, most_ahead_ns: int) -> ClockRow:
        offset = stream_offset(most_ahead_ns)
        return ClockRow(
            venue=self._venue,
            ts_ns=now_ns,
            offset_ms=offset.offset_ns / MS_NS,
            error_ms=offset.error_ns / MS_NS,
            rtt_ms=0.0,
            probes=self._events,
            source="stream",
            stream_ms=most_ahead_ns / MS_NS,
            network_p50_ms=None,  # it is what the estimate cannot tell apart
            network_p99_ms=None,
        )


class ClockWatch:
    """Asks the venue's clock and keeps what the stream says of it; runs on the feed's loop."""

    def __init__(self, venue: str, rest: Rest, clock: Clock) -> None:
        self.offsets = OffsetTracker()
        self._venue = venue
        self._rest = rest
        self._clock = clock
        self._ages_ns: list[NDArray[np.int64]] = []  # receipt minus event, since the last row

    @property
    def best(self) -> ClockOffset | None:
        """The surest estimate as of now; None before the first."""
        return self.offsets.best_at(self._clock.mono_ns())

    def note_batch(self, batch: Batch) -> None:
        """Take the event times of a batch on its way to the sink."""
        rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
        if len(rows):
            self._ages_ns.append(rows[:, DiffCol.TS_RECV_NS] - rows[:, DiffCol.TS_EVENT_NS])

    async def ask(self) -> ClockRow:
        """
        Ask a few times, take the surest answer, and return the row that says so.

        Raises a `VenueError` when no answer came.
        """
        answers: list[ClockOffset] = []
        for n in range(PROBES):
            try:
                answers.append(await self._rest.server_time())
            except VenueError:
                if n == PROBES - 1 and not answers:
                    raise
        for answer in answers:
            self.offsets.note(answer, self._clock.mono_ns())
        surest = min(answers, key=lambda each: each.error_ns)
        return self._row(surest, len(answers))

    def _row(self, offset: ClockOffset, probes: int) -> ClockRow:
        ages, self._ages_ns = self._ages_ns, []
        ages_ns = np.concatenate(ages) if ages else np.zeros(0, np.int64)
        stream_ms = p50 = p99 = None
        if len(ages_ns):
            stream_ms = -float(ages_ns.min()) / MS_NS
            p50, p99 = (float(age) / MS_NS for age in np.percentile(ages_ns + offset.offset_ns, [50, 99]))
            if stream_ms * MS_NS > offset.offset_ns + offset.error_ns:
                log.warning(
                    "the stream's event times are %.1f ms ahead of us, its time endpoint %.1f ± %.1f ms",
                    stream_ms,
                    offset.offset_ns / MS_NS,
                    offset.error_ns / MS_NS,
                )
        return ClockRow(
            venue=self._venue,
            ts_ns=self._clock.wall_ns(),
            offset_ms=offset.offset_ns / MS_NS,
            error_ms=offset.error_ns / MS_NS,
            rtt_ms=offset.rtt_ns / MS_NS,
            probes=probes,
            source="time",
            stream_ms=stream_ms,
            network_p50_ms=p50,
            network_p99_ms=p99,
        )
