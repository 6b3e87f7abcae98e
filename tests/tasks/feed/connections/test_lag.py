"""When a late connection is to be left."""

from __future__ import annotations

import pytest

from leadline.tasks.feed.connections.lag import LagWatch, newest_event_ns
from leadline.tasks.net.clock import ClockOffset

S = 10**9
KNOWN = ClockOffset(offset_ns=2 * S, error_ns=S // 10)


def read(late_s: float, *, at_s: float) -> tuple[list[bytes], int]:
    """A diff that happened ``late_s`` before it was read by our clock, which is 2 s behind the venue's."""
    event_ms = int((at_s + 2 - late_s) * 1000)
    frames = [b'{"stream":"a@depth","data":{"e":"depthUpdate","E":%d,"s":"A"}}' % event_ms, b'{"u":1}']
    return frames, int(at_s * S)


def left_at(watch: LagWatch, late_s: float, *, since_s: int, until_s: int) -> list[int]:
    return [
        s
        for s in range(since_s, until_s)
        if watch.is_due(*read(late_s, at_s=1000 + s), KNOWN, s * S) is not None
    ]


def test_late_for_long_enough_and_once_in_a_while() -> None:
    watch = LagWatch(1.0, 3.0)
    assert left_at(watch, 5.0, since_s=0, until_s=700) == [3, 303, 603]


def test_in_time_again_begins_anew() -> None:
    watch = LagWatch(1.0, 3.0)
    assert left_at(watch, 5.0, since_s=0, until_s=3) == []
    assert left_at(watch, 0.5, since_s=3, until_s=4) == []
    assert left_at(watch, 5.0, since_s=4, until_s=9) == [7]


@pytest.mark.parametrize("late_s", [0.0, 0.9, 1.05])
def test_the_error_of_the_clock_counts_for_the_connection(late_s: float) -> None:
    assert left_at(LagWatch(1.0, 3.0), late_s, since_s=0, until_s=20) == []
    assert left_at(LagWatch(1.0, 3.0), 1.2, since_s=0, until_s=20) == [3]


def test_nothing_is_judged_by_an_unknown_clock_or_when_told_not_to() -> None:
    late = read(50.0, at_s=1000)
    unknown, never = LagWatch(1.0, 0.0), LagWatch(0.0, 0.0)
    assert unknown.is_due(*late, None, 0) is None
    assert never.is_due(*late, KNOWN, 0) is None
    assert unknown.is_due(*late, KNOWN, S) == pytest.approx(49.9)


def test_event_times_are_read_where_there_are_any() -> None:
    assert newest_event_ns([b'{"E":7}', b'{"u":1}'], 1_000) == 7_000
    assert newest_event_ns([b'{"u":1,"E":x}', b""], 1) is None
