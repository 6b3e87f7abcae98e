"""
A book kept from Bybit's messages, against a reference in plain dicts: LIVE equals the venue, always.

Moves: d a delta arrives, x one is lost, r the last message comes again, s the venue sends a snapshot in
between, R it restarts and counts from 1, a we ask anew (what the book asks for is always heard late).
"""

from __future__ import annotations

from collections import Counter

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.messages import DepthDiff, DepthSnapshot
from leadline.book.sync.events import BookReady, Crossed, GapFound, Restarted, SnapshotNeeded, State
from leadline.book.sync.machine import BookSync
from leadline.book.venues.bybit.decode import decode_depth
from leadline.book.venues.bybit.sequence import TOPIC
from tests.book.venues.bybit.fake_bybit import SCALE, FakeBybit

MOVES = st.lists(st.sampled_from("ddddddddddddxrssRaaa"), min_size=10, max_size=60).map("".join)
SEEDS = st.integers(0, 2**32)
many = settings(max_examples=200, deadline=None)


class Kept:
    """A venue, the book kept of it, and the reference: levels in dicts, moved by the documents' words."""

    def __init__(self, seed: int) -> None:
        self.venue = FakeBybit(seed)
        self.sync: BookSync = BookSync(PlainLadder(), TOPIC)
        self.events: list = []
        self.last = self.venue.again()
        self.arrived = 0
        self.hear(self.last)

    def hear(self, frame: bytes) -> None:
        self.arrived += 1
        told = decode_depth(frame, SCALE, 1_790_000_000_000_000_000 + self.arrived * 1_000_000)
        if isinstance(told, DepthSnapshot):
            self.events += self.sync.receive_restart(told)
        else:
            assert isinstance(told, DepthDiff)
            self.events += self.sync.receive_diff(told)

    def play(self, move: str) -> None:
        if move == "a":
            self.hear(self.venue.again())
            return
        if move == "r":
            self.hear(self.last)
            return
        self.venue.change()
        frame = self.venue.snapshot(restart=move == "R") if move in "sR" else self.venue.delta()
        if move != "x":
            self.last = frame
            self.hear(frame)

    def check(self) -> None:
        if self.sync.state in (State.LIVE, State.SUSPECT):
            bids, asks = self.sync.ladder.top()
            assert (dict(bids), dict(asks)) == self.venue.truth[self.sync.last_id]


@example(moves="dxda", seed=1)
@example(moves="Rdrxdad", seed=2)
@given(moves=MOVES, seed=SEEDS)
@many
def test_what_is_live_is_what_the_venue_told_last(moves: str, seed: int) -> None:
    kept, states = Kept(seed), Counter[State]()
    for move in moves:
        kept.play(move)
        kept.check()
        states[kept.sync.state] += 1
    assert not [event for event in kept.events if isinstance(event, Crossed)]
    event(f"LIVE {10 * states[State.LIVE] // len(moves) * 10} % of the time")


@given(moves=MOVES, seed=SEEDS)
@many
def test_a_lost_delta_is_a_gap_with_the_next_and_a_snapshot_heals_it(moves: str, seed: int) -> None:
    kept = Kept(seed)
    for move in moves:
        kept.play(move)
    kept.play("a")
    assert kept.sync.state is not State.BUFFERING
    at, gaps = kept.sync.last_id, len(kept.events)
    for move in "xd":
        kept.play(move)
    assert GapFound(at + 1, at + 2) in kept.events[gaps:]
    assert [type(each) for each in kept.events[gaps:]][:2] == [GapFound, SnapshotNeeded]
    kept.play("a")
    kept.check()
    assert kept.sync.last_id == kept.venue.u


@given(moves=st.text("dsRar", min_size=1, max_size=60), seed=SEEDS)
@many
def test_nothing_lost_means_no_gap(moves: str, seed: int) -> None:
    kept = Kept(seed)
    for move in moves:
        kept.play(move)
        kept.check()
    assert not [each for each in kept.events if isinstance(each, GapFound | SnapshotNeeded)]
    assert kept.sync.state in (State.LIVE, State.SUSPECT)


def test_a_restart_begins_a_new_epoch_at_one() -> None:
    kept = Kept(7)
    kept.play("d")
    held = kept.sync.last_id
    kept.play("R")
    assert kept.events[-2:] == [Restarted(held, 1), BookReady(kept.sync.epoch or 0, 1)]
    kept.play("d")
    kept.check()
    assert kept.sync.last_id == 2
