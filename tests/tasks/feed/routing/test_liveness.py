from __future__ import annotations

import pytest

from leadline.tasks.feed.routing.liveness import (
    BUSY_FRAMES,
    LineSilent,
    Liveness,
    Patience,
    Resubscribe,
    Silent,
    StreamPulse,
    Verdict,
)
from leadline.tasks.venues.common.adapter import StreamKind

S = 1_000_000_000
PATIENCE = Patience(depth_s=5, resubscribe_s=15, line_s=10, line_most_s=60, usual_gaps=50)


class Line:
    """Streams of two symbols, played second by second; frames are heard as the script says."""

    def __init__(self, *, vain: int = 0) -> None:
        self.now_s = 1_000.0
        self.pulses = {
            f"{symbol}@{kind}": StreamPulse(f"{symbol}@{kind}", symbol, kind)
            for symbol in ("A", "B")
            for kind in (StreamKind.DEPTH, StreamKind.TICKER)
        }
        self.liveness = Liveness(list(self.pulses.values()), int(self.now_s * S), PATIENCE, vain=vain)

    def play(self, seconds: float, *heard: str, each: int = 1, step_s: float = 1.0) -> list[Verdict]:
        """Let time pass, hear ``heard`` (each ``each`` frames) in every step, and look after each."""
        verdicts: list[Verdict] = []
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            for name in heard:
                self.pulses[name].last_ns = int(self.now_s * S)
                self.pulses[name].frames += each
            verdicts += self.liveness.check(int(self.now_s * S))
        return verdicts


ALL = ("A@depth", "A@ticker", "B@depth", "B@ticker")


def test_flowing_streams_are_left_alone() -> None:
    assert Line().play(600, *ALL) == []


def test_depth_silent_beside_tickers_is_told_once_then_asked_for_anew() -> None:
    line = Line()
    line.play(10, *ALL)
    assert line.play(5, "A@ticker", "B@depth", "B@ticker") == []
    assert line.play(1, "A@ticker", "B@depth", "B@ticker") == [Silent("A", 6.0)]
    assert line.play(15, "A@ticker", "B@depth", "B@ticker") == []
    assert line.play(1, "A@ticker", "B@depth", "B@ticker") == [Resubscribe("A", "A@depth")]
    assert line.play(15, "A@ticker", "B@depth", "B@ticker") == []
    assert line.play(1, "A@ticker", "B@depth", "B@ticker") == [Resubscribe("A", "A@depth")]


def test_partial_depth_comes_in_a_quiet_market_too() -> None:
    line = Line()
    line.pulses["A@ticker"].kind = StreamKind.DEPTH20
    line.play(10, *ALL)
    assert line.play(30, "A@ticker", "B@depth", "B@ticker") == []


def test_a_stream_that_spoke_again_may_be_silent_again() -> None:
    line = Line()
    line.play(10, *ALL)
    assert line.play(6, "A@ticker") == [Silent("A", 6.0)]
    assert line.play(2, *ALL) == []
    assert line.play(6, "A@ticker") == [Silent("A", 6.0)]


def test_depth_that_never_spoke_is_silent_too() -> None:
    assert Line().play(6, "A@ticker") == [Silent("A", 6.0)]


def test_a_quiet_symbol_is_not_silent() -> None:
    line = Line()
    line.play(10, *ALL)
    assert line.play(300, "B@depth", "B@ticker") == []


def test_a_last_ticker_right_after_the_last_diff_proves_nothing() -> None:
    line = Line()
    line.play(10, *ALL)
    line.play(2, "A@ticker", "B@depth")
    assert line.play(60, "B@depth", "B@ticker") == []


def test_a_quiet_symbol_that_moves_again_is_not_silent_for_the_moment_before_its_diff() -> None:
    line = Line()
    line.play(10, *ALL)
    line.play(100, "B@depth", "B@ticker")
    assert line.play(1, "A@ticker", "B@depth") == []
    assert line.play(1, *ALL) == []
    assert line.play(100, "B@depth", "B@ticker") == []
    assert line.play(5, "A@ticker", "B@depth") == []
    assert line.play(1, "A@ticker", "B@depth") == [Silent("A", 106.0)]


def test_our_own_pause_is_not_the_venue_s_silence() -> None:
    line = Line()
    line.play(10, *ALL)
    line.now_s += 30
    line.liveness.resumed(int(line.now_s * S))
    assert line.play(5, "A@ticker") == []
    assert line.play(1, "A@ticker") == [Silent("A", 6.0)]


