"""The compiled ladder as an object: growth, memory, pruning, and what it shares between books."""

from __future__ import annotations

import sys
import threading

import pytest

from leadline.book.engine.factory import has_numba
from leadline.book.errors import EmptySide
from leadline.book.sync.ladder import TopState

if not has_numba():
    pytest.skip("numba is not installed here", allow_module_level=True)

import numpy as np

from leadline.book.engine.compiled_ladder import CompiledLadder, RawDiff, RawSeed
from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.kernel import entries as kernel
from leadline.book.kernel import ladder as kernel_side
from leadline.book.kernel import memory as kernel_memory
from leadline.book.messages import DepthDiff, DepthSnapshot
from leadline.book.rows.batch import DiffCol, Market
from leadline.book.scale import Scale
from leadline.book.venues.binance import scan as kernel_scan
from leadline.book.venues.binance.sequence import SPOT
from tests.book.fake_venue import FakeVenue, rows

SOUND = [(100, 5), (99, 6)], [(101, 7), (103, 8)]


def ladder() -> CompiledLadder:
    return CompiledLadder(0, Market("loopback", "BTCUSDT", Scale(2, 3), SPOT), 1_000_000)


def seed(bids, asks, last_id: int = 7) -> RawSeed:
    flat = np.array([*bids, *asks], np.int64).reshape(-1)
    return RawSeed(last_id, 70, None, len(bids), len(asks), flat)


def diff(bids, asks, last_id: int = 8) -> RawDiff:
    flat = np.array([*bids, *asks], np.int64).reshape(-1)
    return RawDiff(last_id, last_id, None, 0, 80, len(bids), len(asks), flat)


def seeded(bids, asks) -> CompiledLadder:
    made = ladder()
    made.seed(seed(bids, asks))
    return made


def test_a_seed_is_held_and_forgotten() -> None:
    book = seeded(*SOUND)
    assert (book.last_id, book.last_recv_ns) == (7, 70)
    assert book.top() == SOUND
    assert book.best() == (100, 5, 101, 7)
    assert book.top_state() is TopState.SOUND
    book.clear()
    assert (book.last_id, book.last_recv_ns) == (-1, 0)
    assert book.top() == ([], [])
    assert book.top_state() is TopState.EMPTY_SIDE


@pytest.mark.parametrize("sides", [([(100, 5)], []), ([], [(100, 5)]), ([], [])])
def test_an_empty_side_has_no_best(sides) -> None:
    book = seeded(*sides)
    assert book.top_state() is TopState.EMPTY_SIDE
    with pytest.raises(EmptySide, match="at id 7"):
        book.best()


@pytest.mark.parametrize("bid", [101, 102])
def test_a_locked_or_crossed_top_is_crossed(bid: int) -> None:
    book = seeded(*SOUND)
    book.apply(diff([(bid, 1)], []))
    assert book.top_state() is TopState.CROSSED
    assert book.best() == (bid, 1, 101, 7)


def test_applying_a_diff_twice_changes_nothing_the_second_time() -> None:
    """The compiled book relies on it: a diff that crosses is applied again by book.sync."""
    once, twice = seeded(*SOUND), seeded(*SOUND)
    change = diff([(100, 0), (98, 3), (55, 0)], [(101, 2), (102, 1)])
    once.apply(change)
    twice.apply(change)
    twice.apply(change)
    assert once.top() == twice.top() == ([(99, 6), (98, 3)], [(101, 2), (102, 1), (103, 8)])


def test_it_grows_and_a_new_start_gives_memory_back() -> None:
    small = ladder().state.nbytes
    book = seeded([(n, n) for n in range(9_000, 0, -1)], [(n, n) for n in range(9_001, 14_000)])
    book.apply(diff([], [(n, 1) for n in range(20_000, 33_000)]))
    assert book.level_counts() == (9_000, 17_999)
    plain = PlainLadder()
    plain.seed(
        DepthSnapshot(
            "X",
            7,
            70,
            tuple((n, n) for n in range(9_000, 0, -1)),
            tuple((n, n) for n in range(9_001, 14_000)),
        )
    )
    plain.apply(DepthDiff("X", 8, 8, None, 0, 80, (), tuple((n, 1) for n in range(20_000, 33_000))))
    assert book.top() == plain.top()
    assert book.best() == plain.best()
    assert book.state.nbytes > 500_000
    book.clear()
    assert book.state.nbytes == small


def test_the_worst_levels_go_first() -> None:
    book = seeded(*SOUND)
    assert book.ghosts(100, 101) == (1, 1)
    assert book.ghosts(99, 103) == (0, 0)
    assert book.lots_within(100, 103) == (5, 15)
    book.drop_worst(1, 1)
    assert book.top() == ([(100, 5)], [(101, 7)])
    assert book.best() == (100, 5, 101, 7)


