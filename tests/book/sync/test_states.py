"""Transcripts of what ids cannot show: crossed, one-sided, silent and halted books; ids going back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.book.errors import EmptySide, NotLive
from leadline.book.messages import Bbo
from leadline.book.sync.events import Crossed, GapFound, Left, OneSided, SnapshotNeeded
from leadline.book.sync.machine import SEEKS
from leadline.book.sync.old_diffs import BEHIND_NS, LATER_LIMIT, REPEAT_LIMIT
from leadline.book.venues.binance.sequence import FUTURES
from tests.book.transcript import (
    BUFFERING,
    CLEARED,
    CROSSING,
    EPOCH_US,
    HALTED,
    LIVE,
    NO_ASKS,
    STALE,
    START,
    SUSPECT,
    cut,
    diff,
    halt,
    make,
    play,
    ready,
    seed,
    seek,
    silence,
    unhalt,
)

ANY_SEED = SnapshotNeeded(-1, "start")


@pytest.mark.parametrize(
    ("heard", "state", "events"),
    [
        pytest.param(
            [diff(5, 7), seed(6), CROSSING],
            BUFFERING,
            [START, ready(7), Crossed(9, 102, 101), SnapshotNeeded(8, "crossed")],
            id="diff-crosses",
        ),
        pytest.param(
            [diff(5, 7), seed(6), diff(8, 9, bids=((101, 1),))],
            BUFFERING,
            [START, ready(7), Crossed(9, 101, 101), SnapshotNeeded(8, "crossed")],
            id="locked-is-crossed",
        ),
        pytest.param(
            [diff(5, 7), CROSSING, diff(10, 11), seed(6), seed(10, at_us=EPOCH_US + 3)],
            LIVE,
            [START, Crossed(9, 102, 101), SnapshotNeeded(8, "crossed"), ready(11, EPOCH_US + 3)],
            id="buffered-diff-crosses-then-a-newer-seed-heals",
        ),
        pytest.param(
            [diff(5, 7), seed(9, bids=((103, 1),)), diff(8, 11), seed(10, at_us=7)],
            LIVE,
            [
                START,
                Crossed(9, 103, 101),
                SnapshotNeeded(5, "crossed"),
                ready(11, EPOCH_US + 1),
            ],
            id="crossed-seed-and-epochs-grow-though-the-clock-went-back",
        ),
        pytest.param(
            [diff(5, 7), seed(6), NO_ASKS, diff(10, 11)],
            LIVE,
            [START, ready(7), OneSided(9), ready(11)],
            id="one-sided-then-back-in-the-same-epoch",
        ),
        pytest.param(
            [diff(5, 7), seed(6), CLEARED, diff(10, 10, bids=(), asks=())],
            SUSPECT,
            [START, ready(7), OneSided(9)],
            id="empty-is-said-once",
        ),
        pytest.param(
            [diff(5, 7, bids=()), seed(6, bids=()), diff(9, 10)],
            BUFFERING,
            [START, OneSided(7), GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="gap-while-one-sided",
        ),
        pytest.param(
            [diff(1, 3, bids=(), asks=()), seed(-1, bids=(), asks=()), seed(3, bids=(), asks=())],
            SUSPECT,
            [SnapshotNeeded(1, "start"), SnapshotNeeded(1, "seed_too_old"), OneSided(3)],
            id="new-listing-whose-book-was-empty",
        ),
        pytest.param(
            [diff(5, 7), seed(6), silence], STALE, [START, ready(7), Left("silent", 7)], id="silence"
        ),
        pytest.param(
            [diff(5, 7), seed(6), silence, silence, diff(5, 7)],
            STALE,
            [START, ready(7), Left("silent", 7)],
            id="a-repeat-does-not-end-silence",
        ),
        pytest.param(
            [diff(5, 7), seed(6), silence, diff(8, 9)],
            LIVE,
            [START, ready(7), Left("silent", 7), ready(9)],
            id="next-diff-ends-silence",
        ),
        pytest.param(
            [diff(5, 7), seed(6), silence, diff(9, 9)],
            BUFFERING,
            [START, ready(7), Left("silent", 7), GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="gap-after-silence",
        ),
        pytest.param([silence, diff(5, 7), silence], BUFFERING, [START], id="silence-before-live"),
        pytest.param([diff(5, 7), seed(6), halt], HALTED, [START, ready(7), Left("BREAK", 7)], id="halt"),
        pytest.param(
            [diff(5, 7), seed(6), halt, diff(8, 9), unhalt],
            LIVE,
            [START, ready(7), Left("BREAK", 7), ready(9)],
            id="sequence-goes-on-while-halted",
        ),
        pytest.param(
            [diff(5, 7), seed(6), halt, diff(9, 9)],
            BUFFERING,
            [START, ready(7), Left("BREAK", 7), GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="gap-while-halted",
        ),
        pytest.param(
            [halt, diff(5, 7), seed(6), unhalt],
            LIVE,
            [START, Left("BREAK", 7), ready(7)],
            id="halted-before-the-seed",
        ),
        pytest.param(
            [diff(5, 7), seed(6), halt, CROSSING, diff(10, 11, bids=((102, 0),)), unhalt],
            LIVE,
            [START, ready(7), Left("BREAK", 7), ready(11)],
            id="orders-may-rest-crossed-while-halted",
        ),
        pytest.param(
            [diff(5, 7), seed(6), halt, CROSSING, unhalt, diff(10, 11)],
            BUFFERING,
            [
                START,
                ready(7),
                Left("BREAK", 7),
                Crossed(9, 102, 101),
                SnapshotNeeded(9, "crossed"),
                SnapshotNeeded(10, "crossed"),
            ],
            id="still-crossed-when-the-halt-ends",
        ),
        pytest.param(
            [diff(5, 7), seed(6), silence, halt, unhalt],
            STALE,
            [START, ready(7), Left("silent", 7), Left("BREAK", 7), Left("silent", 7)],
            id="silence-outlives-a-halt",
        ),
        pytest.param(
            [diff(5, 7), seed(6), NO_ASKS, halt, unhalt],
            SUSPECT,
            [START, ready(7), OneSided(9), Left("BREAK", 9), OneSided(9)],
            id="one-sided-outlives-a-halt",
        ),
    ],
)
def test_transcript(heard, state, events):
    book = make()
    assert play(book, heard) == events
    assert book.state is state


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param([], id="waiting"),
        pytest.param([diff(5, 7)], id="buffering"),
        pytest.param([diff(5, 7), seed(6), diff(9, 9)], id="after-a-gap"),
        pytest.param([diff(5, 7), seed(6), CROSSING], id="crossed"),
        pytest.param([diff(5, 7), seed(6), NO_ASKS], id="one-sided"),
        pytest.param([diff(5, 7), seed(6), silence], id="stale"),
        pytest.param([diff(5, 7), seed(6), halt], id="halted"),
        pytest.param([diff(5, 7), seed(6), cut], id="left"),
    ],
)
def test_a_book_that_is_not_live_cannot_be_read(heard):
    book = make()
    play(book, heard)
    with pytest.raises(NotLive, match=f"the book is {book.state}, not LIVE, since: "):
        book.bbo()
    with pytest.raises(NotLive):
        book.book()


def test_a_live_book_can():
    book = make()
    play(book, [diff(5, 7), seed(6)])
    assert book.bbo() == Bbo(100, 5, 101, 7)
    assert book.book() is book.ladder


def test_why_a_book_is_not_live_carries_the_ids():
    book = make()
    play(book, [diff(5, 7), seed(6), diff(9, 9)])
    with pytest.raises(NotLive, match="BUFFERING, not LIVE, since: gap: expected 8, got 9"):
        book.bbo()


# -- ids that go back ------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[diff(1005, 1007)], [diff(1005, 1007), seed(1006)]])
def test_a_restarted_venue_is_noticed(before):
    book = make()
    play(book, before)
    expected = 1008
    events = play(book, [diff(n, n) for n in range(1, REPEAT_LIMIT)])
    assert events == []
    events = play(book, [diff(REPEAT_LIMIT, REPEAT_LIMIT)])
    assert events == [GapFound(expected, REPEAT_LIMIT), SnapshotNeeded(REPEAT_LIMIT, "gap")]
    assert play(book, [seed(REPEAT_LIMIT)]) == [ready(REPEAT_LIMIT, book.applied_epoch)]


def test_repeats_between_new_diffs_never_add_up():
    book = make()
    play(book, [diff(5, 7), seed(6)])
    events = play(book, [diff(n, n) for new in range(8, 200) for n in (new, new, new - 1)])
    assert (events, book.state) == ([], LIVE)


def test_a_slow_stream_behind_its_seed_is_not_a_restarted_venue():
    book = make()
    events = play(book, [diff(5, 7), seed(5000), *[diff(n, n) for n in range(8, 5001)]])
    assert events == [START, ready(5000)]


def test_repeats_in_a_slow_stream_are_noticed_when_nothing_new_comes():
    book = make()
    play(book, [diff(5, 7), seed(5000), diff(8, 600)])
    events = play(book, [diff(n, n) for n in range(100, 100 + REPEAT_LIMIT)])
    assert [type(event) for event in events] == [GapFound, SnapshotNeeded]


def test_a_seed_no_stream_ever_reaches_is_given_up():
    book = make(buffer_limit=50)
    play(book, [diff(5, 7), seed(10**9)])
    events = play(book, [diff(n, n) for n in range(8, 58)])
    assert events == [GapFound(10**9 + 1, 57), SnapshotNeeded(57, "gap")]


def later(first, last, at=10**12):
    """A diff that happened after all others here, by the venue's own time."""
    return replace(diff(first, last), ts_event_ns=at)


