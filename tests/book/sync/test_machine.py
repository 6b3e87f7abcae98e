"""Transcripts of the sequence: seeds, bridges, gaps; what the book heard, said, and where it ended."""

from __future__ import annotations

import pytest

from leadline.book.errors import BadFrame, BadInput
from leadline.book.messages import Bbo
from leadline.book.sync.events import BufferTrimmed, GapFound, Left, SnapshotNeeded
from leadline.book.venues.binance.sequence import FUTURES
from tests.book.transcript import (
    BUFFERING,
    CROSSING,
    EPOCH_US,
    LIVE,
    START,
    WAITING,
    cut,
    diff,
    halt,
    make,
    play,
    ready,
    seed,
    unhalt,
)


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
            [diff(5, 7), seed(3)],
            BUFFERING,
            [START, SnapshotNeeded(5, "seed_too_old")],
            id="seed-just-too-old",
        ),
        pytest.param(
            [diff(5, 7), seed(3), diff(8, 9), seed(8)],
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
        pytest.param([diff(5, 7), seed(4)], LIVE, [START, ready(7)], id="seed-just-below-the-first-diff"),
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
    book = make(FUTURES)
    assert play(book, heard) == events
    assert book.state is state


def test_applied_holds_what_the_last_call_applied_in_order():
    book = make()
    first, second, third, fourth = diff(5, 7), diff(8, 9), diff(10, 12), diff(13, 13)
    play(book, [first, second, third])
    assert book.applied == []
    book.receive_snapshot(seed(7))
    assert book.applied == [second, third]
    assert (book.applied_epoch, book.last_id, book.bridged) == (EPOCH_US, 12, True)
    book.receive_diff(fourth)
    assert book.applied == [fourth]
    book.receive_diff(fourth)
    assert book.applied == []
    book.receive_diff(diff(15, 16))
    assert (book.applied, book.epoch, book.last_id, book.bridged) == ([], None, -1, False)


def test_a_crossing_diff_counts_as_applied_in_the_epoch_that_ends():
    book = make()
    play(book, [diff(5, 7), seed(6), CROSSING])
    assert (book.applied, book.epoch, book.applied_epoch) == ([CROSSING], None, EPOCH_US)


def test_seeds_nobody_asked_for_change_nothing():
    book = make()
    play(book, [diff(5, 7), seed(6)])
    assert play(book, [seed(3, at_us=EPOCH_US + 5, bids=((50, 1),)), seed(50)]) == []
    assert (book.last_id, book.epoch, book.bbo()) == (7, EPOCH_US, Bbo(100, 5, 101, 7))


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
    assert play(book, [seed(5)]) == [SnapshotNeeded(7, "seed_too_old")]
    assert play(book, [seed(7)]) == [ready(8)]


def test_a_buffer_needs_room_for_two():
    with pytest.raises(BadInput, match="buffer_limit: expected 2 or more, got 1"):
        make(buffer_limit=1)


@pytest.mark.parametrize("before", [[], [diff(5, 7, 3)], [diff(5, 7, 3), seed(6)]])
def test_a_refused_diff_changes_nothing(before):
    book = make(FUTURES)
    play(book, before)
    was = (book.state, book.last_id, book.buffered, book.epoch)
    with pytest.raises(BadFrame):
        book.receive_diff(diff(8, 9))
    assert (book.state, book.last_id, book.buffered, book.epoch) == was
