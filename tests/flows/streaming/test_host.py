"""Feed, writer and database wired together, against the loopback venue; no Prefect."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreOwned
from leadline.tasks.loopback.threaded import ThreadedVenue
from leadline.tasks.net.errors import FeedStopped
from tests.flows.waiting import until

SYMBOLS = ("BTCUSDT", "币安人生USDT")


@pytest.fixture
def settings(venue: ThreadedVenue, tmp_path: Path) -> Settings:
    return Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue="loopback-spot",
        symbols=SYMBOLS,
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        stats_every_s=0.5,
    )


def test_it_streams_without_anybody_to_host_its_needs(settings: Settings) -> None:
    host = StreamHost(settings, host_grace_s=0)
    host.open()
    try:
        until(lambda: host.status().feed.live == len(SYMBOLS), "all books are live")
        assert len(host.sample()) == len(SYMBOLS)
        until(lambda: host.status().rows.get("samples", 0) >= len(SYMBOLS), "the samples are durable")
        host.check()
        with connect(settings.db) as con:  # while it streams, in the same process
            assert con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0] > 0
    finally:
        host.close()
    status = host.status()
    assert status.rows["diffs"] > 0
    assert status.feed.state == "stopped"
    with connect(settings.db) as con:
        stored = con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0]
        ended = con.execute("SELECT DISTINCT ended_by FROM coverage").fetchall()
        symbols = con.execute("SELECT DISTINCT symbol FROM depth_snapshots ORDER BY ALL").fetchall()
    assert stored == status.rows["diffs"]
    assert ended == [("stopped",)]
    assert symbols == [(symbol,) for symbol in sorted(SYMBOLS)]


@pytest.mark.parametrize("unit", ["millisecond", "microsecond"])
def test_rows_bear_the_name_of_a_given_address_and_times_of_either_unit(
    settings: Settings, unit: str
) -> None:
    settings = replace(settings, venue="binance-spot", time_unit=unit)
    assert settings.venue == "custom-binance-spot"
    began_ns = time.time_ns()
    host = StreamHost(settings, host_grace_s=0)
    host.open()
    try:
        until(lambda: host.status().feed.live == len(SYMBOLS), "all books are live")
        until(lambda: host.status().rows.get("trades", 0), "trades are durable")
        until(lambda: host.status().feed.clock_offset_us is not None, "the clock was asked")
        assert abs(host.status().feed.clock_offset_us or 0) < 60e6
    finally:
        host.close()
    ended_ns = time.time_ns()
    with connect(settings.db) as con:
        for table, column in (("depth_diffs", "ts_event"), ("trades", "ts_trade"), ("trades", "ts_event")):
            rows = con.execute(
                f"SELECT DISTINCT venue, epoch_ns(min({column})), epoch_ns(max({column})) "
                f"FROM {table} GROUP BY venue"
            ).fetchall()
            assert [row[0] for row in rows] == ["custom-binance-spot"]
            assert began_ns - 60e9 < rows[0][1] <= rows[0][2] < ended_ns + 1e9


def test_a_database_that_is_served_is_left_alone_at_once(settings: Settings) -> None:
    with Owner(settings.db, serve=True), pytest.raises(StoreOwned):
        StreamHost(settings).open()


def test_a_short_command_is_waited_out(settings: Settings) -> None:
    owner = Owner(settings.db)
    waited = []

    def tick() -> None:
        waited.append(1)
        owner.close()

    host = StreamHost(settings)
    host.open(tick=tick)
    host.close()
    assert waited == [1]


def test_before_and_after_there_is_no_feed(settings: Settings) -> None:
    host = StreamHost(settings)
    with pytest.raises(FeedStopped):
        host.status()
    host.open()
    host.close()
    with pytest.raises(FeedStopped):
        host.sample()
    with Owner(settings.db):
        pass  # the file is free again
