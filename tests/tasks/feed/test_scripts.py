"""
Hypothesis plays scripts of faults against a streaming feed; four claims are held after each.

LIVE equals the venue · faults stop, then LIVE again · nothing lost, then no gap · not LIVE, then no book.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from leadline.book.errors import NotLive
from leadline.book.sync.events import State
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from tests.tasks.feeding import (
    IMPATIENT,
    ListSink,
    all_live,
    assert_true_book,
    config_for,
    feeding,
    standing,
    until,
)

# Repeated letters weigh more. Lower case: nothing is lost by it.
MOVES = {
    "D": lambda symbol: Fault("drop", symbol),
    "T": lambda symbol: Fault("truncated", symbol),
    "R": lambda symbol: Fault("reorder", symbol),
    "X": lambda symbol: Fault("crossed", symbol),
    "C": lambda symbol: Fault("cut"),
    "F": lambda symbol: Fault("close", code=1001),
    "u": lambda symbol: Fault("duplicate", symbol, n=2),
    "d": lambda symbol: Fault("delay", symbol, seconds=0.05),
    "g": lambda symbol: Fault("garbage"),
    "s": lambda symbol: Fault("stale_snapshot", symbol),
    "l": lambda symbol: Fault("late_snapshot", symbol, seconds=0.05),
    "e": lambda symbol: Fault("rest_5xx"),
}
SCRIPTS = st.text(alphabet="DDDTRXCFuudgssle", min_size=1, max_size=5)


class Stage:
    """One venue and one feed for all scripts: each begins where the last one ended, as in life."""

    def __init__(self, venue: ThreadedVenue, feed: Feed, sink: ListSink) -> None:
        self.venue = venue
        self.feed = feed
        self.sink = sink

    def hits(self) -> int:
        return sum(len(entry["hits"]) for entry in self.venue.ledger()["faults"])

    def pending(self) -> list[str]:
        """Faults ordered that have not struck yet; REST faults wait for a request that may never come."""
        return [
            entry["kind"]
            for entry in self.venue.ledger()["faults"]
            if not entry["done"] and not entry["kind"].startswith(("rest_", "stale_", "late_"))
        ]

    def losses(self) -> int:
        status = self.feed.status()
        return status.sessions + status.resyncs + sum(symbol.gaps for symbol in status.symbols)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    sink = ListSink()
    with ExitStack() as stack:
        venue = stack.enter_context(run_in_thread(Options(count=2, speed=4, history_s=600)))
        feed = stack.enter_context(feeding(config_for(venue, patience=IMPATIENT), sink))
        all_live(feed)
        yield Stage(venue, feed, sink)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
@given(script=SCRIPTS)
def test_scripts(stage: Stage, script: str) -> None:
    victim, other = stage.venue.symbols
    losses, seeds = stage.losses(), stage.feed.status().symbol(other).epoch
    for letter in script:
        stage.venue.inject(MOVES[letter](victim))
        event(letter)
    until(lambda: not stage.pending(), f"{script!r} has struck")
    until(lambda: stage.feed.status().live == 2, f"LIVE again after {script!r}")
    for symbol in (victim, other):
        assert_true_book(stage.feed, stage.venue, symbol)
    if script.islower():
        assert stage.losses() == losses, "nothing was lost, so nothing was rebuilt"
    if not set(script) & {"C", "F"}:
        assert stage.feed.status().symbol(other).epoch == seeds, "the other symbol was left alone"


def test_a_book_that_is_not_live_cannot_be_read(stage: Stage) -> None:
    victim = stage.venue.symbols[0]
    stage.venue.inject(Fault("late_snapshot", victim, seconds=0.5))
    stage.venue.inject(Fault("drop", victim))
    until(lambda: stage.feed.status().symbol(victim).state is State.BUFFERING, "being rebuilt")
    with pytest.raises(NotLive, match="BUFFERING"):
        standing(stage.feed, victim)
    sample = stage.feed.sample(5, (10.0,))[0]
    assert (sample.trusted, sample.bids) == (False, ())
    assert sample.reason
    all_live(stage.feed)
