"""The feed against a venue whose diffs are in order and wrong: its own book tickers give it away."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from leadline.book.rows.batch import CoverageEnded
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import State
from leadline.tasks.feed.requests.audit import Auditor
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Fault, ThreadedVenue
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.common.profile import DepthWeight
from leadline.tasks.venues.registry import VENUES
from tests.tasks.feed.test_faults import hits, streaming
from tests.tasks.feeding import ListSink, assert_true_book, standing, until

WITHIN_S = 60.0
ONE_TRY_S = 0.5
WEIGHT = 60_000  # a minute: audits take their share of it, so they come often
AUDITING = {
    "profile": {"weight_per_minute": WEIGHT},
    "audit_every_s": 0.001,
    "audit_lead_s": 0.05,
    "audit_settle_s": 0.05,
}


def spoil_until_noticed(
    feed: Feed, venue: ThreadedVenue, sink: ListSink, kind: str, victim: str, *, by: set[str]
) -> None:
    """Spoil one diff after another until the book was doubted or discarded for one of ``by``."""
    for _ in range(int(WITHIN_S / ONE_TRY_S)):
        struck = len(hits(venue, kind))
        venue.inject(Fault(kind, victim))
        until(lambda n=struck: len(hits(venue, kind)) > n, "the fault has struck", within_s=WITHIN_S)
        with suppress(AssertionError):  # the level was not seen at the top
            until(
                lambda: feed.flush() and not by.isdisjoint(sink.reasons(victim)),
                "noticed",
                within_s=ONE_TRY_S,
            )
            return
    raise AssertionError(f"{kind} was not noticed in {WITHIN_S:g} s")


def is_true(feed: Feed, venue: ThreadedVenue, symbol: str) -> bool:
    """Whether the book is LIVE and the venue's own: what was wrong does not last."""
    try:
        assert_true_book(feed, venue, symbol)
    except AssertionError:
        return False
    return True


def is_resynced(feed: Feed, symbol: str, resyncs: int, *, try_s: float = ONE_TRY_S) -> bool:
    """Wait for a resync: for a while, and as long as the book is SUSPECT."""
    try:
        until(lambda: feed.status().symbol(symbol).resyncs > resyncs, "resynced", within_s=try_s)
    except AssertionError:
        live = State.LIVE
        until(lambda: feed.status().symbol(symbol).state is live, "healed or resynced", within_s=WITHIN_S)
    return feed.status().symbol(symbol).resyncs > resyncs


def epoch_began(feed: Feed, symbol: str) -> int:
    """Return the id of the seed: of all up to it the present book has not heard."""

    async def read(core: Any) -> int:
        return core.router.books[symbol].seed_id

    return feed._call(read)


@pytest.mark.parametrize("engine", ["plain", "auto"])
@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_lost_events_behind_the_sequence_check_are_found_and_healed(kind: str, engine: str) -> None:
    with streaming(kind=kind, engine=engine, venue={"weight_limit": WEIGHT}, **AUDITING) as (
        feed,
        venue,
        sink,
    ):
        victim, other = venue.symbols
        epochs = {symbol: feed.status().symbol(symbol).epoch for symbol in (victim, other)}
        spoil_until_noticed(feed, venue, sink, "lost_event", victim, by={"mismatch"})
        found = sink.mismatches(victim)
        # A lost event may cross the book first; then the mismatch is in an epoch after that.
        assert found[0].epoch in {row.epoch for row in sink.coverage()}
        if "crossed" not in sink.reasons(victim):
            assert found[0].epoch == epochs[victim]
        assert found[0].miss.ours != found[0].miss.theirs
        assert "gap" not in sink.reasons(victim), "the ids were in order all the time"
        ends = [row for row in sink.coverage() if isinstance(row, CoverageEnded) and row.found_ns]
        assert ends[0].last_id < found[0].miss.book_id
        until(lambda: is_true(feed, venue, victim), "set anew, or discarded by an audit", within_s=WITHIN_S)
        assert sink.mismatches(other) == []
        assert feed.status().symbol(other).epoch == epochs[other]
        assert_true_book(feed, venue, other)


