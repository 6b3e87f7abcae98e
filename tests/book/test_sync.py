"""Transcripts: what the book heard, what it said, where it stood in the end."""

from __future__ import annotations

import pytest

from book.errors import BadFrame, BadInput, EmptySide, NotLive
from book.events import (
    BookReady,
    BufferTrimmed,
    Crossed,
    GapFound,
    Left,
    OneSided,
    SnapshotNeeded,
    State,
)
from book.ladder import PlainLadder
from book.messages import Bbo, DepthDiff, DepthSnapshot
from book.rules import Rule
from book.sync import REPEAT_LIMIT, BookSync
from tests.book.transcript import EPOCH_US, diff, seed

Sync = BookSync[DepthDiff, DepthSnapshot]
WAITING, BUFFERING, LIVE = State.WAITING, State.BUFFERING, State.LIVE
SUSPECT, STALE, HALTED = State.SUSPECT, State.STALE, State.HALTED
START = SnapshotNeeded(5, "start")

halt = lambda book: book.halt("BREAK")  # noqa: E731
unhalt = Sync.unhalt
silence = Sync.mark_stale
cut = lambda book: book.leave("session_lost")  # noqa: E731


def make(rule: Rule = Rule.SPOT, **options) -> Sync:
    return BookSync(PlainLadder(), rule, **options)


def play(book: Sync, heard) -> list:
    events = []
    for item in heard:
        if isinstance(item, DepthDiff):
            events += book.receive_diff(item)
        elif isinstance(item, DepthSnapshot):
            events += book.receive_snapshot(item)
        else:
            events += item(book)
    return events


def ready(last_id: int, epoch: int = EPOCH_US) -> BookReady:
    return BookReady(epoch, last_id)


CROSSING = diff(8, 9, bids=((102, 1),))
NO_ASKS = diff(8, 9, asks=((101, 0),))
CLEARED = diff(8, 9, bids=((100, 0),), asks=((101, 0),))


