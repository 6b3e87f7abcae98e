"""When our clock is set, and when it only looks so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from leadline.book.rows.batch import Batch
from leadline.book.rows.feed import ClockStepped
from leadline.tasks.feed.routing.steps import NEAR, SILENCE_NS, STEP_NS, ClockSteps, RecordedSteps
from leadline.tasks.net.clock import Clock
from tests.storage.helpers import MARKETS

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS


class Clocks:
    """Clocks that take their time to be read: ``pauses`` are those of the next readings, ns."""

    def __init__(self) -> None:
        self.mono_ns, self.offset_ns = 5 * HOUR_NS, 100 * HOUR_NS
        self.pauses: list[int] = []

    def wall(self) -> int:
        self._pass()
        return self.mono_ns + self.offset_ns

    def mono(self) -> int:
        self._pass()
        return self.mono_ns

    def _pass(self) -> None:
        self.mono_ns += self.pauses.pop(0) if self.pauses else 50


def told(batch: Batch) -> list[ClockStepped]:
    return [change for change in batch.coverage if isinstance(change, ClockStepped)]


@pytest.mark.parametrize("step_ns", [-2 * HOUR_NS, -2 * STEP_NS, 2 * STEP_NS, 8 * HOUR_NS])
def test_a_step_is_told_once_with_its_size(step_ns: int) -> None:
    clocks, batch = Clocks(), Batch(MARKETS)
    steps = ClockSteps("v", Clock(clocks.wall, clocks.mono))
    clocks.mono_ns += HOUR_NS
    steps.tend(batch)
    assert told(batch) == []
    clocks.offset_ns += step_ns
    read_ns = clocks.wall() - clocks.mono()
    assert not steps.low_ns <= read_ns <= steps.high_ns
    assert abs(steps.look(clocks.mono_ns, batch) - clocks.wall()) < STEP_NS
    steps.tend(batch)
    (step,) = told(batch)
    assert abs(step.step_ns - step_ns) < STEP_NS
    assert steps.low_ns <= clocks.wall() - clocks.mono() <= steps.high_ns


def test_a_read_that_was_held_up_between_the_clocks_is_no_step() -> None:
    """A busy machine takes the processor away between the two: the next look tells."""
    clocks, batch = Clocks(), Batch(MARKETS)
    steps = ClockSteps("v", Clock(clocks.wall, clocks.mono))
    wall_ns = clocks.wall()
    clocks.pauses = [700_000_000]
    mono_ns = clocks.mono()
    assert not steps.low_ns <= wall_ns - mono_ns <= steps.high_ns
    clocks.pauses = [0, 40_000_000, 60_000_000]  # and the first look is held up too
    assert abs(steps.look(mono_ns, batch) - (mono_ns + clocks.offset_ns)) < STEP_NS
    assert told(batch) == []


def test_a_clock_that_drifts_makes_no_step() -> None:
    clocks, batch = Clocks(), Batch(MARKETS)
    steps = ClockSteps("v", Clock(clocks.wall, clocks.mono))
    for _ in range(1000):
        clocks.mono_ns += SECOND_NS
        clocks.offset_ns -= 500_000  # as fast as NTP slews
        steps.hand_over(batch)
    assert told(batch) == []
    assert batch.handed is not None
    assert abs(batch.handed[0] - clocks.wall()) < STEP_NS


# -- recordings --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    ts_recv_ns: int
    frame: bytes


def event_time(frame: bytes) -> int | None:
    return int(frame) if frame else None


def settled(lines: list[Line]) -> Iterator[int]:
    """The sizes of the steps, as they are found."""
    steps = RecordedSteps("v", event_time, 1)
    for line, expected_ns in steps.settle(iter(lines)):
        if expected_ns is not None:
            yield line.ts_recv_ns - expected_ns


def lines(*times: tuple[int, int | None]) -> list[Line]:
    """Lines of (receipt, the venue's time), both in seconds."""
    return [Line(r * SECOND_NS, b"" if e is None else b"%d" % (e * SECOND_NS)) for r, e in times]


@pytest.mark.parametrize(
    ("recorded", "sizes_s"),
    [
        pytest.param(lines((10, 10), (11, 11), (12, 12)), [], id="no-step"),
        pytest.param(lines((10, 10), (7, 11), (8, 12)), [-3], id="set-back"),
        pytest.param(lines((10, 10), (3610, 11), (3611, 12)), [3599], id="set-forward"),
        pytest.param(lines((10, 10), (3610, 3610)), [], id="a-silence-of-the-venue-too"),
        pytest.param(
            lines((10, None), (11, 11), (12, None), (3611, None), (3612, 14)), [3596], id="looked-for"
        ),
        pytest.param(lines((10, None), (3611, None)), [], id="no-time-of-the-venue-at-all"),
        pytest.param(lines((10, 10), (10 + SILENCE_NS // SECOND_NS, 10)), [], id="short"),
    ],
)
def test_steps_of_a_recording(recorded: list[Line], sizes_s: list[int]) -> None:
    assert list(settled(recorded)) == [size * SECOND_NS for size in sizes_s]


def test_every_line_comes_once_and_in_order() -> None:
    recorded = lines((1, 1), *((100 + n, None) for n in range(2 * NEAR)), (500, 2))
    steps = RecordedSteps("v", event_time, 1)
    assert [line for line, _ in steps.settle(recorded)] == recorded