@pytest.mark.parametrize("kind", ["lost_level", "wrong_side", "stale_qty", "wrong_qty"])
def test_one_wrong_level_near_the_top_is_found_and_does_not_last(kind: str) -> None:
    with streaming(count=1, venue={"weight_limit": WEIGHT}, **AUDITING) as (feed, venue, sink):
        (victim,) = venue.symbols
        spoil_until_noticed(feed, venue, sink, kind, victim, by={"mismatch", "crossed"})
        until(lambda: is_true(feed, venue, victim), "set anew, or discarded", within_s=WITHIN_S)


SHALLOW = 80  # levels a side at the start: a snapshot lists the whole book


def audits_of(sink: ListSink) -> tuple[int, int]:
    """How many levels were audited and how many of them differed, as it goes to the store."""
    tallies = [row.tally for batch in list(sink.batches) for row in list(batch.attestations)]
    return sum(tally.audited for tally in tallies), sum(tally.audit_misses for tally in tallies)


@pytest.mark.parametrize("engine", ["plain", "auto"])
@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_audits_of_true_books_find_nothing(kind: str, engine: str) -> None:
    with streaming(
        kind=kind,
        engine=engine,
        venue={"weight_limit": WEIGHT},
        **AUDITING,
    ) as (feed, venue, sink):
        until(lambda: feed.status().audits.done >= 12, "audits", within_s=WITHIN_S)
        counts = feed.status().audits
        assert (counts.misses, counts.failed) == (0, 0)
        assert counts.levels > 12 * 100, "both sides, most of what a snapshot lists"
        assert counts.untold < counts.done
        feed.stop()
        assert audits_of(sink) == (feed.status().audits.levels, 0)
        assert {reason for symbol in venue.symbols for reason in sink.reasons(symbol)} <= {
            "start",
            "ready",
            "stopped",
        }


@pytest.mark.parametrize("engine", ["plain", "auto"])
@pytest.mark.parametrize("fault", ["stale_qty", "lost_level", "wrong_qty"])
def test_a_wrong_level_deep_in_the_book_is_found_by_an_audit(fault: str, engine: str) -> None:
    with streaming(
        count=1, engine=engine, venue={"weight_limit": WEIGHT, "levels": SHALLOW}, **AUDITING
    ) as (feed, venue, sink):
        (victim,) = venue.symbols
        found = []
        for _ in range(int(WITHIN_S / ONE_TRY_S)):
            resyncs = feed.status().symbol(victim).resyncs
            venue.inject(Fault(fault, victim, text="deepest"))
            if not is_resynced(feed, victim, resyncs, try_s=2 * ONE_TRY_S):
                continue  # the level was set anew, or lies beyond what is audited
            feed.flush()
            found = [row for row in sink.mismatches(victim) if row.miss.kind is Kind.AUDIT]
            if found:
                break
        assert found, "no audit found it"
        miss = found[0].miss
        assert found[0].refuted
        truth = venue.truth(victim, miss.witness_id)
        is_bid = miss.theirs.bid_ticks > 0
        price = miss.theirs.bid_ticks if is_bid else miss.theirs.ask_ticks
        theirs, ours = (top.bid_lots if is_bid else top.ask_lots for top in (miss.theirs, miss.ours))
        side = truth.bids if is_bid else truth.asks
        assert dict(side).get(price, 0) == theirs != ours
        reasons = sink.reasons(victim)
        assert reasons.index("mismatch") < reasons.index("refuted")
        ends = [row for row in sink.coverage() if isinstance(row, CoverageEnded) and row.found_ns]
        assert ends[0].last_id < miss.book_id, "untrusted since the last audit that agreed"
        assert_true_book(feed, venue, victim)


