"""The feed against a loopback venue that misbehaves: what it notices, what it does and leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

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

SPEED = 4.0


@contextmanager
def streaming(
    *, count: int = 2, kind: str = "spot", venue: dict[str, Any] | None = None, **config: Any
) -> Iterator[tuple[Feed, ThreadedVenue, ListSink]]:
    """A feed that streams from a venue, all books LIVE."""
    sink = ListSink()
    with (
        run_in_thread(Options(kind=kind, count=count, speed=SPEED, **(venue or {}))) as server,
        feeding(config_for(server, **config), sink) as feed,
    ):
        all_live(feed)
        yield feed, server, sink


def hits(venue: ThreadedVenue, kind: str) -> list[dict[str, Any]]:
    """What the faults of a kind have hit so far."""
    return [hit for entry in venue.ledger()["faults"] if entry["kind"] == kind for hit in entry["hits"]]


@pytest.mark.parametrize("kind", ["spot", "usdm", "coinm"])
def test_a_lost_diff_is_found_at_its_id_and_only_its_symbol_is_resynced(kind: str) -> None:
    with streaming(kind=kind, count=3) as (feed, venue, sink):
        victim, *others = venue.symbols
        epochs = [feed.status().symbol(symbol).epoch for symbol in others]
        venue.inject(Fault("drop", victim))
        until(lambda: feed.status().symbol(victim).resyncs == 1, "resynced")
        lost = hits(venue, "drop")[0]
        until(lambda: "gap" in sink.reasons(victim), "the gap is on its way to the store")
        gap = next(row for row in sink.events(victim) if row.reason == "gap")
        # The rule speaks of ids, so the row names the first one missing and the one that came instead.
        if kind == "spot":
            assert (gap.expected_id, gap.got_id) == (lost["first_id"], lost["last_id"] + 1)
        else:
            assert gap.got_id == lost["last_id"]
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)
        status = feed.status()
        assert [status.symbol(symbol).epoch for symbol in others] == epochs
        assert [status.symbol(symbol).gaps for symbol in others] == [0, 0]
        assert status.sessions == status.lines, "no connection was given up"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        pytest.param(Fault("cut"), "aborted", id="cut"),
        pytest.param(Fault("close", code=1008, text="policy"), "1008 policy", id="close-frame"),
    ],
)
def test_a_lost_session_is_replaced(fault: Fault, why: str) -> None:
    with streaming() as (feed, venue, sink):
        venue.inject(fault)
        until(lambda: feed.status().sessions == 2, "a new session")
        all_live(feed)
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)
            until(lambda s=symbol: sink.reasons(s).count("ready") == 2, "told")
            assert sink.reasons(symbol) == ["start", "ready", "session_lost", "start", "ready"]
        assert feed.status().resyncs == 2


def test_a_lost_session_says_why_to_the_host() -> None:
    with (
        run_in_thread(Options(count=1, speed=SPEED)) as venue,
        feeding(config_for(venue), ListSink(), host_grace_s=0.3) as feed,
    ):
        all_live(feed)
        venue.inject(Fault("close", code=1001, text="bye"))
        need = until(lambda: feed.needs.get(0.1), "offered")
        assert need.title == "connect loopback-spot (closed by the venue: 1001 bye)"
        need = until(lambda: feed.needs.get(0.1), "offered")
        assert need.title == f"resync {venue.symbols[0]} (session lost: closed by the venue: 1001 bye)"
        all_live(feed)


def test_the_connection_is_refused_for_a_while() -> None:
    with streaming() as (feed, venue, _):
        venue.inject(Fault("refuse", seconds=2.0))  # a busy machine comes late to its first attempt
        venue.inject(Fault("cut"))
        until(lambda: "ConnectionRefused" in feed.status().last_error, "refused")
        assert feed.status().live == 0
        all_live(feed)
        assert feed.status().state == "streaming"


def test_accepted_and_then_silent() -> None:
    sink = ListSink()
    with run_in_thread(Options(count=1, speed=SPEED)) as venue:
        for stream in ("depth", "bookTicker", "trade"):
            venue.inject(Fault("silence", stream=stream))
        with feeding(config_for(venue, patience=IMPATIENT), sink) as feed:
            until(lambda: feed.status().sessions == 1, "accepted")
            assert feed.status().frames == 0
            all_live(feed)
            until(lambda: feed.status().sessions == 2, "the market moved without it")
            all_live(feed)
            assert_true_book(feed, venue, venue.symbols[0])


def test_silent_depth_beside_flowing_tickers_is_stale_and_heals() -> None:
    with streaming(patience=IMPATIENT) as (feed, venue, sink):
        victim, other = venue.symbols
        venue.inject(Fault("mute", victim, seconds=1.5))
        until(lambda: feed.status().symbol(victim).state is State.STALE, "stale", within_s=2.7)
        assert is_live(feed, other)()
        until(is_live(feed, victim), "seeded anew once its stream is back")
        assert_true_book(feed, venue, victim)
        until(lambda: "gap" in sink.reasons(victim), "told")
        assert "silent" in sink.reasons(victim)
        assert sink.reasons(other) == ["start", "ready"]
        assert feed.status().sessions == 1


def test_a_delayed_depth_stream_goes_stale_and_on_in_the_same_epoch() -> None:
    patience = replace(IMPATIENT, resubscribe_s=60)
    with streaming(patience=patience) as (feed, venue, sink):
        victim = venue.symbols[0]
        epoch = feed.status().symbol(victim).epoch
        venue.inject(Fault("delay", victim, seconds=1.5))
        until(lambda: feed.status().symbol(victim).state is State.STALE, "stale", within_s=2.7)
        until(is_live(feed, victim), "its diffs came after all")
        assert feed.status().symbol(victim).epoch == epoch
        assert_true_book(feed, venue, victim)
        until(lambda: sink.reasons(victim).count("ready") == 2, "told")
        assert sink.reasons(victim) == ["start", "ready", "silent", "ready"]


def test_a_stream_that_stays_silent_is_asked_for_anew() -> None:
    with run_in_thread(Options(count=2, speed=SPEED)) as venue:
        victim = venue.symbols[0]
        venue.inject(Fault("silence", victim))  # its first depth subscription is never served
        with feeding(config_for(venue, patience=IMPATIENT), ListSink()) as feed:
            all_live(feed)
            assert feed.status().sessions == 1, "only that stream was asked for again"
            assert_true_book(feed, venue, victim)


@pytest.mark.parametrize("speed_of_seed", ["late_snapshot", "stale_snapshot", "rest_slow"])
def test_seeds_that_come_late_or_old(speed_of_seed: str) -> None:
    with streaming() as (feed, venue, sink):
        victim = venue.symbols[0]
        venue.inject(Fault(speed_of_seed, victim, seconds=0.4 if speed_of_seed != "stale_snapshot" else 5))
        venue.inject(Fault("drop", victim))
        until(lambda: feed.status().symbol(victim).resyncs == 1, "resynced")
        assert_true_book(feed, venue, victim)
        if speed_of_seed == "stale_snapshot":
            until(lambda: "seed_too_old" in sink.reasons(victim), "refused and told")
        assert hits(venue, speed_of_seed)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(Fault("rest_5xx", code=503), "503", id="server-error"),
        pytest.param(Fault("rest_garbage"), "Just a moment", id="garbage"),
        pytest.param(Fault("rest_garbage", code=403), "firewall", id="waf"),
        pytest.param(Fault("rest_cut"), "RemoteProtocolError", id="cut-in-the-body"),
        pytest.param(Fault("rest_slow", seconds=5), "Timeout", id="too-slow"),
    ],
)
def test_a_failing_seed_request_is_made_again(fault: Fault, error: str) -> None:
    # Short only where it is what the test is about: a busy machine would have other errors on top.
    timeout_s = 0.5 if fault.kind == "rest_slow" else 60.0
    with streaming(rest_timeout_s=timeout_s) as (feed, venue, _):
        venue.inject(fault)
        venue.inject(Fault("drop", venue.symbols[0]))
        until(lambda: feed.status().resyncs == 1, "resynced")
        assert error in feed.status().last_error
        assert_true_book(feed, venue, venue.symbols[0])


@pytest.mark.parametrize(("kind", "seconds"), [("rest_429", 1.0), ("rest_418", 1.0)])
def test_no_request_goes_out_before_retry_after_is_over(kind: str, seconds: float) -> None:
    with streaming(count=3, seeds_at_once=1) as (feed, venue, _):
        venue.inject(Fault(kind, seconds=seconds))
        venue.inject(Fault("cut"))  # every book wants a seed at once
        until(lambda: hits(venue, kind), "refused")
        all_live(feed)
        refused_ns = hits(venue, kind)[0]["at_ns"]
        epochs_ns = [symbol.epoch * 1000 for symbol in feed.status().symbols if symbol.epoch]
        assert min(epochs_ns) - refused_ns >= seconds * 1e9
        assert [note["what"] for note in venue.ledger()["notes"]] == []
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)


@pytest.mark.parametrize("kind", ["garbage", "binary"])
def test_noise_is_counted_and_harms_nothing(kind: str) -> None:
    with streaming() as (feed, venue, sink):
        venue.inject(Fault(kind, n=3))
        until(lambda: feed.status().bad_frames == 3, "counted")
        assert "bytes beginning" in feed.status().last_bad_frame
        all_live(feed)
        for symbol in venue.symbols:
            until(lambda s=symbol: "ready" in sink.reasons(s), "told")
            assert sink.reasons(symbol) == ["start", "ready"]


def test_a_truncated_diff_is_a_lost_diff() -> None:
    with streaming() as (feed, venue, sink):
        victim, other = venue.symbols
        venue.inject(Fault("truncated", victim))
        until(lambda: feed.status().symbol(victim).resyncs == 1, "resynced")
        assert_true_book(feed, venue, victim)
        until(lambda: sink.reasons(victim).count("ready") == 2, "told")
        assert sink.reasons(victim) == ["start", "ready", "bad_frame", "start", "ready"]
        assert sink.reasons(other) == ["start", "ready"]
        assert feed.status().bad_frames == 1


def test_duplicates_and_a_crossed_diff() -> None:
    with streaming() as (feed, venue, sink):
        victim = venue.symbols[0]
        venue.inject(Fault("duplicate", victim, n=3))
        until(lambda: len(hits(venue, "duplicate")) == 3, "sent")
        venue.inject(Fault("crossed", victim))
        until(lambda: feed.status().symbol(victim).resyncs == 1, "resynced")
        assert_true_book(feed, venue, victim)
        until(lambda: "crossed" in sink.reasons(victim), "told")
        assert "gap" not in sink.reasons(victim)


def test_the_daily_cut_without_a_rotation_costs_a_resync() -> None:
    with streaming(count=1, venue={"day_s": 1.0}) as (feed, venue, _):
        until(lambda: feed.status().sessions == 2, "cut by the venue, and back")
        all_live(feed)
        assert [note["what"] for note in venue.ledger()["notes"]] == ["day_cut"]


def test_pings_are_answered() -> None:
    often = {"ping_s": 0.1, "pong_s": 0.5, "messages_per_s": 100}
    with streaming(count=1, venue=often) as (feed, venue, _):
        before = feed.status().frames
        until(lambda: feed.status().frames > before + 400, "several pings long")
        assert feed.status().sessions == 1
        assert venue.ledger()["notes"] == []


def test_a_new_tick_size_gets_a_new_scale_and_a_new_market() -> None:
    with streaming() as (feed, venue, sink):
        victim = venue.symbols[0]
        venue.inject(Fault("tick_size", victim, text="0.00001"))
        until(lambda: [market.symbol for market in sink.markets].count(victim) == 2, "a market of its own")
        assert_true_book(feed, venue, victim)
        old, new = [market for market in sink.markets if market.symbol == victim]
        assert new.scale.price_decimals == 5 > old.scale.price_decimals
        assert "off_scale" in sink.reasons(victim)


def test_a_halted_symbol_is_not_live_until_it_trades_again() -> None:
    with streaming(status_every_s=0.1) as (feed, venue, _):
        victim, other = venue.symbols
        venue.inject(Fault("status", victim, text="HALT", seconds=0.6))
        until(lambda: feed.status().symbol(victim).state is State.HALTED, "halted")
        assert is_live(feed, other)()
        until(is_live(feed, victim), "trades again")
        assert_true_book(feed, venue, victim)
