"""The feed against the loopback venue when all is well, and what people and hosts see of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import pytest

from leadline.book.rows.batch import Batch, Count, CoverageEnded, CoverageOpened, DiffCol
from leadline.book.venues.common.listing import ListingState
from leadline.storage.ingest.tables import oldest_recv_ns
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.loopback import Options, ThreadedVenue, run_in_thread
from leadline.tasks.net.errors import FeedStopped
from tests.tasks.feeding import (
    IMPATIENT,
    ListSink,
    all_live,
    assert_true_book,
    config_for,
    feeding,
    is_live,
    standing,
    until,
)


@pytest.mark.parametrize(
    ("kind", "engine"), [("spot", "plain"), ("usdm", "plain"), ("coinm", "plain"), ("spot", "auto")]
)
def test_books_stream_and_equal_the_venue_s(kind: str, engine: str) -> None:
    sink = ListSink()
    with run_in_thread(Options(kind=kind, count=3, speed=4)) as venue:
        with feeding(config_for(venue, engine=engine), sink) as feed:
            all_live(feed)
            for symbol in venue.symbols:
                first_id = standing(feed, symbol)[0]
                until(lambda s=symbol, n=first_id: feed.status().symbol(s).last_id > n, "more diffs")
                assert_true_book(feed, venue, symbol)
            for symbol in venue.symbols:
                until(lambda s=symbol: len(sink.diffs(s)) > 1, "diffs on their way to the store")
            until(lambda: sink.count(Count.TRADES), "trades")
        status = feed.status()

    assert status.state == "stopped"
    assert (status.bad_frames, status.last_error) == (0, "")
    assert sink.count(Count.TICKERS) > 0
    for symbol in venue.symbols:
        rows = sink.diffs(symbol)
        assert (np.diff(rows[:, DiffCol.LAST_ID]) > 0).all(), "each diff once, in order"
        assert (rows[-2:, DiffCol.TO_BOOK_NS] > 0).all(), "receive to book is measured"
        assert sink.reasons(symbol) == ["start", "ready", "stopped"]
    assert [type(row) for row in sink.coverage()] == [CoverageOpened] * 3 + [CoverageEnded] * 3
    assert {row.ended_by for row in sink.coverage() if isinstance(row, CoverageEnded)} == {"stopped"}


def test_many_symbols_subscribe_in_paced_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.tasks.feed.connections.line.URL_LIMIT", 100)
    sink, few = ListSink(), {"streams_per_command": 6}
    with (
        run_in_thread(Options(count=8, speed=4)) as venue,
        feeding(config_for(venue, limits=few), sink) as feed,
    ):
        all_live(feed)
        assert venue.status()["streams"] == 24
        assert venue.ledger()["notes"] == [], "the venue saw no more messages than it allows"
        assert feed.status().sessions == 1


def test_streams_beyond_one_connection_take_another() -> None:
    with run_in_thread(Options(count=4, speed=4)) as venue:
        config = config_for(venue)
        narrow = _with_profile(config, streams_per_connection=6)
        with feeding(narrow, ListSink()) as feed:
            all_live(feed)
            assert (feed.status().lines, feed.status().lines_up) == (2, 2)
            assert venue.status()["clients"] == 2


def test_symbols_come_and_go_while_it_streams() -> None:
    sink = ListSink()
    with run_in_thread(Options(count=3, speed=4)) as venue:
        one, two, three = venue.symbols
        with feeding(config_for(venue, [one]), sink) as feed:
            all_live(feed)
            feed.add_symbols([two, three]).result(60)
            all_live(feed)
            assert_true_book(feed, venue, three)
            feed.remove_symbols([two]).result(60)
            until(lambda: venue.status()["streams"] == 6, "unsubscribed")
            assert [symbol.symbol for symbol in feed.status().symbols] == [one, three]
            assert feed.status().sessions == 1
            feed.add_symbols(["NOSUCH"]).result(60)
            assert feed.status().symbol("NOSUCH").state is ListingState.UNLISTED
            assert feed.status().symbol(one).is_live
    assert sink.reasons(two) == ["start", "ready", "removed"]
    assert sink.reasons(one) == ["start", "ready", "stopped"]


def test_an_unknown_symbol_is_told_and_does_not_end_the_feed() -> None:
    with (
        run_in_thread(Options(count=1)) as venue,
        feeding(config_for(venue, ["NOSUCH"]), ListSink()) as feed,
    ):
        until(lambda: feed.status().symbols[0].state is ListingState.UNLISTED, "told")
        assert feed.status().symbols[0].why == "loopback-spot does not list NOSUCH"
        assert feed.is_running
        assert feed.status().state == "connecting"


def test_a_mistyped_symbol_gets_a_suggestion_where_the_venue_lists_all() -> None:
    with run_in_thread(Options(kind="usdm", count=1)) as venue:
        (symbol,) = venue.symbols
        with feeding(config_for(venue, [symbol[:-1]]), ListSink()) as feed:
            expected = f"does not list {symbol[:-1]}; did you mean {symbol}?"
            until(lambda: expected in feed.status().symbols[0].why, "the reason suggests the symbol")


def test_samples_go_to_the_caller_and_to_the_store() -> None:
    sink = ListSink()
    with run_in_thread(Options(count=2, speed=4)) as venue, feeding(config_for(venue), sink) as feed:
        all_live(feed)
        samples = feed.sample(5, (10.0,))
        assert [sample.trusted for sample in samples] == [True, True]
        assert len(samples[0].bids) == 5
        until(lambda: any(batch.samples for batch in sink.batches), "stored")
        feed.sample(5, (10.0,), store=False)
    stored = [sample for batch in sink.batches for sample in batch.samples]
    assert stored == samples


def test_stats_rows_count_what_was_streamed() -> None:
    sink = ListSink()
    began_ns = time.time_ns()
    with run_in_thread(Options(count=2, speed=4)) as venue:
        with feeding(config_for(venue, stats_every_s=0.1), sink) as feed:
            started_ns = time.time_ns()
            all_live(feed)
            feed.note_commit(_Commit(1_000_000, 3_000_000, Batch([])))
            until(lambda: sum(len(batch.stats) for batch in sink.batches) >= 4, "four buckets")
        status = feed.status()
    rows = [row for batch in sink.batches for row in batch.stats]
    assert began_ns <= rows[0].ts_ns <= started_ns, "dated by its start"
    assert sum(row.frames for row in rows) == status.frames > 0
    assert sum(row.bytes for row in rows) == status.bytes
    assert sum(row.diffs for row in rows) == sink.count(Count.DIFFS)
    assert sum(row.tickers for row in rows) == sink.count(Count.TICKERS)
    assert sum(row.reconnects for row in rows) == 1
    assert max(row.live_symbols for row in rows) == 2
    assert 2_000.0 in [row.to_durable_p99_us for row in rows]
    busy = [row for row in rows if row.to_book_p50_us is not None]
    assert busy
    assert all(0 < row.to_book_p50_us <= row.to_book_p99_us <= row.to_book_max_us for row in busy)
    assert any(row.clock_error_us is not None and row.clock_error_us > 0 for row in rows)


STAGES = ("network", "queue", "decode", "apply", "durable")


@pytest.mark.parametrize("engine", ["plain", "auto"])
def test_every_stage_of_the_latency_is_told_for_every_book(engine: str) -> None:
    sink = ListSink()
    with run_in_thread(Options(count=2)) as venue:
        config = config_for(venue, engine=engine, stats_every_s=0.1, clock_every_s=0.1)
        with feeding(config, sink) as feed:
            all_live(feed)
            until(lambda: feed.status().clock_offset_us is not None, "the clock is known")
            first = {symbol: feed.status().symbol(symbol).last_id for symbol in venue.symbols}
            until(
                lambda: all(feed.status().symbol(symbol).last_id > n for symbol, n in first.items()),
                "more diffs",
            )
            feed.flush()
            for batch in list(sink.batches):
                feed.note_commit(_Commit(1, time.time_ns(), batch))
    rows = [row for batch in sink.batches for row in batch.latencies]
    assert all(row.minute_ns % 60_000_000_000 == 0 for row in rows)
    for stage in STAGES:
        told = {row.symbol: row for row in rows if getattr(row, f"{stage}_p50_us") is not None}
        assert set(told) == set(venue.symbols), stage
        assert all(
            getattr(row, f"{stage}_p50_us") <= getattr(row, f"{stage}_p99_us") for row in told.values()
        )


def test_a_full_sink_stops_the_reading_and_nothing_is_lost() -> None:
    small = {"diff_rows": 8, "level_rows": 50_000, "trade_rows": 16, "ticker_rows": 32}
    sink = ListSink(room=small)
    with (
        run_in_thread(Options(count=2, speed=8)) as venue,
        feeding(config_for(venue, patience=IMPATIENT), sink) as feed,
    ):
        all_live(feed)
        sink.limit = 0
        until(lambda: feed.status().is_paused, "paused")
        frozen = feed.status().frames
        kept_from_us = _sent(venue) + 200
        until(lambda: _sent(venue) > kept_from_us, "the venue went on")
        assert feed.status().frames == frozen
        sink.limit = 1_000_000
        until(lambda: feed.status().frames > frozen + 200, "it reads again, from where it was")
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)
        status = feed.status()
        assert status.sessions == 1, "our own silence is not the venue's"
        assert [symbol.gaps for symbol in status.symbols] == [0, 0]
    for symbol in venue.symbols:
        assert "gap" not in sink.reasons(symbol)


def _sent(venue: ThreadedVenue) -> int:
    return int(venue.status()["frames"])


def test_stop_is_final_and_harmless_when_repeated() -> None:
    with run_in_thread(Options(count=1)) as venue:
        with feeding(config_for(venue), ListSink()) as feed:
            all_live(feed)
        feed.stop()
        assert not feed.is_running
        with pytest.raises(FeedStopped):
            feed.sample(1, ())
        unstarted = Feed(config_for(venue), ListSink(), rng=Random(1))
        unstarted.stop()
        with pytest.raises(FeedStopped):
            unstarted.status()


class TestHost:
    """Needs are offered to a host; whatever it does, they are met."""

    def test_a_host_does_the_work_and_sees_why(self) -> None:
        with (
            run_in_thread(Options(count=1, speed=4)) as venue,
            feeding(config_for(venue), ListSink(), host_grace_s=30) as feed,
        ):
            need = until(lambda: feed.needs.get(0.1), "a connection is needed")
            assert need.title == "connect loopback-spot (first connection)"
            assert need.claim()
            assert not need.claim(), "once"
            assert feed.status().sessions == 0, "the feed left it to the host"
            feed.perform(need).result(60)
            assert need.is_over
            need = until(lambda: feed.needs.get(0.1), "a seed is needed")
            assert need.title == f"resync {venue.symbols[0]} (first seed)"
            assert need.claim()
            feed.perform(need).result(60)
            assert is_live(feed, venue.symbols[0])()
            feed.perform(need).result(60)  # nothing is left to do, and that is no error

    def test_nobody_claims(self) -> None:
        with (
            run_in_thread(Options(count=1, speed=4)) as venue,
            feeding(config_for(venue), ListSink(), host_grace_s=0.05) as feed,
        ):
            all_live(feed)
            assert feed.needs.get() is None, "what is over is not offered"

    def test_the_host_claims_and_goes_away(self) -> None:
        with run_in_thread(Options(count=1, speed=4)) as venue:
            config = config_for(venue, host_patience_s=0.1)
            with feeding(config, ListSink(), host_grace_s=30) as feed:
                for _ in ("connect", "resync"):
                    assert until(lambda: feed.needs.get(0.1), "a need").claim()
                all_live(feed)

    def test_the_host_gives_back(self) -> None:
        with (
            run_in_thread(Options(count=1, speed=4)) as venue,
            feeding(config_for(venue), ListSink(), host_grace_s=30) as feed,
        ):
            for _ in ("connect", "resync"):
                need = until(lambda: feed.needs.get(0.1), "a need")
                assert need.claim()
                need.release()
            all_live(feed)


@dataclass
class _Commit:
    oldest_recv_ns: int
    committed_ns: int
    batch: Batch


def _with_profile(config: FeedConfig, **changes: Any) -> FeedConfig:
    return replace(config, profile=replace(config.profile, **changes))


@pytest.mark.parametrize("limit", [1_000_000, 3])
def test_what_comes_after_a_watermark_was_received_after_it(limit: int) -> None:
    """With room for three batches the sink is full again and again, and frames wait in between."""
    sink = ListSink(
        limit=limit, room={"diff_rows": 16, "level_rows": 8_192, "trade_rows": 99, "ticker_rows": 99}
    )
    with run_in_thread(Options(count=3, speed=8)) as venue, feeding(config_for(venue), sink) as feed:
        until(
            lambda: sink.release() or all(book.is_live for book in feed.status().symbols), "books are LIVE"
        )
        settled = len(sink.batches) + 1  # until then diffs wait for their seed
        for _ in range(30):
            before = len(sink.batches)
            if limit < 100:
                until(lambda: feed.status().is_paused, "frames wait for room")
                sink.release()
            until(lambda n=before: len(sink.batches) > n, "more batches")
        began_ns = time.time_ns()
        until(lambda: sink.release() or watermarks(sink)[-1] > began_ns, "the watermark follows the clock")
        sink.limit = 1_000_000
    assert len(watermarks(sink)) > 10
    through_ns, rows = 0, 0
    for n, batch in enumerate(sink.batches):
        oldest_ns = oldest_recv_ns(batch) if n > settled else None
        received = [] if oldest_ns is None else [oldest_ns]
        noticed = [row.ts_ns for row in (*batch.events, *batch.samples)]
        assert min(received + noticed, default=through_ns) >= through_ns
        rows += len(received)
        through_ns = max(through_ns, batch.through_ns or 0)
    assert rows > 20


def watermarks(sink: ListSink) -> list[int]:
    """Return until when everything is in the batches so far, batch by batch."""
    return [batch.through_ns for batch in list(sink.batches) if batch.through_ns is not None] or [0]
