"""Scripts of faults against a venue that knows the truth; the moves are listed in `true_venue`."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from leadline.book.errors import NotLive
from leadline.book.sync.events import BookReady, Crossed, GapFound, SnapshotNeeded, State
from leadline.book.sync.old_diffs import LATER_LIMIT
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from tests.book.true_venue import LOSSES, Listener, TrueVenue

# Repeated letters are weights: enough seeds to be LIVE half of the time, enough faults not to stay so.
MOVES = "uuuuuuuugggeqqq22oossssssmmtTTxrLkkSHhhhhh"
HARMLESS = "".join(move for move in MOVES if move not in LOSSES)
SCRIPTS = st.lists(st.sampled_from(MOVES), min_size=30, max_size=60).map("".join)
HARMLESS_SCRIPTS = st.lists(st.sampled_from(HARMLESS), min_size=30, max_size=60).map("".join)
RULES = pytest.mark.parametrize("rule", [SPOT, FUTURES], ids=["spot", "futures"])
SEEDS = st.integers(0, 2**32)
play_many = settings(max_examples=150, deadline=None)


def check(listener: Listener) -> None:
    """LIVE equals the truth at that id and what was stored; not LIVE cannot be read."""
    sync, venue = listener.sync, listener.venue
    if sync.state is not State.LIVE:
        with pytest.raises(NotLive):
            sync.bbo()
        return
    bids, asks = sync.ladder.top()
    assert (dict(bids), dict(asks)) == venue.truth[sync.last_id]
    assert (listener.stored.last_id, listener.stored.top()) == (sync.last_id, (bids, asks))
    bbo = sync.bbo()
    assert (bbo.bid_ticks, bbo.ask_ticks) == (bids[0][0], asks[0][0])
    assert bbo.bid_ticks < bbo.ask_ticks
    assert sync.epoch is not None


@RULES
@example(script="qs" + "u" * 5, seed=1)
@example(script="uxumuss", seed=2)
@given(script=SCRIPTS, seed=SEEDS)
@play_many
def test_live_equals_the_venue(rule, script, seed):
    listener = Listener(rule, seed)
    states: Counter[State] = Counter()
    for move in script:
        listener.play(move)
        states[listener.sync.state] += 1
        check(listener)
    event(f"LIVE {10 * states[State.LIVE] // max(1, len(script)) * 10} % of the time")
    event(f"gaps: {min(3, sum(isinstance(e, GapFound) for e in listener.events))}")


@RULES
@given(script=SCRIPTS, seed=SEEDS)
@play_many
def test_faults_stop_and_the_book_is_live_again(rule, script, seed):
    listener = Listener(rule, seed)
    for move in script:
        listener.play(move)
    event(f"ended {listener.sync.state}")
    for move in "hus":
        listener.play(move)
    assert listener.sync.state is State.LIVE
    assert listener.sync.last_id == listener.venue.last_id
    check(listener)


@RULES
@given(script=HARMLESS_SCRIPTS, seed=SEEDS)
@play_many
def test_nothing_lost_no_gap(rule, script, seed):
    listener = Listener(rule, seed)
    for move in script:
        listener.play(move)
        check(listener)
    assert not [e for e in listener.events if isinstance(e, GapFound | Crossed)]


@RULES
@given(script=SCRIPTS, seed=SEEDS)
@play_many
def test_epochs_and_ids_only_grow(rule, script, seed):
    listener = Listener(rule, seed)
    for move in script:
        listener.play(move)
    seen = [(e.epoch, e.last_id) for e in listener.events if isinstance(e, BookReady)]
    assert seen == sorted(seen)
    ids = [e.last_id for e in listener.events if isinstance(e, BookReady)]
    assert ids == sorted(ids)


@RULES
@given(script=HARMLESS_SCRIPTS, seed=SEEDS, back=st.integers(1, 10**9))
@play_many
def test_ids_that_begin_anew_are_noticed_within_seconds(rule, script, seed, back):
    listener = Listener(rule, seed)
    for move in script + "husu":
        listener.play(move)
    sync, reset = listener.sync, TrueVenue(rule, listener.rng)
    assert sync.state is State.LIVE
    reset.last_id = reset.sent_id = -back - 100  # below whatever the book holds
    reset.event_ns = listener.venue.event_ns
    events = [event for _ in range(LATER_LIMIT) for event in sync.receive_diff(reset.update())]
    assert [type(event) for event in events][-2:] == [GapFound, SnapshotNeeded]
    events = sync.receive_snapshot(reset.seed())
    assert [type(event) for event in events] == [BookReady]
    assert sync.last_id == reset.last_id


@RULES
@given(lost=st.integers(1, 30), seed=SEEDS)
@play_many
def test_one_lost_diff_is_found_at_exactly_its_id(rule, lost, seed):
    listener = Listener(rule, seed)
    for move in "us" + "u" * lost:
        listener.play(move)
    before = listener.venue.sent_id
    dropped = listener.venue.update()
    after = listener.venue.update()
    listener.hear(after)
    [found] = [e for e in listener.events if isinstance(e, GapFound)]
    if rule is SPOT:
        assert found == GapFound(before + 1, after.first_id)
    else:
        assert found == GapFound(before, dropped.last_id)
    assert listener.sync.state is State.BUFFERING