@pytest.mark.parametrize(
    ("heard", "state", "events"),
    [
        pytest.param([], WAITING, [], id="nothing"),
        pytest.param([seed(5)], WAITING, [], id="seed-before-any-diff-is-ignored"),
        pytest.param([diff(5, 7)], BUFFERING, [START], id="first-diff-asks-for-a-seed"),
        pytest.param([diff(5, 7), diff(8, 9)], BUFFERING, [START], id="asks-once"),
        pytest.param([diff(5, 7), seed(7)], LIVE, [START, ready(7)], id="seed-at-last-id"),
        pytest.param([diff(5, 7), seed(5)], LIVE, [START, ready(7)], id="seed-at-first-U"),
        pytest.param(
            [diff(5, 7), seed(4)],
            BUFFERING,
            [START, SnapshotNeeded(5, "seed_too_old")],
            id="seed-just-too-old",
        ),
        pytest.param(
            [diff(5, 7), seed(4), diff(8, 9), seed(8)],
            LIVE,
            [START, SnapshotNeeded(5, "seed_too_old"), ready(9)],
            id="buffer-outlives-an-old-seed",
        ),
        pytest.param(
            [diff(5, 7), diff(8, 9), diff(10, 12), seed(8)],
            LIVE,
            [START, ready(12)],
            id="buffer-replayed-from-the-straddling-diff",
        ),
        pytest.param([diff(5, 7), seed(20)], LIVE, [START, ready(20)], id="seed-ahead-of-stream"),
        pytest.param(
            [diff(5, 7), seed(20), diff(8, 15), diff(16, 20), diff(21, 22)],
            LIVE,
            [START, ready(20)],
            id="stream-catches-up-with-seed",
        ),
        pytest.param(
            [diff(5, 7), seed(20), diff(8, 15), diff(16, 30)],
            LIVE,
            [START, ready(20)],
            id="stream-straddles-seed",
        ),
        pytest.param(
            [diff(5, 7), seed(20), diff(22, 30)],
            BUFFERING,
            [START, ready(20), GapFound(21, 22), SnapshotNeeded(22, "gap")],
            id="nothing-bridges-a-seed-ahead",
        ),
        pytest.param(
            [diff(5, 7), diff(9, 10)],
            BUFFERING,
            [START, GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="hole-in-the-buffer",
        ),
        pytest.param(
            [diff(5, 7), diff(9, 10), seed(7)],
            BUFFERING,
            [START, GapFound(8, 9), SnapshotNeeded(9, "gap"), SnapshotNeeded(9, "seed_too_old")],
            id="seed-older-than-the-hole",
        ),
        pytest.param(
            [diff(5, 7), diff(9, 10), seed(9)],
            LIVE,
            [START, GapFound(8, 9), SnapshotNeeded(9, "gap"), ready(10)],
            id="seed-newer-than-the-hole",
        ),
        pytest.param(
            [diff(5, 7), diff(5, 7), diff(3, 4), seed(6)], LIVE, [START, ready(7)], id="repeats-in-buffer"
        ),
        pytest.param(
            [diff(5, 7), seed(6), diff(5, 7), diff(1, 2), diff(8, 8)],
            LIVE,
            [START, ready(7)],
            id="repeats-when-live",
        ),
        pytest.param(
            [diff(5, 7), seed(6), diff(9, 10)],
            BUFFERING,
            [START, ready(7), GapFound(8, 9), SnapshotNeeded(9, "gap")],
            id="gap-of-one",
        ),
        pytest.param(
            [diff(5, 7), seed(6), diff(8, 9), diff(11, 12), diff(10, 10), seed(11, at_us=EPOCH_US + 9)],
            LIVE,
            [START, ready(7), GapFound(10, 11), SnapshotNeeded(11, "gap"), ready(12, EPOCH_US + 9)],
            id="reordered-diffs-cost-a-resync",
        ),
        pytest.param(
            [diff(5, 7), seed(6), seed(3), seed(50), diff(8, 9)],
            LIVE,
            [START, ready(7)],
            id="seed-while-live-is-ignored",
        ),
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
        pytest.param([halt, unhalt, cut], WAITING, [], id="nothing-to-leave"),
        pytest.param(
            [diff(5, 7), seed(6), cut, seed(20)],
            WAITING,
            [START, ready(7), Left("session_lost", 7)],
            id="late-seed-does-not-wake-a-closed-session",
        ),
        pytest.param(
            [diff(5, 7), cut, diff(30, 31), seed(6), seed(30)],
            LIVE,
            [
                START,
                Left("session_lost", -1),
                SnapshotNeeded(30, "start"),
                SnapshotNeeded(30, "seed_too_old"),
                ready(31),
            ],
            id="seed-of-the-last-session-is-too-old",
        ),
    ],
)
def test_spot_transcript(heard, state, events):
    book = make()
    assert play(book, heard) == events
    assert book.state is state


@pytest.mark.parametrize(
    ("heard", "state", "events"),
    [
        pytest.param(
            [diff(5, 7, 3), seed(6)], LIVE, [SnapshotNeeded(3, "start"), ready(7)], id="seed-inside-U-u"
        ),
        pytest.param(
            [diff(5, 7, 3), seed(4)],
            LIVE,
            [SnapshotNeeded(3, "start"), ready(7)],
            id="seed-between-pu-and-U",
        ),
        pytest.param(
            [diff(5, 7, 3), seed(3)], LIVE, [SnapshotNeeded(3, "start"), ready(7)], id="seed-at-pu"
        ),
        pytest.param(
            [diff(5, 7, 3), seed(2)],
            BUFFERING,
            [SnapshotNeeded(3, "start"), SnapshotNeeded(3, "seed_too_old")],
            id="seed-older-than-pu",
        ),
        pytest.param(
            [diff(5, 7, 3), diff(11, 13, 7), diff(20, 21, 13), seed(7)],
            LIVE,
            [SnapshotNeeded(3, "start"), ready(21)],
            id="seed-at-u-then-pu-bridges-though-U-is-far",
        ),
        pytest.param(
            [diff(5, 7, 3), diff(8, 13, 6)],
            BUFFERING,
            [SnapshotNeeded(3, "start"), GapFound(7, 6), SnapshotNeeded(6, "gap")],
            id="hole-in-the-buffer-though-U-follows",
        ),
        pytest.param(
            [diff(5, 7, 3), seed(6), diff(8, 9, 6)],
            BUFFERING,
            [SnapshotNeeded(3, "start"), ready(7), GapFound(7, 6), SnapshotNeeded(6, "gap")],
            id="pu-does-not-match",
        ),
        pytest.param(
            [diff(5, 7, 3), seed(6), diff(9, 12, 8)],
            BUFFERING,
            [SnapshotNeeded(3, "start"), ready(7), GapFound(7, 8), SnapshotNeeded(8, "gap")],
            id="gap-of-exactly-one-id",
        ),
        pytest.param(
            [diff(5, 7, 3), seed(10), diff(8, 9, 7), diff(10, 12, 9), diff(15, 16, 12)],
            LIVE,
            [SnapshotNeeded(3, "start"), ready(10)],
            id="seed-ahead-old-dropped-straddle-bridges",
        ),
        pytest.param(
            [diff(5, 7, 3), seed(10), diff(12, 14, 11)],
            BUFFERING,
            [SnapshotNeeded(3, "start"), ready(10), GapFound(10, 11), SnapshotNeeded(11, "gap")],
            id="nothing-bridges-a-seed-ahead",
        ),
        pytest.param(
            [diff(5, 7, 3), seed(6), diff(5, 7, 3), diff(2, 3, 1)],
            LIVE,
            [SnapshotNeeded(3, "start"), ready(7)],
            id="repeats",
        ),
    ],
)
def test_futures_transcript(heard, state, events):
    book = make(Rule.FUTURES)
    assert play(book, heard) == events
    assert book.state is state


def test_applied_holds_what_the_last_call_applied_in_order():
    book = make()
    first, second, third = diff(5, 7), diff(8, 9), diff(10, 12)
    play(book, [first, second])
    assert book.applied == []
    book.receive_snapshot(seed(7))
    assert (book.applied, book.applied_epoch, book.last_id, book.bridged) == ([second], EPOCH_US, 9, True)
    book.receive_diff(third)
    assert book.applied == [third]
    book.receive_diff(third)
    assert book.applied == []
    book.receive_diff(diff(14, 15))
    assert (book.applied, book.epoch, book.last_id) == ([], None, -1)


def test_a_crossing_diff_counts_as_applied_in_the_epoch_that_ends():
    book = make()
    play(book, [diff(5, 7), seed(6), CROSSING])
    assert (book.applied, book.epoch, book.applied_epoch) == ([CROSSING], None, EPOCH_US)


def test_epochs_grow_even_if_our_clock_does_not():
    book = make()
    epochs = []
    for at_us in (50, 50, 10, 60):
        play(book, [diff(5, 7), seed(6, at_us=at_us)])
        epochs.append(book.epoch)
        book.leave("session_lost")
    assert epochs == [50, 51, 52, 60]


def test_buffer_is_bounded_and_says_what_it_dropped():
    book = make(buffer_limit=4)
    events = play(book, [diff(n, n) for n in range(5, 9)])
    assert events == [START, BufferTrimmed(2), SnapshotNeeded(7, "buffer_full")]
    assert book.buffered == 2
    assert play(book, [seed(6)]) == [SnapshotNeeded(7, "seed_too_old")]
    assert play(book, [seed(7)]) == [ready(8)]


def test_a_buffer_needs_room_for_two():
    with pytest.raises(BadInput, match="buffer_limit: expected 2 or more, got 1"):
        make(buffer_limit=1)


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


@pytest.mark.parametrize("before", [[], [diff(5, 7, 3)], [diff(5, 7, 3), seed(6)]])
def test_a_refused_diff_changes_nothing(before):
    book = make(Rule.FUTURES)
    play(book, before)
    was = (book.state, book.last_id, book.buffered, book.epoch)
    with pytest.raises(BadFrame):
        book.receive_diff(diff(8, 9))
    assert (book.state, book.last_id, book.buffered, book.epoch) == was


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


def test_an_empty_book_has_no_best():
    book = make()
    play(book, [diff(5, 7), seed(6), CLEARED])
    with pytest.raises(EmptySide, match="0 bid and 0 ask levels at id 9"):
        book.ladder.best()