def test_nor_is_a_stall_of_ours() -> None:
    line = Line()
    line.play(10, *ALL)
    assert line.play(30, "A@ticker", step_s=30) == [], "nobody looked for 30 s"
    assert line.play(6, "A@ticker") == [Silent("A", 6.0)]


def test_a_busy_line_that_falls_silent_is_given_up_soon() -> None:
    line = Line()
    line.play(100, *ALL, each=100)
    assert line.play(10) == []
    assert line.play(1) == [LineSilent(11.0, spoke=True, was_busy=True)]


@pytest.mark.parametrize(("every_s", "patience_s"), [(0.1, 10), (0.5, 25), (1.0, 50), (10.0, 60)])
def test_patience_follows_the_line_s_own_rate(every_s: float, patience_s: float) -> None:
    line = Line()
    line.play(200, "A@depth", step_s=every_s)
    assert line.liveness.line_patience_s(int(line.now_s * S)) == pytest.approx(patience_s)


@pytest.mark.parametrize(("vain", "patience_s"), [(0, 10), (1, 20), (2, 40), (4, 160), (9, 160)])
def test_a_line_that_never_spoke_gets_more_time_after_each_vain_session(
    vain: int, patience_s: float
) -> None:
    line = Line(vain=vain)
    assert line.play(patience_s) == []
    assert line.play(1) == [LineSilent(patience_s + 1, spoke=False)]


def test_what_was_busy_gets_no_such_bonus() -> None:
    line = Line(vain=3)
    line.play(100, *ALL, each=BUSY_FRAMES)
    assert line.play(11) == [LineSilent(11.0, spoke=True, was_busy=True)]


def test_a_silence_that_was_borne_is_borne_longer_the_next_time_until_a_frame_comes() -> None:
    line = Line()
    waits = []
    for _ in range(5):
        began_s = line.now_s
        while not line.play(1):
            pass
        waits.append(line.now_s - began_s)
        line.liveness.borne(int(line.now_s * S))
    assert waits == [11, 21, 41, 61, 61]
    line.play(1, "A@depth")
    assert line.liveness.line_patience_s(int(line.now_s * S)) == 60, "as its own rate says"
    assert line.play(60) == []
    assert line.play(1) == [LineSilent(61.0, spoke=True)]


def test_streams_come_and_go() -> None:
    line = Line()
    line.play(60, "B@depth", "B@ticker")
    line.liveness.removed("A")
    late = [StreamPulse("C@depth", "C", StreamKind.DEPTH), StreamPulse("C@ticker", "C", StreamKind.TICKER)]
    line.pulses |= {pulse.name: pulse for pulse in late}
    line.liveness.added(late, int(line.now_s * S))
    assert line.play(5, "A@ticker", "C@ticker", "B@depth") == []
    assert line.play(1, "A@ticker", "C@ticker", "B@depth") == [Silent("C", 6.0)]


def test_as_shipped_a_mute_depth_beside_flowing_tickers_is_told_within_two_seconds() -> None:
    line = Line()
    line.liveness = Liveness(list(line.pulses.values()), int(line.now_s * S), Patience())
    line.play(5, *ALL, step_s=0.1)
    mute_since_s = line.now_s
    while not line.play(0.25, "A@ticker", "B@depth", "B@ticker", step_s=0.25):  # the feed looks so often
        assert line.now_s - mute_since_s < 2.0
    assert line.now_s - mute_since_s <= 2.0


def test_what_a_venue_repeats_though_nothing_moved_says_nothing_of_depth() -> None:
    line = Line()
    line.liveness.moving = frozenset({StreamKind.TRADE})
    assert line.play(300, "A@ticker", "B@ticker") == []
    line.pulses["A@trade"] = trades = StreamPulse("A@trade", "A", StreamKind.TRADE)
    line.liveness.added([trades], int(line.now_s * S))
    assert [type(each) for each in line.play(10, "A@trade", "B@ticker")] == [Silent]


def test_a_slow_symbol_whose_quotes_flicker_is_not_silent() -> None:
    line = Line()
    line.liveness = Liveness(list(line.pulses.values()), int(line.now_s * S), Patience())
    line.play(5, *ALL, step_s=0.1)
    for _ in range(20):  # a quote comes and goes within a diff's 100 ms: no diff; then nothing for long
        assert line.play(0.1, "A@ticker", "B@depth", step_s=0.1) == []
        assert line.play(30, "B@depth", step_s=0.5) == []
        assert line.play(0.5, *ALL, step_s=0.1) == []