def test_lots_beyond_64_bits_are_summed_exactly() -> None:
    big = 2**62
    book = seeded([(100, big), (99, big), (98, big)], [(101, 1)])
    assert book.lots_within(1, 200) == (3 * big, 1)


@pytest.mark.parametrize("n", [0, 1, 2, 3, None])
def test_top_n(n: int | None) -> None:
    assert seeded(*SOUND).top(n) == (SOUND[0][:n], SOUND[1][:n])


def test_a_huge_frame_grows_an_empty_batch_and_is_refused_by_a_used_one() -> None:
    venue = FakeVenue(1)
    book, batch = venue.book("compiled"), venue.batch(diff_rows=2, level_rows=16)
    book.receive_depth(*venue.frame(venue.diff()), 1, batch)
    book.receive_snapshot(venue.snapshot(), 2, batch)
    frame = venue.frame(venue.diff(([(n, 5) for n in range(1, 5_000)], [])))
    book.receive_depth(*frame, 3, batch)
    assert book.last_id == venue.last_id
    assert dict(book.levels()[0]) == venue.bids
    assert batch.counts[1] == 4_999


def test_it_grows_on_the_short_way() -> None:
    venue = FakeVenue(1)
    book, batch = venue.book("compiled"), venue.batch()
    book.receive_depth(*venue.frame(venue.diff()), 1, batch)
    book.receive_snapshot(venue.snapshot(), 2, batch)
    book.receive_depth(*venue.frame(venue.diff()), 3, batch)
    for round_ in range(8):
        bids = [(price, 5) for price in range(1 + 150 * round_, 151 + 150 * round_)]
        asks = [(200_000 + price, 7) for price, _ in bids]
        book.receive_depth(*venue.frame(venue.diff((bids, asks))), 4, batch)
        assert tuple(map(dict, book.levels())) == (venue.bids, venue.asks)


def test_how_long_a_diff_took_is_written_when_asked_for() -> None:
    venue = FakeVenue(2)
    clock = iter(range(1_000, 10_000, 100))
    book, batch = venue.book("compiled", mono_ns=lambda: next(clock)), venue.batch()
    book.receive_depth(*venue.frame(venue.diff()), 1, batch, 900)
    book.receive_snapshot(venue.snapshot(), 2, batch)
    book.receive_depth(*venue.frame(venue.diff()), 3, batch)  # not asked
    book.receive_depth(*venue.frame(venue.diff()), 4, batch, 400)  # bridged by then: the short way
    took = [row[DiffCol.TO_BOOK_NS] for row, _ in rows(batch)["diffs"]]
    assert took == [0, 600]


def test_books_in_two_threads_do_not_mix() -> None:
    """All books share one working space, and halted ones take the long way: a scan, then book.sync."""
    rounds, seen = 3_000, {}

    def run(n: int) -> None:
        venue = FakeVenue(n)
        book, batch = venue.book("compiled"), venue.batch(diff_rows=rounds + 1)
        book.receive_depth(*venue.frame(venue.diff()), 1, batch)
        book.receive_snapshot(venue.snapshot(), 2, batch)
        book.halt("BREAK", 3, batch)
        frames = [venue.frame(venue.diff()) for _ in range(rounds)]
        ready.wait()
        for frame in frames:
            book.receive_depth(*frame, 4, batch)
        book.unhalt(5, batch)
        seen[n] = (book.levels(), venue)

    ready = threading.Barrier(2)
    threads = [threading.Thread(target=run, args=(n,)) for n in range(2)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    for (bids, asks), venue in seen.values():
        assert dict(bids) == venue.bids
        assert dict(asks) == venue.asks
    assert len(seen) == 2


def test_the_stamp_follows_every_change_of_code() -> None:
    """numba keeps compiled entries on disk by the age of kernel.py alone; the stamp sees the rest."""
    before = kernel.stamp_of(kernel_side, kernel_scan)
    assert before == kernel.stamp_of(kernel_side, kernel_scan)
    assert before != kernel.stamp_of(kernel_side, kernel_memory)
    room = kernel_side.SYMBOL_ROOM
    try:
        kernel_side.SYMBOL_ROOM = room + 1
        assert kernel.stamp_of(kernel_side, kernel_scan) != before
    finally:
        kernel_side.SYMBOL_ROOM = room
    function = kernel_side.note_top.py_func
    code = function.__code__
    try:
        function.__code__ = kernel_side.fill.py_func.__code__
        assert kernel.stamp_of(kernel_side, kernel_scan) != before
    finally:
        function.__code__ = code
