"""Trades that come on a path of their own: cut alone, seldom, lost and repeated; from the wire to SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leadline.book.rows.batch import Count, Market
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.liveness import Patience
from leadline.tasks.feed.thread import Feed
from leadline.tasks.venues.common.adapter import WsBase
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import ListSink, all_live, feeding, until
from tests.tasks.still_venue import StillVenue

SYMBOL = "BTCUSDT"
SHORT = Patience(line_s=0.4, line_most_s=0.8)
QUICK: dict[str, Any] = {
    "engine": "plain",
    "check_every_s": 0.05,
    "flush_every_s": 0.02,
    "backoff_first_s": 0.05,
    "backoff_cap_s": 0.2,
    "settled_s": 0.0,
    "backfill_after_s": 0.1,
    "backfill_again_s": 0.1,
}
HOLES = "SELECT first_missing_id, next_id, missing FROM trade_holes"
BACKFILLS = "SELECT first_id, last_id, stored, missing, reason FROM trade_backfills"
TRUSTED = """SELECT trusted(venue, symbol, min(ts_recv) + (max(ts_recv) - min(ts_recv)) / 2, 'trades')
             FROM trades WHERE NOT is_backfilled AND trade_id IN ({}, {}) GROUP BY venue, symbol"""


def config_for(venue: StillVenue, kind: str, **changes: Any) -> FeedConfig:
    profile = loopback(kind, ws_url=venue.ws_url, rest_url=venue.rest_url)
    return FeedConfig(profile=profile, symbols=tuple(venue.listing), **(QUICK | changes))


def rows(owner: Owner, statement: str) -> list[tuple[Any, ...]]:
    with owner.cursor() as con:
        return con.execute(statement).fetchall()


@contextmanager
def storing(venue: StillVenue, kind: str, db: Path, **changes: Any) -> Iterator[tuple[Feed, Owner]]:
    """A feed of the venue into a database."""
    markets: list[Market] = []
    with Owner(db, serve=False) as owner:
        writer = Writer(owner, markets)
        writer.start()
        feed = Feed(config_for(venue, kind, **changes), writer, rng=Random(7))
        feed.start()
        try:
            all_live(feed)
            yield feed, owner
        finally:
            feed.stop(30.0)
            writer.close()


def trade_until_stored(venue: StillVenue, owner: Owner) -> int:
    """Let it trade once, and wait for the row; return the id."""
    trade_id = venue.trade(SYMBOL)
    until(lambda: rows(owner, f"SELECT 1 FROM trades WHERE trade_id = {trade_id}"), "stored")
    return trade_id


@pytest.mark.parametrize("is_offered", [True, False], ids=["listed", "not-listed"])
def test_a_trade_path_that_is_cut_leaves_a_hole_that_is_told_and_filled(
    tmp_path: Path, is_offered: bool
) -> None:
    with (
        StillVenue(SYMBOL, futures=True) as venue,
        storing(venue, "usdm", tmp_path / "x.duckdb", backfill_trades=500) as (feed, owner),
    ):
        first = trade_until_stored(venue, owner)
        if not is_offered:
            venue.answer = lambda path, _: (200, [], {}) if path.endswith("aggTrades") else None
        venue.refused_paths = ("/market",)
        venue.cut("/market")
        until(lambda: len(venue.opened) > 3, "refused there")
        for _ in range(109):
            venue.trade(SYMBOL)
        venue.refused_paths = ()
        until(lambda: feed.status().sessions == 3, "connected again")
        last = trade_until_stored(venue, owner)
        assert last == first + 110
        told = until(lambda: rows(owner, BACKFILLS), "asked for")
        trusted = TRUSTED.format(first, last)
        if is_offered:
            assert told == [(first + 1, last - 1, 109, 0, "")]
            until(lambda: not rows(owner, HOLES), "filled")
            ids = rows(owner, "SELECT trade_id FROM trades ORDER BY 1")
            assert ids == [(n,) for n in range(first, last + 1)], "each once"
            assert rows(owner, "SELECT count(*) FROM trades WHERE is_backfilled") == [(109,)]
        else:
            assert told == [(first + 1, last - 1, 0, 109, "the venue did not list them")]
            assert rows(owner, HOLES) == [(first + 1, last, 109)]
        assert rows(owner, trusted) == [(is_offered,)]
        reasons = rows(owner, "SELECT reason FROM book_events ORDER BY ts")
        assert reasons == [("start",), ("ready",)], "the book has its own connection"


def test_lost_and_repeated_trades_are_told_and_stored_once(tmp_path: Path) -> None:
    with (
        StillVenue(SYMBOL) as venue,
        storing(venue, "spot", tmp_path / "x.duckdb") as (_, owner),
    ):
        first = trade_until_stored(venue, owner)
        for _ in range(20):
            venue.trade(SYMBOL, lost=True)
        last = trade_until_stored(venue, owner)
        venue.trade_again(SYMBOL)
        assert until(lambda: rows(owner, "SELECT trade_id FROM trade_repeats"), "told") == [(last,)]
        assert rows(owner, HOLES) == [(first + 1, last, 20)]
        assert rows(owner, "SELECT trade_id FROM trades ORDER BY 1") == [(first,), (last,)]
        assert rows(owner, TRUSTED.format(first, last)) == [(False,)]


def look_into_silence(venue: StillVenue, symbol: str) -> None:
    """Move the book until the silence of the trades is looked into once more."""
    asked = venue.asked("aggTrades")

    def is_looked_into() -> bool:
        venue.diff(symbol, (("99.98", f"{venue.ids[symbol] % 9 + 1}"),))
        return venue.asked("aggTrades") > asked

    until(is_looked_into, "looked into")


def test_a_trade_path_on_which_little_comes_is_kept_beside_a_book_that_moves() -> None:
    coin, sink = "LINKUSD_PERP", ListSink()
    with StillVenue(coin, futures=True) as venue:
        divided = WsBase(venue.ws_url, "/public", "/market")
        venue.mute_paths = ("/old",)  # the next address accepts, and sends nothing
        config = config_for(venue, "coinm", patience=SHORT)
        bases = (divided, WsBase(venue.ws_url, "/old", "/old"))
        config = replace(config, profile=replace(config.profile, ws_bases=bases))
        with feeding(config, sink) as feed:
            all_live(feed)
            for trades in (1, 2):
                venue.trade(coin)
                until(lambda n=trades: sink.count(Count.TRADES) == n, "the trade is stored")
                for _ in range(trades):
                    look_into_silence(venue, coin)
            assert feed.status().sessions == 2
            paths = [path.partition("/stream")[0] for _, path in venue.opened]
            assert sorted(paths) == ["/market", "/public"]