@pytest.mark.parametrize("before", [[diff(1005, 1007)], [diff(1005, 1007), seed(1006)]])
def test_old_ids_at_a_later_time_of_the_venue_are_a_restart(before):
    book = make()
    play(book, before)
    events = play(book, [later(n, n) for n in range(1, LATER_LIMIT)])
    assert events == []
    events = play(book, [later(LATER_LIMIT, LATER_LIMIT)])
    assert events == [GapFound(1008, LATER_LIMIT), SnapshotNeeded(LATER_LIMIT, "gap")]
    assert play(book, [seed(LATER_LIMIT)]) == [ready(LATER_LIMIT, book.applied_epoch)]


def test_one_diff_with_a_strange_time_is_no_restart():
    book = make()
    odd = [later(6, 6), diff(8, 8), later(7, 7), diff(9, 9), later(7, 7)]
    assert play(book, [diff(5, 7), seed(6), *odd]) == [START, ready(7)]


def test_a_seed_far_ahead_is_given_up_after_seconds_of_the_venue_s_time():
    book = make()
    play(book, [diff(5, 7), seed(10**9)])
    assert play(book, [later(8, 8, BEHIND_NS), later(9, 9, 2 * BEHIND_NS - 1)]) == []
    assert play(book, [later(10, 10, 2 * BEHIND_NS)]) == [
        GapFound(10**9 + 1, 10), SnapshotNeeded(10, "gap")
    ]  # fmt: skip


