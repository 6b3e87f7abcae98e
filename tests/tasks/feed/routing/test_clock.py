"""A venue whose clock is wrong, or ours: the offset is found within the error that is stated with it."""

from __future__ import annotations

import time

import pytest

from leadline.book.messages import DepthDiff
from leadline.book.rows.batch import Batch, Market
from leadline.book.scale import Scale
from leadline.book.venues.binance.sequence import SPOT
from leadline.tasks.feed.routing.clock import StreamClock
from leadline.tasks.loopback import Options, run_in_thread
from leadline.tasks.net.clock import DRIFT_PPM, ClockOffset, OffsetTracker
from tests.tasks.feeding import ListSink, all_live, config_for, feeding, until

LONG_S = 60.0


@pytest.mark.parametrize("skew_s", [-1.5, -1.27, 0.0, 1.5])
def test_a_skewed_clock_is_found_within_its_stated_error(skew_s: float) -> None:
    for _ in range(5):
        if not _look_at(skew_s):
            return
    pytest.fail("the machine is so busy that the venue's clock slips all the time")


def _look_at(skew_s: float) -> bool:
    """Let a feed look at a skewed clock; True if the venue could not keep up with its own clock."""
    sink = ListSink()
    with (
        run_in_thread(Options(count=1, clock_skew_s=skew_s)) as venue,
        feeding(config_for(venue, clock_every_s=0.2), sink) as feed,
    ):
        all_live(feed, within_s=LONG_S)

        def rows() -> list[object]:
            return [row for batch in list(sink.batches) for row in list(batch.clocks) if row.stream_ms]

        until(lambda: len(rows()) >= 2, "asked while the stream flowed", within_s=LONG_S)
        # The venue's true clock, read in its own process: between two readings of ours.
        before_ns = time.time_ns()
        venue_ns = venue.status()["now_ns"]
        after_ns = time.time_ns()
        feed.stop(LONG_S)
        if venue.ledger()["notes"]:
            return True
    least_ms, most_ms = (venue_ns - after_ns) / 1e6, (venue_ns - before_ns) / 1e6
    found = [row for batch in sink.batches for row in batch.clocks]
    for row in found:
        assert row.offset_ms - row.error_ms <= most_ms
        assert row.offset_ms + row.error_ms >= least_ms
        assert (row.probes, row.source) == (4, "time")
        assert row.rtt_ms / 2 <= row.error_ms
        if row.stream_ms is not None:
            assert row.stream_ms <= row.offset_ms + row.error_ms + 1, (
                "nothing is received before it happens"
            )
            assert row.network_p99_ms >= row.network_p50_ms >= -row.error_ms - 1
    return False


def test_an_old_estimate_is_less_sure_than_a_fresh_one() -> None:
    tracker = OffsetTracker(keep=2)
    assert tracker.best_at(0) is None
    sure, vague = ClockOffset(1, 10), ClockOffset(2, 90)
    tracker.note(sure, 0)
    tracker.note(vague, 0)
    assert tracker.best_at(0) == sure
    hour_ns = 3_600 * 10**9
    tracker.note(vague, hour_ns)
    tracker.note(ClockOffset(3, 1_000_000), hour_ns)
    best = tracker.best_at(2 * hour_ns)
    assert best is not None
    assert best.offset_ns == 2
    assert best.error_ns == 90 + hour_ns * DRIFT_PPM // 1_000_000


def test_a_recording_s_clock_is_a_row_a_minute_and_one_at_first() -> None:
    market = Market("v", "s", Scale(2, 3), SPOT)
    clock, minute_ns = StreamClock("v"), 60_000_000_000
    told = []
    by_batch = ([0, 5], [30], [], [59, 61, 200], [210])  # seconds of receipt; none in the third minute
    for seconds in by_batch:
        batch = Batch([market])
        for n, second in enumerate(seconds):
            received_ns = 1_000 * minute_ns + second * 1_000_000_000
            ahead_ns = 1_272_000_000 - n * 1_000_000
            batch.add_diff(0, 1, DepthDiff("s", 1, 1, None, received_ns + ahead_ns, received_ns, (), ()))
        clock.note_batch(batch)
        told.append([(row.ts_ns // 10**9 - 60_000, row.stream_ms, row.probes) for row in batch.clocks])
    assert told == [[(5, 1_272.0, 2)], [], [], [(60, 1_272.0, 4), (120, 1_271.0, 1)], []]
