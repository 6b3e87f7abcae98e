"""The feed against a venue whose diffs are in order and wrong: its own book tickers give it away."""

from __future__ import annotations

from typing import Any

import pytest

from book.attestation import Kind
from book.batch import CoverageEnded
from book.events import State
from tasks.feed import Feed
from tasks.loopback import Fault, ThreadedVenue
from tests.tasks.feeding import ListSink, assert_true_book, until
from tests.tasks.test_feed_faults import hits, streaming

WITHIN_S = 60.0
ONE_TRY_S = 0.5


def spoil_until_noticed(
    feed: Feed, venue: ThreadedVenue, sink: ListSink, kind: str, victim: str, *, by: set[str]
) -> None:
    """
    Spoil one diff after another until the book was discarded for one of ``by`` and has a new seed.

    One that comes after the seed may stay unnoticed, so then there is another.
    """
    for _ in range(int(WITHIN_S / ONE_TRY_S)):
        resyncs = feed.status().symbol(victim).resyncs
        struck = len(hits(venue, kind))
        venue.inject(Fault(kind, victim))
        until(lambda n=struck: len(hits(venue, kind)) > n, "the fault has struck", within_s=WITHIN_S)
        last_id = hits(venue, kind)[-1]["last_id"]
        try:
            until(
                lambda n=resyncs: feed.status().symbol(victim).resyncs > n, "resynced", within_s=ONE_TRY_S
            )
        except AssertionError:
            continue  # the level was not seen at the top
        feed.flush()
        if by.isdisjoint(sink.reasons(victim)):
            continue  # found, but in another way: a crossed book needs no witness
        seeded = feed.status().symbol(victim)
        if seeded.state is State.LIVE and epoch_began(feed, victim) >= last_id:
            return
    raise AssertionError(f"{kind} was not noticed in {WITHIN_S:g} s")


def epoch_began(feed: Feed, symbol: str) -> int:
    """Return the id of the seed: of all up to it the present book has not heard."""

    async def read(core: Any) -> int:
        return core.router.books[symbol].seed_id

    return feed._call(read)


@pytest.mark.parametrize("engine", ["plain", "auto"])
@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_lost_events_behind_the_sequence_check_are_found_and_healed(kind: str, engine: str) -> None:
    with streaming(kind=kind, engine=engine) as (feed, venue, sink):
        victim, other = venue.symbols
        epochs = {symbol: feed.status().symbol(symbol).epoch for symbol in (victim, other)}
        spoil_until_noticed(feed, venue, sink, "lost_event", victim, by={"refuted"})
        found = sink.mismatches(victim)
        assert found[0].epoch == epochs[victim]
        assert found[0].miss.kind in (Kind.EQUAL_ID, Kind.BRACKETED)
        assert found[0].miss.ours != found[0].miss.theirs
        for symbol in (victim, other):
            assert_true_book(feed, venue, symbol)
        reasons = sink.reasons(victim)
        assert reasons.index("mismatch") < reasons.index("refuted")
        assert "gap" not in reasons, "the ids were in order all the time"
        ends = [row for row in sink.coverage() if isinstance(row, CoverageEnded) and row.found_ns]
        assert ends[0].last_id < found[0].miss.book_id
        assert sink.mismatches(other) == []
        assert feed.status().symbol(other).epoch == epochs[other]


@pytest.mark.parametrize("kind", ["lost_level", "wrong_side", "stale_qty", "wrong_qty"])
def test_one_wrong_level_near_the_top_is_found(kind: str) -> None:
    with streaming(count=1) as (feed, venue, sink):
        (victim,) = venue.symbols
        spoil_until_noticed(feed, venue, sink, kind, victim, by={"refuted", "crossed"})
        assert_true_book(feed, venue, victim)