# -- a quiet symbol --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "state", "events"),
    [
        pytest.param([seek, seed(7)], LIVE, [ANY_SEED, ready(7)], id="live-without-a-diff"),
        pytest.param(
            [seek, seed(7), diff(8, 9)], LIVE, [ANY_SEED, ready(7)], id="the-first-diff-follows-it"
        ),
        pytest.param(
            [seek, seed(7), diff(5, 9)], LIVE, [ANY_SEED, ready(7)], id="the-first-diff-covers-it"
        ),
        pytest.param(
            [seek, seed(7), diff(9, 9)],
            BUFFERING,
            [ANY_SEED, ready(7), GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="one-was-missed",
        ),
        pytest.param([seek, diff(5, 7), seed(6)], LIVE, None, id="a-diff-comes-before-the-seed"),
        pytest.param(
            [seek, diff(5, 7), seed(3)],
            BUFFERING,
            [ANY_SEED, START, SnapshotNeeded(5, "seed_too_old")],
            id="which-is-older",
        ),
        pytest.param(
            [diff(5, 7), seed(6), cut, seek, seed(6), seed(7)],
            LIVE,
            [
                START,
                ready(7),
                Left("session_lost", 7),
                SnapshotNeeded(7, "start"),
                SnapshotNeeded(7, "seed_too_old"),
                ready(7, EPOCH_US + 1),
            ],
            id="not-older-than-what-was-held",
        ),
        pytest.param(
            [diff(5, 7), seed(6), cut, cut, seek, cut, seek, seed(6)], BUFFERING, None, id="however-often"
        ),
        pytest.param(
            [diff(5, 7), seed(6), cut, seek, *[seed(2)] * SEEKS], LIVE, None, id="unless-ids-went-back"
        ),
        pytest.param([diff(5, 7), cut, seek, seed(6)], BUFFERING, None, id="nor-than-what-was-buffered"),
        pytest.param([halt, seek, seed(7)], HALTED, None, id="halted"),
        pytest.param([diff(5, 7), seek], BUFFERING, [START], id="asked-already"),
        pytest.param([diff(5, 7), seed(6), seek], LIVE, [START, ready(7)], id="has-one"),
    ],
)
def test_a_seed_may_come_before_any_diff(heard, state, events):
    book = make()
    assert play(book, heard) == events or events is None
    assert book.state is state


@pytest.mark.parametrize(
    ("first", "state"),
    [(diff(90, 95, 7), LIVE), (diff(90, 95, 5), LIVE), (diff(90, 95, 8), BUFFERING)],
)
def test_on_futures_the_first_diff_must_join_by_its_pu(first, state):
    book = make(FUTURES)
    play(book, [seek, seed(7)])
    assert book.state is LIVE
    play(book, [first])
    assert book.state is state


def test_an_empty_book_has_no_best():
    book = make()
    play(book, [diff(5, 7), seed(6), CLEARED])
    with pytest.raises(EmptySide, match="0 bid and 0 ask levels at id 9"):
        book.ladder.best()
