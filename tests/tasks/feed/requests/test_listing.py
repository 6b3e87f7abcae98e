"""One symbol's trouble is one symbol's: states, reasons, and how often the venue is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from leadline.book.rows.feed import ListingRow
from leadline.book.sync.events import State
from leadline.book.venues.common.listing import ListingState
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from leadline.tasks.loopback.faults.listings import LIES
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import (
    ListSink,
    all_live,
    assert_true_book,
    config_for,
    feeding,
    is_live,
    standing,
    until,
)
from tests.tasks.still_venue import StillVenue, listed

S = ListingState
STATES: dict[str, State | ListingState] = dict.fromkeys(LIES, S.UNUSABLE) | {
    "unlisted": S.UNLISTED,
    "nameless": S.UNLISTED,
    "too_coarse": S.OFF_SCALE,
    json.dumps({"status": "PENDING_TRADING"}): State.HALTED,
    json.dumps({"status": "BREAK"}): State.HALTED,
    json.dumps({"status": 7}): S.UNUSABLE,
    json.dumps({"filters": "none"}): S.UNUSABLE,
}
SYMBOLS = [f"S{n}USDT" for n in range(9)]
MANY = 9


def rows(sink: ListSink, symbol: str) -> list[ListingRow]:
    found = [row for batch in list(sink.batches) for row in list(batch.listings)]
    return [row for row in found if row.symbol == symbol]


@contextmanager
def streaming(
    lies: dict[str, str], *, kind: str = "spot", symbols: list[str] | None = None, **config: Any
) -> Iterator[tuple[Feed, ThreadedVenue, ListSink]]:
    """A feed of symbols of which some are listed in a strange way."""
    sink = ListSink()
    listed = symbols or SYMBOLS[:3]
    quick: dict[str, Any] = {"again_first_s": 0.1, "again_most_s": 0.2} | config
    with run_in_thread(Options(kind=kind, symbols=tuple(listed), speed=4, levels=100)) as venue:
        for symbol, lie in lies.items():
            venue.inject(Fault("listing", symbol, text=lie))
        with feeding(config_for(venue, quick.pop("wanted", listed), **quick), sink) as feed:
            yield feed, venue, sink


def states(feed: Feed) -> dict[str, State | ListingState]:
    return {status.symbol: status.state for status in feed.status().symbols}


@pytest.mark.parametrize("kind", ["spot", "usdm", "coinm"])
@pytest.mark.parametrize("lie", STATES)
def test_a_bad_listing_is_that_symbol_s_alone(lie: str, kind: str) -> None:
    one, bad, two = SYMBOLS[:3]
    with streaming({bad: lie}, kind=kind) as (feed, venue, sink):
        until(lambda: states(feed)[bad] is STATES[lie], f"{STATES[lie]}", within_s=20)
        for good in (one, two):
            assert_true_book(feed, venue, good)
        status = feed.status()
        assert status.state == "streaming"
        if STATES[lie] is not State.HALTED:
            assert bad in status.symbol(bad).why
            found = until(lambda: [row for row in rows(sink, bad) if row.state == STATES[lie]], "a row")
            assert bad in found[-1].reason
        venue.clear()
        all_live(feed)
        assert_true_book(feed, venue, bad)
        until(lambda: rows(sink, bad)[-1].state == "LISTED", "told")
        assert status.sessions == feed.status().sessions
    for good in (one, two):
        assert sink.reasons(good) == ["start", "ready", "stopped"]
        assert [row.state for row in rows(sink, good)] == ["LISTED"]


@pytest.mark.parametrize("kind", ["bybit-spot", "bybit-linear-50"])
def test_a_venue_that_is_asked_one_by_one(kind: str) -> None:
    one, bad, two = SYMBOLS[:3]
    with streaming({bad: "unlisted"}, kind=kind, wanted=[one, bad, "NOSUCH", two]) as (feed, venue, _):
        until(lambda: states(feed)[bad] is states(feed)["NOSUCH"] is S.UNLISTED, "told", within_s=20)
        for good in (one, two):
            until(is_live(feed, good), "LIVE", within_s=20)
        venue.clear()
        until(is_live(feed, bad), "LIVE", within_s=20)
        assert states(feed)["NOSUCH"] is S.UNLISTED


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["spot", "usdm", "coinm"]),
    lies=st.lists(
        st.one_of(st.just(""), st.sampled_from(["absent", *STATES])), min_size=MANY, max_size=MANY
    ),
)
def test_any_mix_of_listings(kind: str, lies: list[str]) -> None:
    told = dict(zip(SYMBOLS, lies, strict=True))
    absent = [symbol for symbol, lie in told.items() if lie == "absent"]
    listed = [symbol for symbol in SYMBOLS if symbol not in absent] or ["ETHUSDT"]
    strange = {symbol: lie for symbol, lie in told.items() if lie not in {"", "absent"}}
    expected: dict[str, State | ListingState] = {
        symbol: S.UNLISTED if lie == "absent" else STATES.get(lie, State.LIVE)
        for symbol, lie in told.items()
    }
    event(f"bad {sum(state is not State.LIVE for state in expected.values())} of {MANY}")
    never = {"again_first_s": 60.0, "again_most_s": 60.0}
    with streaming(strange, kind=kind, symbols=listed, wanted=SYMBOLS, **never) as (feed, _, sink):
        until(lambda: states(feed) == expected, f"{expected}", within_s=20)
        for symbol, state in expected.items():
            if state not in {State.LIVE, State.HALTED}:  # the state is told first, then why
                until(lambda s=symbol: s in feed.status().symbol(s).why, f"{symbol} says why", within_s=20)
            why = feed.status().symbol(symbol).why
            assert len({symbol for symbol in SYMBOLS if symbol in why}) <= 1 or "did you mean" in why
    for symbol, state in expected.items():
        if state is State.LIVE:
            assert sink.reasons(symbol) == ["start", "ready", "stopped"]


def test_a_watch_list_with_a_typo_is_live_within_seconds() -> None:
    wanted = ["BTCUSDT", "ETHUSDT", "BTCUSTD"]
    with streaming({}, symbols=wanted[:2], wanted=wanted) as (feed, _, sink):
        until(lambda: feed.status().live == 2, "two LIVE", within_s=5)
        until(lambda: rows(sink, "BTCUSTD"), "a row", within_s=5)
        (row,) = rows(sink, "BTCUSTD")
        assert (row.state, row.reason) == (
            "UNLISTED",
            "loopback-spot does not list BTCUSTD; did you mean BTCUSDT?",
        )


def test_a_delisted_symbol_is_halted_then_dropped_and_others_are_still_looked_after() -> None:
    gone, halts, stays = SYMBOLS[:3]
    with streaming({}, status_every_s=0.3, again_first_s=0.5, again_most_s=0.5) as (feed, venue, sink):
        all_live(feed)
        venue.inject(Fault("listing", gone, text="unlisted"))
        until(lambda: states(feed)[gone] is State.HALTED, "halted first")
        until(lambda: states(feed)[gone] is S.UNLISTED, "then dropped")
        assert (
            "does not list S0USDT any more; its last status was TRADING" in feed.status().symbol(gone).why
        )
        venue.inject(Fault("status", halts, text="HALT"))
        until(lambda: states(feed)[halts] is State.HALTED, "another one's status is seen")
        venue.inject(Fault("cut"))
        until(lambda: feed.status().sessions == 2, "connected again")
        until(is_live(feed, stays), "and LIVE")
        venue.clear()
        until(is_live(feed, gone), "listed again")
        assert_true_book(feed, venue, gone)
    assert sink.reasons(gone)[-4:] == ["unlisted", "start", "ready", "stopped"]
    assert sink.reasons(stays).count("ready") == 2


def test_a_listing_that_lacks_a_symbol_for_a_moment_costs_nothing() -> None:
    gone = SYMBOLS[0]
    slowly = {"status_every_s": 0.3, "again_first_s": 1.0, "again_most_s": 2.0}
    with streaming({}, kind="usdm", **slowly) as (feed, venue, sink):
        all_live(feed)
        epoch = feed.status().symbol(gone).epoch
        venue.inject(Fault("listing", gone, text="unlisted", seconds=0.5))
        until(lambda: states(feed)[gone] is State.HALTED, "halted")
        until(is_live(feed, gone), "LIVE again")
        assert feed.status().symbol(gone).epoch == epoch, "the same book"
    assert "unlisted" not in sink.reasons(gone)


@pytest.mark.parametrize("lie", ["no_filters", "tick_zero", "numbers", "no_status"])
def test_a_listing_that_becomes_unreadable_leaves_the_book_alone(lie: str) -> None:
    bad = SYMBOLS[0]
    with streaming({}, status_every_s=0.1) as (feed, venue, sink):
        all_live(feed)
        epoch = feed.status().symbol(bad).epoch
        venue.inject(Fault("listing", bad, text=lie))
        until(lambda: rows(sink, bad)[-1].reason, "noted")
        assert rows(sink, bad)[-1].state == "LISTED"
        assert "the book goes on" in rows(sink, bad)[-1].reason
        last_id = standing(feed, bad)[0]
        until(lambda: standing(feed, bad)[0] > last_id, "more diffs")
        assert feed.status().symbol(bad).epoch == epoch


def test_numbers_off_scale_cost_little_weight() -> None:
    with streaming({SYMBOLS[0]: "too_coarse"}, again_first_s=5.0, again_most_s=60.0) as (feed, venue, _):
        until(lambda: states(feed)[SYMBOLS[0]] is S.OFF_SCALE, "given up for now")
        used = feed.status().used_weight
        frames = feed.status().frames
        until(lambda: feed.status().frames > frames + 300, "some seconds of the market")
        assert feed.status().used_weight <= used + 30, "no more seeds, no more questions"
        assert "decimals of its symbol's scale" in feed.status().symbol(SYMBOLS[0]).why
        assert venue.status()["used_weight"] < 1_500


def test_a_level_larger_than_the_largest_order_allows_for_is_refused_by_name() -> None:
    """Many orders stand at one price: 250,000,000,000 where one may be of 92,141,578."""
    good, meme = "AAAUSDT", "MEMEUSDT"
    coarse = {"stepSize": "1.00", "minQty": "1.00", "maxQty": "92141578.00"}
    with StillVenue(good, meme) as venue:
        precision = {"baseAssetPrecision": 8, "quotePrecision": 8}
        venue.listing[meme] = listed(meme, tick="0.00000001", lots=coarse) | precision
        venue.books[meme] = ({"0.00000040": "250000000000.00"}, {"0.00000041": "180000000000.00"})
        profile = loopback("spot", ws_url=venue.ws_url, rest_url=venue.rest_url)
        config = FeedConfig(profile=profile, symbols=(good, meme), engine="plain", settled_s=0.0,
                            check_every_s=0.05, again_first_s=0.1)  # fmt: skip
        with feeding(config, ListSink()) as feed:
            until(lambda: feed.status().symbol(meme).state is S.OFF_SCALE, "refused")
            why = until(lambda: feed.status().symbol(meme).why, "says why")
            assert meme in why
            assert "250000000000.00" in why
            until(is_live(feed, good), "the other one is LIVE")
            before = len(seeds(venue, meme))
            assert before <= 3
            until(lambda: len(seeds(venue, meme)) > before, "asked for again")
            assert seeds(venue, meme)[before] - seeds(venue, meme)[before - 1] >= 1.0, "after a while"
            venue.diff(good, (("99.98", "5"),))
            until(lambda: feed.status().symbol(good).last_id == venue.ids[good], "its stream goes on")
            assert feed.status().symbol(good).gaps == 0


def seeds(venue: StillVenue, symbol: str) -> list[float]:
    """When its book was asked for, in seconds."""
    return [
        at_s
        for at_s, path, query in venue.requests
        if (path[-5:], query.get("symbol")) == ("depth", symbol)
    ]


def test_outcasts_are_asked_about_ever_more_slowly() -> None:
    from leadline.tasks.feed.requests.listed import Entry

    config = config_for_pace()
    entry, waits, now_s = Entry(0.0), [], 0.0
    for _ in range(8):
        entry.asked(now_s, config.again_first_s)
        entry.put_off(S.UNLISTED, "not there", config)
        waits.append(entry.due_s - now_s)
        now_s = entry.due_s
    assert waits == [5, 10, 20, 40, 60, 60, 60, 60]
    entry.asked(now_s, config.again_first_s)
    entry.put_off(S.OFF_SCALE, "too large", config)
    assert entry.due_s - now_s == 50, "a seed costs more than a question"


def config_for_pace() -> Any:
    with run_in_thread(Options(count=1)) as venue:
        return config_for(venue)
