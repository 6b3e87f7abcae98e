"""Silence is not absence: quiet pairs and quiet connections, against a venue in which nothing moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from leadline.book.rows.batch import Count
from leadline.book.sync.events import State
from leadline.tasks.feed.routing.liveness import Patience
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.venues.common.adapter import WsBase
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import IMPATIENT, ListSink, all_live, feeding, is_live, until
from tests.tasks.still_venue import StillVenue

QUIET, BUSY = "QUIETUSDT", "BUSYUSDT"
SOON_S = 10.0  # it takes a second; a busy machine may take its time
NEVER = Patience(line_s=600.0, line_most_s=600.0)


@contextmanager
def streaming(
    *symbols: str, kind: str = "spot", crossed: str = "", **config: Any
) -> Iterator[tuple[Feed, StillVenue, ListSink]]:
    """A feed that streams from a still venue, whose book of ``crossed`` is crossed."""
    sink = ListSink()
    with StillVenue(*symbols, futures=kind != "spot") as venue:
        if crossed:
            venue.books[crossed] = ({"101": "1"}, {"100": "1"})
        with feeding(config_for(venue, kind, symbols, **config), sink) as feed:
            yield feed, venue, sink


def config_for(
    venue: StillVenue, kind: str, symbols: tuple[str, ...], ws_bases: Any = (), **config: Any
) -> FeedConfig:
    profile = loopback(kind, ws_url=venue.ws_url, rest_url=venue.rest_url)
    if ws_bases:
        profile = replace(profile, ws_bases=tuple(replace(base, url=venue.ws_url) for base in ws_bases))
    usual: dict[str, Any] = {"engine": "plain", "check_every_s": 0.05, "flush_every_s": 0.02}
    waits = {"backoff_first_s": 0.05, "backoff_cap_s": 1.0, "settled_s": 0.0}
    return FeedConfig(profile=profile, symbols=symbols, **(usual | waits | {"patience": NEVER} | config))


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_a_quiet_pair_is_live_at_once_and_again_after_a_cut(kind: str) -> None:
    with streaming(QUIET, BUSY, kind=kind) as (feed, venue, sink):
        until(is_live(feed, QUIET), "LIVE without a diff", within_s=SOON_S)
        venue.diff(QUIET, (("99.98", "5"),))
        until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "its first diff joins")
        assert feed.status().symbol(QUIET).gaps == 0
        venue.cut()
        until(lambda: "session_lost" in sink.reasons(QUIET), "lost")
        until(is_live(feed, QUIET), "LIVE again, and no diff came", within_s=SOON_S)
        assert feed.status().symbol(QUIET).last_id == venue.ids[QUIET]
        venue.diff(QUIET, (("99.98", "6"),), n=7)
        until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "the next one joins")
        assert feed.status().symbol(QUIET).gaps == 0


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_what_was_missed_before_the_first_diff_is_a_gap(kind: str) -> None:
    with streaming(QUIET, kind=kind) as (feed, venue, sink):
        all_live(feed)
        missed = venue.diff(QUIET, (("99.98", "5"),), lost=True)
        venue.diff(QUIET, (("99.97", "7"),))
        until(lambda: "gap" in sink.reasons(QUIET), "told")
        gap = next(row for row in sink.events(QUIET) if row.reason == "gap")
        assert gap.expected_id in {missed - 1, missed}
        until(is_live(feed, QUIET), "seeded anew")
        assert feed.status().symbol(QUIET).last_id == venue.ids[QUIET]


def test_a_seed_older_than_what_was_held_is_not_taken() -> None:
    with streaming(QUIET) as (feed, venue, sink):
        all_live(feed)
        venue.diff(QUIET, (("99.98", "5"),))
        until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "heard")
        newest, venue.ids[QUIET] = venue.ids[QUIET], 900  # REST lags
        venue.cut()
        until(lambda: sink.reasons(QUIET).count("seed_too_old") > 1, "refused")
        assert feed.status().symbol(QUIET).state is State.BUFFERING
        venue.ids[QUIET] = newest
        until(is_live(feed, QUIET), "REST is there")
        assert feed.status().symbol(QUIET).last_id == newest


def test_a_symbol_that_never_traded_is_live_with_its_first_diffs() -> None:
    """It is listed before it opens: its book is empty, with the id -1; its ids begin at 1."""
    sink = ListSink()
    with StillVenue(QUIET, BUSY) as venue:
        venue.listing[QUIET]["status"] = "BREAK"
        venue.books[QUIET], venue.ids[QUIET] = ({}, {}), -1
        with feeding(config_for(venue, "spot", (QUIET, BUSY)), sink) as feed:
            until(is_live(feed, BUSY), "the other one is LIVE")
            until(lambda: feed.status().symbol(QUIET).state is State.HALTED, "halted")
            venue.listing[QUIET]["status"], venue.ids[QUIET] = "TRADING", 0

            def is_live_after_a_diff() -> bool:
                venue.diff(QUIET, (("1.00", f"{venue.ids[QUIET] % 7 + 1}"),), (("1.01", "3"),))
                venue.ticker(QUIET)
                venue.trade(QUIET)
                return is_live(feed, QUIET)()

            until(is_live_after_a_diff, "LIVE", within_s=SOON_S)
            until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "every diff is in it")


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_ids_that_begin_anew_are_a_new_book_within_some_diffs(engine: str) -> None:
    with streaming(QUIET, engine=engine) as (feed, venue, sink):
        venue.ids[QUIET] = 9_000_000
        for lots in range(1, 4):
            venue.diff(QUIET, (("99.98", f"{lots}"),))
            until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "heard")
        venue.ids[QUIET], venue.books[QUIET] = 5_000, ({"90.01": "1"}, {"90.02": "2"})
        for lots in range(1, 5):
            time.sleep(0.002)  # its clock goes on, in ms
            venue.diff(QUIET, (("90.01", f"{lots}"),))
        until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "the new book")
        until(lambda: sink.reasons(QUIET).count("gap") == 1, "told once")
        bids, asks = feed.sample(5, (), store=False)[0].bids, feed.sample(5, (), store=False)[0].asks
        assert (list(bids), list(asks)) == ([(9001, 400_000)], [(9002, 200_000)])


def test_a_lone_quiet_pair_keeps_its_connection_as_long_as_pings_are_answered() -> None:
    with streaming(QUIET, patience=IMPATIENT) as (feed, venue, sink):
        all_live(feed)
        until(lambda: venue.asked("depth") > 3, "its silence was looked into several times")
        assert (feed.status().sessions, feed.status().live) == (1, 1)
        venue.diff(QUIET, (("99.98", "5"),))
        until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "heard")
        assert sink.reasons(QUIET) == ["start", "ready"]


def test_a_connection_that_brings_nothing_while_the_market_moves_is_left() -> None:
    bases = (WsBase("", "/mute", "/mute"), WsBase("", "/good", "/good"))
    with streaming(QUIET, patience=IMPATIENT, ws_bases=bases) as (feed, venue, _):
        venue.mute_paths = ("/mute",)
        all_live(feed)
        venue.diff(QUIET, (("99.98", "5"),))
        until(lambda: feed.status().sessions == 2, "left")
        assert [path.partition("/stream")[0] for _, path in venue.opened] == ["/mute", "/good"]
        until(lambda: feed.status().symbol(QUIET).last_id == venue.ids[QUIET], "seeded there")


def test_a_trade_path_that_is_quiet_for_long_is_kept_and_a_mute_one_is_left() -> None:
    coin = "LINKUSD_PERP"
    bases = (WsBase("", "/public", "/market"), WsBase("", "/old", "/old"))
    with streaming(coin, kind="coinm", patience=IMPATIENT, ws_bases=bases) as (feed, venue, sink):
        venue.mute_paths = ("/old",)
        all_live(feed)
        until(lambda: venue.asked("aggTrades") > 2, "the silence of its trades was looked into")
        assert feed.status().sessions == feed.status().lines == 2, "both connections are the first ones"
        venue.trade(coin)
        until(lambda: sink.count(Count.TRADES), "the trade is stored")
        venue.mute_paths = ("/market",)
        asked = venue.asked("aggTrades")
        until(lambda: venue.asked("aggTrades") > asked, "silent again")
        venue.trade(coin)
        until(lambda: feed.status().sessions == 3, "trades go on elsewhere, and are not heard")


def test_seeds_that_can_never_fit_are_asked_for_ever_more_slowly() -> None:
    crossed = "CROSSUSDT"
    with streaming(QUIET, crossed, crossed=crossed, backoff_cap_s=0.05) as (feed, venue, sink):
        until(lambda: "CROSSUSDT: 3 seeds in a row did not fit" in feed.status().last_error, "slowly")
        asked = [query["symbol"] for _, path, query in venue.requests if path.endswith("depth")]
        assert asked.count(crossed) == 3
        assert feed.status().symbol(crossed).state is State.BUFFERING
        until(is_live(feed, QUIET), "the other one is not kept waiting")
        until(lambda: sink.reasons(QUIET) == ["start", "ready"], "told")
