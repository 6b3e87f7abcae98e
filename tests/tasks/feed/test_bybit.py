"""A feed from a venue that puts its books into the stream: what is lost, restarted, crossed, and heals."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from leadline.book.rows.batch import CoverageEnded
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
    is_live,
    until,
)

KINDS = ("bybit-spot", "bybit-linear-200", "bybit-linear-50")
each_kind = pytest.mark.parametrize("kind", KINDS)


@contextmanager
def streaming(
    kind: str, *, levels: int | None = None, **config: Any
) -> Iterator[tuple[Feed, ThreadedVenue, ListSink]]:
    sink = ListSink()
    with (
        run_in_thread(Options(kind=kind, count=2, speed=4, history_s=600, levels=levels)) as venue,
        feeding(config_for(venue, **config), sink) as feed,
    ):
        all_live(feed)
        yield feed, venue, sink


TRIES, ONE_TRY_S = 15, 3.0
AUDITS = {"audit_every_s": 0.3, "audit_lead_s": 0.1, "audit_settle_s": 0.1}


def struck(venue: ThreadedVenue, fault: Fault) -> dict[str, Any]:
    """Order a fault and wait until it is over; return its first hit."""
    number = venue.inject(fault)["number"]

    def entry() -> dict[str, Any]:
        return next(each for each in venue.ledger()["faults"] if each["number"] == number)

    until(lambda: entry()["done"], f"{fault.kind} has struck")
    return dict(entry()["hits"][0])


def ended(sink: ListSink, symbol: str, reason: str) -> CoverageEnded:
    """The row that ends the coverage of a symbol for a reason."""

    def rows() -> list[CoverageEnded]:
        found = [row for row in sink.coverage() if isinstance(row, CoverageEnded)]
        return [row for row in found if row.ended_by == reason and row.book == sink.index(symbol)]

    until(rows, f"coverage ended by {reason}")
    return rows()[0]


def healed(feed: Feed, venue: ThreadedVenue, symbol: str, epoch: int | None) -> None:
    """There is a new epoch, LIVE and true; nothing else was touched."""
    until(lambda: feed.status().symbol(symbol).epoch not in (epoch, None), "seeded anew by the stream")
    until(is_live(feed, symbol), "LIVE")
    for each in venue.symbols:
        assert_true_book(feed, venue, each)
    assert feed.status().sessions == 1, "the connection stays"


@each_kind
def test_a_lost_delta_is_found_at_its_u_and_its_topic_is_asked_for_anew(kind: str) -> None:
    with streaming(kind) as (feed, venue, sink):
        victim, other = venue.symbols
        epochs = {symbol: feed.status().symbol(symbol).epoch for symbol in venue.symbols}
        lost = struck(venue, Fault("drop", victim))["last_id"]
        healed(feed, venue, victim, epochs[victim])
        until(lambda: "gap" in sink.reasons(victim), "told")
        gap = next(row for row in sink.events(victim) if row.reason == "gap")
        assert (gap.expected_id, gap.got_id) == (lost, lost + 1)
        assert ended(sink, victim, "gap").last_id == lost - 1
        status = feed.status()
        assert status.symbol(other).epoch == epochs[other]
        assert (status.symbol(victim).gaps, status.symbol(victim).resyncs) == (1, 1)


@each_kind
def test_a_snapshot_of_u_one_replaces_the_book_and_is_no_gap(kind: str) -> None:
    with streaming(kind) as (feed, venue, sink):
        victim = venue.symbols[0]
        epoch = feed.status().symbol(victim).epoch
        venue.inject(Fault("restart", victim))
        healed(feed, venue, victim, epoch)
        until(lambda: "restarted" in sink.reasons(victim), "told")
        assert ended(sink, victim, "restarted").last_id > 1
        assert "gap" not in sink.reasons(victim)
        assert feed.status().symbol(victim).last_id < 1_000, "counted from 1 on"


@each_kind
def test_a_crossed_book_is_covered_up_to_the_delta_before(kind: str) -> None:
    with streaming(kind) as (feed, venue, sink):
        victim = venue.symbols[0]
        epoch = feed.status().symbol(victim).epoch
        crossing = struck(venue, Fault("crossed", victim))["last_id"]
        healed(feed, venue, victim, epoch)
        until(lambda: "crossed" in sink.reasons(victim), "told")
        # The delta that crosses the book is stored, as every one that was applied; it is not covered.
        assert ended(sink, victim, "crossed").last_id == crossing - 1


def test_a_lost_session_begins_with_new_snapshots() -> None:
    with streaming("bybit-linear-50") as (feed, venue, sink):
        venue.inject(Fault("cut"))
        until(lambda: feed.status().sessions == 2, "a new session")
        all_live(feed)
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)
            until(lambda s=symbol: sink.reasons(s).count("ready") == 2, "told")
            assert sink.reasons(symbol) == ["ready", "session_lost", "ready"]


def test_no_book_is_ever_asked_of_rest() -> None:
    with streaming("bybit-spot-50") as (feed, venue, _):
        until(lambda: feed.status().clock_offset_us is not None, "the clock was asked")
        used = feed.status().used_weight
        struck(venue, Fault("drop", venue.symbols[0]))
        until(lambda: feed.status().resyncs == 1, "resynced")
        assert feed.status().used_weight == used


def test_a_repeated_top_does_not_make_a_quiet_book_stale() -> None:
    """``orderbook.1`` comes again every three seconds: only trades show that the market moved."""
    with streaming("bybit-linear-50", patience=IMPATIENT, kinds=frozenset({"depth", "ticker"})) as (
        feed,
        venue,
        sink,
    ):
        victim = venue.symbols[0]
        venue.inject(Fault("mute", victim, seconds=1.5))
        until(lambda: "gap" in sink.reasons(victim), "its deltas were lost, its tops were not")
        assert "silent" not in sink.reasons(victim)
        until(is_live(feed, victim), "healed")


def test_silent_depth_beside_trades_is_stale_and_heals() -> None:
    with streaming("bybit-linear-50", patience=IMPATIENT) as (feed, venue, _):
        victim = venue.symbols[0]
        venue.inject(Fault("mute", victim, seconds=2.0))
        until(lambda: feed.status().symbol(victim).state is State.STALE, "stale")
        until(is_live(feed, victim), "asked for anew")
        assert_true_book(feed, venue, victim)


def test_a_topic_that_the_venue_knows_no_more_is_asked_for_all_the_same() -> None:
    patience = replace(IMPATIENT, line_s=30.0, line_most_s=60.0)
    with streaming("bybit-linear-50", patience=patience) as (feed, venue, sink):
        victim = venue.symbols[0]
        epoch = feed.status().symbol(victim).epoch

        async def give_up(core: Any) -> None:
            for line in core._lines:
                await line._session.unsubscribe([f"orderbook.50.{victim}"])

        feed._call(give_up)
        until(lambda: "silent" in sink.reasons(victim), "stale: its trades flow on")
        healed(feed, venue, victim, epoch)


def test_wrong_tops_make_a_book_suspect_and_never_discard_it() -> None:
    """The documents do not say that equal ``seq`` are equal books."""
    with streaming("bybit-linear-50") as (feed, venue, sink):
        victim = venue.symbols[0]
        epoch = feed.status().symbol(victim).epoch
        while not sink.mismatches(victim):  # until one of them bears the book's own seq
            struck(venue, Fault("wrong_qty", victim, stream="bookTicker", n=50))
        until(lambda: "mismatch" in sink.reasons(victim), "told")
        assert feed.status().symbol(victim).epoch == epoch
        assert not {"refuted", "start"} & set(sink.reasons(victim))
        until(is_live(feed, victim), "believed again")
        assert feed.status().symbol(victim).epoch == epoch


def test_audits_compare_by_seq_and_find_a_level_that_was_lost() -> None:
    """REST books bear ``seq``, too; that it orders what they say is all that an audit needs."""
    # A book of fewer levels than the window: none leaves it, and a lost one stays lost.
    with streaming("bybit-linear", levels=300, **AUDITS) as (feed, venue, sink):
        victim = venue.symbols[0]
        until(lambda: feed.status().audits.done > 5, "audited")
        assert (feed.status().audits.misses, feed.status().audits.failed) == (0, 0)
        epoch = feed.status().symbol(victim).epoch

        def is_anew() -> bool:
            return feed.status().symbol(victim).epoch not in (epoch, None)

        for _ in range(TRIES):  # a level that a later diff sets again before the audit is lost no more
            struck(venue, Fault("lost_level", victim, text="deepest"))
            with contextlib.suppress(AssertionError):
                until(is_anew, "refuted, and seeded anew", within_s=ONE_TRY_S)
                break
        assert is_anew(), f"{TRIES} lost levels, and no audit found one"
        until(lambda: "refuted" in sink.reasons(victim), "told")
        until(is_live(feed, victim), "LIVE")
        assert_true_book(feed, venue, victim)


# -- scripts ---------------------------------------------------------------------------------------

MOVES = {
    "D": lambda symbol: Fault("drop", symbol),
    "T": lambda symbol: Fault("truncated", symbol),
    "R": lambda symbol: Fault("reorder", symbol),
    "X": lambda symbol: Fault("crossed", symbol),
    "1": lambda symbol: Fault("restart", symbol),
    "C": lambda symbol: Fault("cut"),
    "u": lambda symbol: Fault("duplicate", symbol, n=2),
    "d": lambda symbol: Fault("delay", symbol, seconds=0.05),
    "g": lambda symbol: Fault("garbage"),
}
SCRIPTS = st.text(alphabet="DDTRX11Cuudg", min_size=1, max_size=6)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Feed, ThreadedVenue, ListSink]]:
    with streaming("bybit-linear-50", patience=IMPATIENT) as made:
        yield made


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
@given(script=SCRIPTS)
def test_scripts(stage: tuple[Feed, ThreadedVenue, ListSink], script: str) -> None:
    feed, venue, _ = stage
    victim, other = venue.symbols
    before = feed.status()
    for letter in script:
        venue.inject(MOVES[letter](victim))
        event(letter)
    until(lambda: all(entry["done"] for entry in venue.ledger()["faults"]), f"{script!r} has struck")
    until(lambda: feed.status().live == 2, f"LIVE again after {script!r}")
    for symbol in (victim, other):
        assert_true_book(feed, venue, symbol)
    after = feed.status()
    if set(script) <= set("udg"):
        assert (after.resyncs, after.symbol(victim).gaps) == (before.resyncs, before.symbol(victim).gaps)
    if "C" not in script:
        assert after.symbol(other).epoch == before.symbol(other).epoch, "the other symbol was left alone"
