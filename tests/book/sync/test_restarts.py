"""Transcripts of whole books that come with the stream itself: they replace what is held, in any state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leadline.book.messages import DepthSnapshot
from leadline.book.sync.events import Crossed, GapFound, Left, Restarted, SnapshotNeeded, State
from tests.book.transcript import (
    BUFFERING,
    EPOCH_US,
    HALTED,
    LIVE,
    START,
    SUSPECT,
    Sync,
    diff,
    halt,
    make,
    play,
    ready,
    seed,
    silence,
    unhalt,
)


def restart(snapshot: DepthSnapshot) -> Callable[[Sync], list]:
    return lambda book: book.receive_restart(snapshot)


def doubt(book: Sync) -> list:
    return book.doubt("a ticker says otherwise", refuted=False)


FIRST, AGAIN, THIRD = (restart(seed(last)) for last in (7, 1, 12))


@pytest.mark.parametrize(
    ("heard", "state", "events"),
    [
        pytest.param([FIRST], LIVE, [ready(7)], id="first-message-of-a-subscription"),
        pytest.param([FIRST, diff(8, 8), diff(9, 9)], LIVE, [ready(7)], id="diffs-join-it"),
        pytest.param(
            [FIRST, diff(9, 9)],
            BUFFERING,
            [ready(7), GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="the-diff-after-it-is-lost",
        ),
        pytest.param(
            [FIRST, diff(9, 9), THIRD],
            LIVE,
            [ready(7), GapFound(8, 9), SnapshotNeeded(9, "gap"), ready(12, EPOCH_US + 1)],
            id="heals-a-gap",
        ),
        pytest.param(
            [FIRST, diff(8, 8), AGAIN, diff(2, 2)],
            LIVE,
            [ready(7), Restarted(8, 1), ready(1, EPOCH_US + 1)],
            id="ids-begin-anew",
        ),
        pytest.param(
            [FIRST, FIRST],
            LIVE,
            [ready(7), Restarted(7, 7), ready(7, EPOCH_US + 1)],
            id="the-same-again",
        ),
        pytest.param(
            [diff(5, 7), FIRST, diff(8, 8)], LIVE, [START, ready(7)], id="what-was-buffered-is-void"
        ),
        pytest.param(
            [FIRST, restart(seed(8, bids=((101, 1),)))],
            BUFFERING,
            [ready(7), Restarted(7, 8), Crossed(8, 101, 101), SnapshotNeeded(8, "crossed")],
            id="crossed",
        ),
        pytest.param([FIRST, restart(seed(8, asks=()))], SUSPECT, None, id="one-sided"),
        pytest.param(
            [FIRST, halt, THIRD, unhalt],
            LIVE,
            [
                ready(7),
                Left("BREAK", 7),
                Restarted(7, 12),
                Left("BREAK", 12),
                ready(12, EPOCH_US + 1),
            ],
            id="while-halted",
        ),
        pytest.param([FIRST, halt, THIRD], HALTED, None, id="stays-halted"),
        pytest.param(
            [FIRST, silence, THIRD],
            LIVE,
            [ready(7), Left("silent", 7), Restarted(7, 12), ready(12, EPOCH_US + 1)],
            id="ends-silence",
        ),
        pytest.param([FIRST, doubt, THIRD], LIVE, None, id="ends-doubt"),
    ],
)
def test_transcript(heard: list, state: State, events: list | None) -> None:
    book = make()
    assert play(book, heard) == events or events is None
    assert book.state is state


def test_only_the_new_levels_are_held() -> None:
    book = make()
    play(book, [FIRST, diff(8, 8, bids=((99, 1),)), restart(seed(1, bids=((98, 2),), asks=((105, 3),)))])
    assert book.ladder.top() == ([(98, 2)], [(105, 3)])
    assert (book.last_id, book.bridged, book.applied) == (1, False, [])
