"""A connection that ends as planned, against a loopback venue: another takes over and no id is missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from leadline.book.rows.batch import Count, DiffCol, TickerCol, TradeCol
from leadline.tasks.feed.routing.liveness import Patience
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from tests.tasks.feeding import ListSink, all_live, assert_true_book, config_for, feeding, until

LONG_S = 60.0  # a busy machine may take its time


@contextmanager
def streaming(**config: Any) -> Iterator[tuple[Feed, ThreadedVenue, ListSink]]:
    """A feed of two symbols, LIVE; a quiet stream is waited for as briefly as the venue is quick."""
    sink = ListSink()
    venue, kind = config.pop("venue", {}), config.pop("kind", "spot")
    with (
        run_in_thread(Options(kind=kind, count=2, speed=4.0, **venue)) as server,
        feeding(config_for(server, **{"quiet_s": 0.5} | config), sink) as feed,
    ):
        all_live(feed, within_s=LONG_S)
        yield feed, server, sink


def assert_nothing_was_missed(feed: Feed, venue: ThreadedVenue, sink: ListSink) -> None:
    """Every book is the first one still; nothing is missing or there twice."""
    for symbol in venue.symbols:
        assert_true_book(feed, venue, symbol)
        status = feed.status().symbol(symbol)
        assert (status.gaps, status.resyncs) == (0, 0)
    feed.stop(LONG_S)
    for symbol in venue.symbols:
        assert sink.reasons(symbol) == ["start", "ready", "stopped"]
        diffs = sink.diffs(symbol)
        follows = DiffCol.PREV_ID if venue.kind != "spot" else DiffCol.FIRST_ID
        step = 0 if venue.kind != "spot" else 1
        assert (diffs[1:, follows] == diffs[:-1, DiffCol.LAST_ID] + step).all()
        index = sink.index(symbol)
        trades = np.concatenate([batch.trades[: batch.counts[Count.TRADES]] for batch in sink.batches])
        ids = trades[trades[:, TradeCol.BOOK] == index, TradeCol.TRADE_ID]
        assert (np.diff(ids) == 1).all(), "trades follow each other"
        tickers = np.concatenate([batch.tickers[: batch.counts[Count.TICKERS]] for batch in sink.batches])
        ids = tickers[tickers[:, TickerCol.BOOK] == index, TickerCol.UPDATE_ID]
        assert (np.diff(ids) > 0).all(), "tickers come once, in order"


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_planned_rotations_miss_nothing(kind: str) -> None:
    with streaming(kind=kind, profile={"session_life_s": 0.5}) as (feed, venue, sink):
        until(lambda: feed.status().takeovers >= 3, "rotated three times", within_s=LONG_S)
        assert "day_cut" not in [note["what"] for note in venue.ledger()["notes"]]
        assert_nothing_was_missed(feed, venue, sink)


def test_an_announced_shutdown_is_left_before_it_comes() -> None:
    with streaming() as (feed, venue, sink):
        venue.inject(Fault("shutdown", seconds=LONG_S))
        until(lambda: feed.status().takeovers == 1, "another connection", within_s=LONG_S)
        until(lambda: venue.status()["clients"] == 1, "the old one is closed", within_s=LONG_S)
        assert_nothing_was_missed(feed, venue, sink)


def test_the_connection_beside_is_refused_at_first() -> None:
    with streaming() as (feed, venue, sink):
        venue.inject(Fault("refuse", seconds=0.5))
        venue.inject(Fault("shutdown", seconds=LONG_S))
        until(lambda: feed.status().takeovers == 1, "another connection after all", within_s=LONG_S)
        assert_nothing_was_missed(feed, venue, sink)


def test_streams_subscribed_by_command_and_symbols_added_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.tasks.feed.connections.line.URL_LIMIT", 10)
    with streaming(venue={"messages_per_s": 100}) as (feed, venue, sink):
        victim, other = venue.symbols
        venue.inject(Fault("shutdown", seconds=LONG_S))
        feed.remove_symbols([other]).result(LONG_S)
        feed.add_symbols([other]).result(LONG_S)
        until(lambda: feed.status().takeovers == 1, "another connection", within_s=LONG_S)
        all_live(feed, within_s=LONG_S)
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)
        assert sink.reasons(victim) == ["start", "ready"]


def test_a_full_sink_during_a_rotation_loses_nothing() -> None:
    sink = ListSink(limit=5, room={"diff_rows": 16, "trade_rows": 32, "ticker_rows": 64})
    with (
        run_in_thread(Options(count=2, speed=4.0)) as venue,
        feeding(config_for(venue, quiet_s=0.5, profile={"session_life_s": 1.0}), sink) as feed,
    ):

        def go_on() -> bool:
            sink.release()
            return feed.status().takeovers >= 2 and feed.status().live == 2

        until(go_on, "rotated twice", within_s=LONG_S)
        sink.limit = 1_000_000
        assert_nothing_was_missed(feed, venue, sink)


def test_with_two_legs_the_end_of_either_costs_nothing() -> None:
    with streaming(legs=2) as (feed, venue, sink):
        for takeovers in (1, 2):
            until(
                lambda: len(legs := feed.status().legs) == 2 and min(leg.frames for leg in legs) > 50,
                "both legs carry the streams",
                within_s=LONG_S,
            )
            first, second = feed.status().legs
            assert first.lost_ids == 0
            assert second.lost_ids == 0 or takeovers == 2, "only what passed before its next connection"
            assert first.first + second.first > 0
            venue.inject(Fault("shutdown", seconds=LONG_S))
            until(lambda n=takeovers: feed.status().takeovers >= n, "taken over", within_s=LONG_S)  # type: ignore[misc]
        assert_nothing_was_missed(feed, venue, sink)


def test_a_cut_leg_loses_ids_and_the_figures_say_which_leg_it_was() -> None:
    with streaming(legs=2, stats_every_s=0.1) as (feed, venue, sink):
        until(
            lambda: len(legs := feed.status().legs) == 2 and min(leg.frames for leg in legs) > 50,
            "both legs carry the streams",
            within_s=LONG_S,
        )
        venue.inject(Fault("refuse", seconds=0.5))  # so that it misses something
        venue.inject(Fault("cut", which="newest"))

        def lost(leg: str) -> int:
            rows = [row for batch in list(sink.batches) for row in list(batch.legs)]
            return sum(row.lost_ids for row in rows if row.leg == leg)

        until(lambda: lost("B") > 0, "the leg's next connection shows what it missed", within_s=LONG_S)
        assert_nothing_was_missed(feed, venue, sink)
        rows = [row for batch in sink.batches for row in batch.legs]
        assert lost("A") == 0
        assert sum(row.ends for row in rows if row.leg == "B") == 1
        assert {row.leg for row in rows if row.in_use} == {"A"}


def patient(venue: ThreadedVenue) -> FeedConfig:
    """A config under which lateness that begins at once is no silence."""
    patience = Patience(depth_s=LONG_S, resubscribe_s=LONG_S, line_s=LONG_S, line_most_s=LONG_S)
    return config_for(venue, quiet_s=0.5, lag_s=1.0, lag_for_s=0.3, join_most_s=LONG_S, patience=patience)


def test_a_connection_that_lags_is_left_for_another() -> None:
    with (
        run_in_thread(Options(count=2)) as venue,
        feeding(patient(venue), sink := ListSink()) as feed,
    ):
        all_live(feed, within_s=LONG_S)
        until(lambda: feed.status().clock_offset_us is not None, "the clock is known", within_s=LONG_S)
        venue.inject(Fault("lag", seconds=3.0))
        until(lambda: feed.status().takeovers >= 1, "another connection", within_s=LONG_S)
        until(lambda: venue.status()["clients"] == 1, "the late one is closed", within_s=LONG_S)
        assert_nothing_was_missed(feed, venue, sink)
