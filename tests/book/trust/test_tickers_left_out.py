"""A complete book whose tickers are left out, late or out of order: SUSPECT perhaps, never discarded."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from leadline.book.sync.events import BookReady, Mismatched, Refuted, State
from tests.book.crashes import Crash
from tests.book.engine.test_differential import Pair
from tests.book.fake_venue import ENGINES, needs_numba
from tests.book.heard import is_live
from tests.book.silent_faults import SOURCES, read
from tests.book.trust.test_attestation import ticker
from tests.book.watched import (
    SHARES,
    Watched,
    batch_for,
    left_out,
    overtaking,
    play_crash,
    play_recording,
    seeded_at,
)
from tests.recordings import recording

CRASHES = 250  # ``python -m tests.drills.crashes`` plays ten thousand


@needs_numba
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_a_complete_book_is_never_discarded_and_the_engines_agree(seed: int) -> None:
    crash = Crash(seed)
    messages, pair, said, is_seeded = crash.messages(), Pair(crash.venue), [], False
    for message in messages:
        told = pair.tell(message.method, *message.frame, message.ts_ns) or []
        if is_seeded:
            said += told
        elif message.method == "receive_depth":
            pair.tell("receive_snapshot", crash.body, message.ts_ns)
            is_seeded = True
    pair.compare(crash.venue)
    pair.compare_rows()
    for word in crash.weather.words:
        event(word)
    assert not any(isinstance(one, Refuted) for one in said)
    assert pair.books[0].state is State.LIVE, "the last ticker agreed at an equal id"


def test_crashes_discard_no_book_and_ask_for_no_snapshot() -> None:
    watched = Watched()
    for seed in range(CRASHES):
        crash = Crash(seed)
        play_crash(crash, "auto", batch_for(crash), watched)
        assert not watched.false, f"crash {seed}: {watched}"
    assert watched.suspect > CRASHES, "they are contradicted more than once each"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fast_fall_that_leaves_tickers_out_is_explained_by_the_next_one(engine: str) -> None:
    """The best bid goes and comes back within three updates, with no ticker of either, four times."""
    heard = is_live(engine)
    epoch = heard.book.epoch
    for n in range(10, 50, 10):
        heard.depth(n, n)
        assert ticker(heard, n) == []
        heard.depth(n + 1, n + 3, '["1.00","0"]')
        heard.depth(n + 4, n + 9, '["1.00","5"]')
        # A diff in the middle contradicts both tickers around it, and the end of the next one agrees.
        assert ticker(heard, n + 9) == [Mismatched(n + 9), BookReady(epoch, n + 9)]
        ended, opened = heard.batch.coverage[-2:]
        assert (ended.last_id, opened.first_id) == (n, n + 9), "not covered where the miss was"
    assert (heard.book.state, heard.book.epoch) == (State.LIVE, epoch)
    assert [row.refuted for row in heard.batch.mismatches] == [False] * 4


# -- recordings ------------------------------------------------------------------------------------


@pytest.mark.recordings
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", SOURCES)
def test_recordings_with_tickers_left_out_keep_their_book(name: str, share: float) -> None:
    lines, watched = read(recording(SOURCES[name].name)), Watched()
    lines = left_out(lines, share, Random(f"{name} {share}"))
    player = play_recording(SOURCES[name], lines, watched)
    assert watched.bracketed_misses, "some that were left out were missed"
    assert (watched.equal_id_misses, watched.refuted) == (0, 0)
    assert player.book.epoch == seeded_at(lines), "the one book from its seed to the end"


@pytest.mark.recordings
@pytest.mark.parametrize("name", SOURCES)
def test_recordings_whose_tickers_overtake_each_other_keep_their_book(name: str) -> None:
    lines, watched = read(recording(SOURCES[name].name)), Watched()
    player = play_recording(SOURCES[name], overtaking(lines, Random(name)), watched)
    assert (watched.equal_id_misses, watched.refuted) == (0, 0)
    assert player.book.epoch == seeded_at(lines)
