"""When a late connection is to be left."""

from __future__ import annotations

import pytest

from leadline.tasks.feed.connections.lag import LagWatch
from leadline.tasks.net.clock import ClockOffset
from leadline.tasks.venues.binance.ids import event_time

S = 10**9
KNOWN = ClockOffset(offset_ns=2 * S, error_ns=S // 10)


def watching(bound_s: float, for_s: float) -> LagWatch:
    return LagWatch(bound_s, for_s, event_time, 1_000_000)


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
    watch = watching(1.0, 3.0)
    assert left_at(watch, 5.0, since_s=0, until_s=700) == [3, 303, 603]


def test_in_time_again_begins_anew() -> None:
    watch = watching(1.0, 3.0)
    assert left_at(watch, 5.0, since_s=0, until_s=3) == []
    assert left_at(watch, 0.5, since_s=3, until_s=4) == []
    assert left_at(watch, 5.0, since_s=4, until_s=9) == [7]


@pytest.mark.parametrize("late_s", [0.0, 0.9, 1.05])
def test_the_error_of_the_clock_counts_for_the_connection(late_s: float) -> None:
    assert left_at(watching(1.0, 3.0), late_s, since_s=0, until_s=20) == []
    assert left_at(watching(1.0, 3.0), 1.2, since_s=0, until_s=20) == [3]


def test_nothing_is_judged_by_an_unknown_clock_or_when_told_not_to() -> None:
    late = read(50.0, at_s=1000)
    unknown, never = watching(1.0, 0.0), watching(0.0, 0.0)
    assert unknown.is_due(*late, None, 0) is None
    assert never.is_due(*late, KNOWN, 0) is None
    assert unknown.is_due(*late, KNOWN, S) == pytest.approx(49.9)
