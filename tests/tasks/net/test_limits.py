from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.tasks.net.limits import AttemptBudget, CommandPacer, SlidingWindow, WeightGovernor


class HandClock:
    """A monotonic clock turned by hand, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_window_says_exactly_when_there_is_room(clock: HandClock) -> None:
    window = SlidingWindow(3, 10.0, clock)
    window.spend(2)
    clock.now_s += 4
    window.spend(1)
    assert window.delay_s(1) == 6.0  # the first two leave at +10
    assert window.delay_s(3) == 10.0  # the third at +14
    clock.now_s += 6
    assert window.delay_s(2) == 0.0
    assert window.used == 1


def test_window_refuses_what_can_never_fit(clock: HandClock) -> None:
    with pytest.raises(BadInput, match="4 units asked of a budget of 3"):
        SlidingWindow(3, 10.0, clock).delay_s(4)


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 4)), max_size=60))
def test_no_window_ever_holds_more_than_its_limit(script: list[tuple[int, float]]) -> None:
    clock = HandClock()
    window = SlidingWindow(5, 10.0, clock)
    spent: list[tuple[float, int]] = []
    for units, pause_s in script:
        clock.now_s += pause_s
        clock.now_s += window.delay_s(units) + 1e-6
        assert window.delay_s(units) == 0
        window.spend(units)
        spent.append((clock.now_s, units))
        recent = sum(n for at_s, n in spent if at_s > clock.now_s - 10)
        assert recent <= 5


def test_attempts_keep_a_margin_below_300_in_5_minutes(clock: HandClock) -> None:
    budget = AttemptBudget(clock)
    for _ in range(240):
        assert budget.delay_s() == 0
        budget.spend()
    assert budget.delay_s() == 300.0
    clock.now_s += 299
    assert budget.delay_s() == 1.0


def test_commands_leave_room_for_a_pong(clock: HandClock) -> None:
    pacer = CommandPacer(clock, per_second=5)
    for _ in range(4):
        assert pacer.delay_s() == 0
        pacer.spend()
    assert pacer.delay_s() == 1.0


class TestGovernor:
    def test_it_stops_at_its_share(self, clock: HandClock) -> None:
        governor = WeightGovernor(1000, clock, share=0.8)
        for _ in range(3):
            governor.spend(250)
            governor.settle(250, used=None, succeeded=True)
        assert governor.remaining == 50
        assert governor.delay_s(50) == 0
        assert governor.delay_s(250) == 60.0

    def test_the_header_shows_what_others_use(self, clock: HandClock) -> None:
        governor = WeightGovernor(1000, clock, share=0.8)
        governor.spend(50)
        governor.settle(50, used=700, succeeded=True)
        assert governor.remaining == 100

    def test_the_header_shows_that_the_venue_s_minute_is_over(self, clock: HandClock) -> None:
        governor = WeightGovernor(1000, clock, share=0.8)
        governor.spend(750)
        governor.settle(750, used=750, succeeded=True)
        clock.now_s += 5  # our 60 s are not over, but the venue's minute is
        governor.spend(50)
        governor.settle(50, used=50, succeeded=True)
        assert governor.remaining == 750

    def test_what_is_in_flight_is_not_forgotten(self, clock: HandClock) -> None:
        governor = WeightGovernor(1000, clock, share=0.8)
        governor.spend(250)
        governor.spend(250)
        governor.settle(250, used=250, succeeded=True)
        assert governor.remaining == 300

    @pytest.mark.parametrize(
        ("status", "retry_after_s", "wait_s"),
        [(429, 7.0, 7.0), (418, 150.0, 150.0), (429, None, 60.0), (418, None, 120.0)],
    )
    def test_a_ban_blocks_every_caller(
        self, clock: HandClock, status: int, retry_after_s: float | None, wait_s: float
    ) -> None:
        governor = WeightGovernor(6000, clock)
        assert governor.punish(retry_after_s, is_ban=status == 418) == wait_s
        assert governor.delay_s(1) == wait_s
        assert governor.remaining == 0
        clock.now_s += wait_s - 1
        assert governor.delay_s(250) == 1.0
        clock.now_s += 1
        assert governor.delay_s(250) == 0

    def test_a_shorter_ban_does_not_shorten_a_longer_one(self, clock: HandClock) -> None:
        governor = WeightGovernor(6000, clock)
        governor.punish(120, is_ban=True)
        governor.punish(3, is_ban=False)
        assert governor.delay_s(1) == 120

    def test_after_a_418_one_request_tries_the_ground(self, clock: HandClock) -> None:
        governor = WeightGovernor(6000, clock, share=0.8)
        governor.punish(120, is_ban=True)
        clock.now_s += 120
        assert governor.delay_s(50) == 0
        governor.spend(50)
        assert governor.delay_s(50) > 0  # the others wait for it
        governor.settle(50, used=None, succeeded=False)
        assert governor.fuse_blown
        governor.spend(50)
        governor.settle(50, used=None, succeeded=True)
        assert not governor.fuse_blown
        assert governor.delay_s(50) == 0
        assert governor.share == 0.4  # and only half of the former share from now on