@pytest.mark.parametrize("engine", ["plain", "auto"])
def test_audits_teach_a_book_what_lies_beyond_its_seed(engine: str) -> None:
    shallow = {"depth_weights": (DepthWeight(100, 5),)}  # the price soon leaves the middle of such a seed
    with streaming(count=1, engine=engine, venue={"weight_limit": WEIGHT}, limits=shallow, **AUDITING) as (
        feed,
        venue,
        sink,
    ):
        (symbol,) = venue.symbols

        def reaches_farther() -> bool:
            _, (low, high), _, _ = standing(feed, symbol)
            epoch = feed.status().symbol(symbol).epoch
            feed.flush()
            rows = [row for batch in list(sink.batches) for row in batch.seeds if row.epoch == epoch]
            ends = [(row.snapshot.bids[-1][0], row.snapshot.asks[-1][0]) for row in rows]
            return any(low < bid or high > ask for bid, ask in ends)

        until(reaches_farther, "a wider band than the seed's", within_s=WITHIN_S)
        for _ in range(5):
            done = feed.status().audits.done
            until(lambda n=done: feed.status().audits.done > n, "another audit", within_s=WITHIN_S)
            assert_true_book(feed, venue, symbol)
        counts = feed.status().audits
        assert (counts.misses, counts.failed) == (0, 0)
        assert counts.learned > 0


def audits_with(books: int, venue: str, **config: Any) -> tuple[int, float]:
    """How many levels audits ask for with so many books, and how long it is from one to the next."""
    profile = VENUES[venue]
    rest = SimpleNamespace(governor=WeightGovernor(profile.weight_per_minute, lambda: 0.0))
    router = SimpleNamespace(books=dict.fromkeys(range(books)))
    auditor = Auditor(
        cast("Any", router), cast("Any", rest), cast("Any", None),
        config=FeedConfig(profile=profile, symbols=("X",), audit_every_s=60.0, **config),
    )  # fmt: skip
    return auditor.levels, auditor.pause_s


@pytest.mark.parametrize(
    ("venue", "books", "most", "levels", "pause_s"),
    [
        ("binance-spot", 1, 5000, 5000, 60.0),
        ("binance-spot", 2, 5000, 1000, 30.0),
        ("binance-spot", 9, 1000, 1000, 60 / 9),
        ("binance-spot", 10, 1000, 500, 6.0),
        ("binance-spot", 96, 1000, 100, 60 / 96),
        ("binance-spot", 300, 1000, 100, 60 * 5 / 480),  # 188 s for each book
        ("binance-spot", 1, 100, 100, 60.0),
        ("binance-usdm", 9, 1000, 1000, 60 / 9),
        ("binance-usdm", 10, 1000, 500, 6.0),
        ("binance-usdm", 1, 50, 50, 60.0),
    ],
)
def test_audits_are_as_deep_as_the_weight_does_for_all_books(
    venue: str, books: int, most: int, levels: int, pause_s: float
) -> None:
    assert audits_with(books, venue, audit_levels=most) == (levels, pytest.approx(pause_s))


def test_audits_keep_to_their_share_of_the_weight_and_wait_for_seeds() -> None:
    with streaming(audit_every_s=0.001, audit_lead_s=0.0) as (feed, venue, _):
        auditor = feed._core._auditor
        share = auditor._rest.governor.per_minute * 0.8 * 0.1
        assert auditor.pause_s == pytest.approx(auditor._weight * 60 / share), "not 0.5 ms"

        async def choose(core: Any) -> bool:
            return core._auditor.choose() is not None

        async def spend(core: Any) -> None:
            governor = core._governor
            governor.spend(governor.remaining // 2 + 1)

        assert feed._call(choose)
        venue.inject(Fault("rest_slow", seconds=2.0, n=100))
        venue.inject(Fault("drop", venue.symbols[0]))
        until(lambda: feed.status().open_needs, "a book waits for its seed")
        assert not feed._call(choose), "seeds come first"
        until(lambda: not feed.status().open_needs, "resynced", within_s=WITHIN_S)
        assert feed._call(choose)
        feed._call(spend)
        assert not feed._call(choose), "half of the minute's weight is spent"
        assert auditor._rest.governor.blocked_s == 0, "the venue never refused us"
        assert venue.ledger()["notes"] == []


def test_a_failed_audit_is_counted_and_forgotten() -> None:
    with streaming(venue={"weight_limit": WEIGHT}, **AUDITING) as (
        feed,
        venue,
        _,
    ):
        venue.inject(Fault("rest_5xx", n=3, code=503))
        until(lambda: feed.status().audits.failed >= 1, "a failure", within_s=WITHIN_S)
        done = feed.status().audits.done
        until(lambda: feed.status().audits.done > done, "another audit", within_s=WITHIN_S)
        status = feed.status()
        assert (status.live, status.resyncs, status.audits.misses) == (2, 0, 0)
