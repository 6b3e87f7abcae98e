"""What changed between two looks, told as transcripts."""

from __future__ import annotations

import pytest

from leadline.book.sync.events import State
from leadline.flows.prefect_ui.changes import START_S, ChangeDetector
from leadline.tasks.feed.routing.config import FeedStatus, SymbolStatus


def book(
    symbol: str = "A", state: State = State.LIVE, *, last_id: int = 1, gaps: int = 0, resyncs: int = 0
) -> SymbolStatus:
    why = "" if state is State.LIVE else "gap: expected 5, got 7"
    return SymbolStatus(symbol, state, 1, last_id, why, gaps, resyncs)


def feed(*books: SymbolStatus) -> FeedStatus:
    return FeedStatus(
        "streaming", books, lines_up=1, lines=1, frames=0, bytes=0, bad_frames=0, unrecognised=0,
        sessions=1, resyncs=0, open_needs=0, is_paused=False, used_weight=0, clock_offset_us=None,
        clock_error_us=None, last_error="", last_bad_frame="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param([book()], [["live"]], id="live-at-once"),
        pytest.param([book(), book(last_id=2)], [["live"], []], id="nothing-happens"),
        pytest.param([book(state=State.WAITING)] * 2, [[], []], id="a-start-is-no-news"),
        pytest.param(
            [book(), book(state=State.BUFFERING, gaps=1), book(gaps=1, resyncs=1)],
            [["live"], ["gap", "stale"], ["resynced", "live"]],
            id="gap-seen",
        ),
        pytest.param(
            [book(), book(gaps=2, resyncs=2)], [["live"], ["gap", "resynced"]], id="healed-between-looks"
        ),
        pytest.param(
            [book(), book(state=State.STALE), book(state=State.BUFFERING), book(state=State.HALTED)],
            [["live"], ["stale"], [], []],
            id="stale-is-told-once",
        ),
    ],
)
def test_transcript(looks: list[SymbolStatus], told: list[list[str]]) -> None:
    watch = ChangeDetector(0.0)
    heard = [[c.kind for c in watch.look(feed(look), float(n))] for n, look in enumerate(looks)]
    assert heard == told


def test_a_book_that_never_comes_is_told_after_the_start() -> None:
    watch = ChangeDetector(0.0)
    waiting = feed(book(state=State.WAITING))
    assert watch.look(waiting, START_S - 1) == []
    (change,) = watch.look(waiting, START_S + 1)
    assert (change.kind, change.detail["state"]) == ("stale", "WAITING")


def test_counts_and_ages() -> None:
    watch = ChangeDetector(0.0)
    watch.look(feed(book("A"), book("B")), 1.0)
    changes = watch.look(feed(book("A", gaps=3, resyncs=3), book("B", last_id=9)), 5.0)
    assert [(c.kind, c.symbol, c.n) for c in changes] == [("gap", "A", 3), ("resynced", "A", 3)]
    assert (watch.age_s("A", 6.0), watch.age_s("B", 6.0), watch.age_s("C", 6.0)) == (5.0, 1.0, None)


def test_a_symbol_no_longer_carried_is_forgotten() -> None:
    watch = ChangeDetector(0.0)
    watch.look(feed(book("A"), book("B")), 1.0)
    watch.look(feed(book("A")), 2.0)
    assert watch.age_s("B", 3.0) is None
