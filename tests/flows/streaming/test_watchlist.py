"""Symbols come and go while a stream runs; others lose no id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadline.flows.config.settings import Settings
from leadline.flows.streaming.host import StreamHost
from leadline.flows.streaming.watchlist import Watchlist
from leadline.storage.access.connect import connect
from leadline.storage.symbols.watchlist import say, words
from leadline.tasks.loopback import Options, ThreadedVenue, run_in_thread
from tests.flows.waiting import until

STAYS, *OTHERS = SYMBOLS = ("BTCUSDT", "ETHUSDT", "S1USDT", "S2USDT")
VENUE = "loopback-spot"


@pytest.fixture(scope="module")
def venue() -> Iterator[ThreadedVenue]:
    many = {"weight_limit": 1_000_000, "messages_per_s": 200}
    with run_in_thread(Options(symbols=SYMBOLS, levels=100, speed=4, **many)) as running:
        yield running


@pytest.fixture
def usual(venue: ThreadedVenue, tmp_path: Path) -> Settings:
    return Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue=VENUE,
        symbols=SYMBOLS[:2],
        engine="plain",
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        audit_every_s=0,
        weight_per_minute=1_000_000,
    )


@contextmanager
def streaming(usual: Settings, **given_: Any) -> Iterator[tuple[StreamHost, Watchlist]]:
    host = StreamHost(usual, host_grace_s=0, **given_)
    host.open()
    try:
        yield host, Watchlist(host)
    finally:
        host.close()


def word(host: StreamHost, symbol: str, *, is_wanted: bool) -> None:
    with connect(host.settings.db, write=True) as con:
        say(con, VENUE, [symbol], is_wanted=is_wanted, who="a test", now=dt.datetime.now(dt.UTC))


def live(host: StreamHost) -> set[str]:
    status = host.feed.status()
    assert {each.symbol for each in status.symbols if each.is_live} <= {
        each.symbol for each in status.symbols
    }
    return {each.symbol for each in status.symbols} if status.live == len(status.symbols) else set()


def ask(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with connect(db) as con:
        return con.execute(sql).fetchall()


def test_symbols_come_and_go_and_others_lose_no_id(usual: Settings) -> None:
    with streaming(usual) as (host, watchlist):
        until(lambda: live(host) == set(SYMBOLS[:2]), "LIVE")
        for _ in range(3):
            for symbol in SYMBOLS[2:]:
                word(host, symbol, is_wanted=True)
            watchlist.look()
            until(lambda: live(host) == set(SYMBOLS), "more are LIVE")
            for symbol in SYMBOLS[2:]:
                word(host, symbol, is_wanted=False)
            watchlist.look()
            until(lambda: live(host) == set(SYMBOLS[:2]), "fewer are LIVE")
        assert host.feed.status().sessions == 1
        last_id = host.feed.status().symbol(STAYS).last_id
        until(lambda: host.feed.status().symbol(STAYS).last_id > last_id, "it goes on")
    for symbol in SYMBOLS[:2]:
        intervals = ask(usual.db, f"SELECT ended_by FROM coverage WHERE symbol = '{symbol}'")
        assert intervals == [("stopped",)]
        torn = f"""SELECT count(*) FROM (
            SELECT first_id, lag(last_id) OVER (ORDER BY last_id) AS before FROM depth_diffs
            WHERE symbol = '{symbol}') WHERE first_id <> before + 1"""
        assert ask(usual.db, torn) == [(0,)]
    dropped = "SELECT symbol, state, reason[:19] FROM symbol_states WHERE state = 'DROPPED' ORDER BY ALL"
    assert ask(usual.db, dropped) == [(one, "DROPPED", "dropped by a test, ") for one in SYMBOLS[2:]]
    changes = "SELECT list(state ORDER BY seq) FROM markets_history WHERE symbol = 'S1USDT'"
    assert ask(usual.db, changes) == [(["LISTED", "DROPPED"] * 3,)]


@pytest.fixture(scope="module")
def stage(
    venue: ThreadedVenue, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[StreamHost, Watchlist]]:
    db = tmp_path_factory.mktemp("stage") / "x.duckdb"
    chosen = Settings(
        db=db,
        home=db.parent / "home",
        venue=VENUE,
        symbols=SYMBOLS[:1],
        engine="plain",
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        weight_per_minute=1_000_000,
    )
    with streaming(chosen) as made:
        yield made


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    said=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(OTHERS), st.booleans()),
            st.sets(st.sampled_from(OTHERS)),
        ),
        max_size=6,
    )
)
def test_whatever_was_said_the_last_word_counts(
    stage: tuple[StreamHost, Watchlist], said: list[tuple[str, bool] | set[str]]
) -> None:
    host, watchlist = stage
    expected = {each.symbol for each in host.feed.status().symbols}
    usual = set(watchlist._usual)
    epoch = host.feed.status().symbol(STAYS).epoch
    for one in said:
        if isinstance(one, tuple):
            symbol, is_wanted = one
            word(host, symbol, is_wanted=is_wanted)
            (expected.add if is_wanted else expected.discard)(symbol)
        else:  # the setting changes
            watchlist.change_settings([STAYS, *sorted(one)])
            expected = (expected | (one - usual)) - (usual - one - {STAYS})
            usual = {STAYS, *one}
    watchlist.look()
    until(lambda: live(host) == expected, f"{expected} LIVE")
    until(lambda: host.feed.status().symbol(STAYS).epoch is not None, "LIVE")
    assert epoch in {None, host.feed.status().symbol(STAYS).epoch}


def test_a_word_stands_over_a_restart_until_the_symbol_is_named(usual: Settings) -> None:
    with streaming(usual) as (host, _):
        word(host, "ETHUSDT", is_wanted=False)
        word(host, "S1USDT", is_wanted=True)
    with streaming(usual) as (host, watchlist):
        until(lambda: live(host) == {STAYS, "S1USDT"}, "as it was said")
        watchlist.look()
        assert host.settings.symbols == SYMBOLS[:2]
    with streaming(usual, named=usual.symbols) as (host, watchlist):
        watchlist.look()
        until(lambda: live(host) == {STAYS, "ETHUSDT", "S1USDT"}, "named again")
        with connect(usual.db) as con:
            assert words(con, VENUE)["ETHUSDT"].who == "a stream that was started with its name"


def test_a_symbol_that_is_not_listed_may_be_added_too(usual: Settings) -> None:
    with streaming(replace(usual, symbols=(STAYS,))) as (host, watchlist):
        word(host, "BTCUSTD", is_wanted=True)
        watchlist.look()
        until(lambda: str(host.feed.status().symbol("BTCUSTD").state) == "UNLISTED", "told")
        until(lambda: host.feed.status().symbol(STAYS).is_live, "LIVE")
        word(host, "BTCUSTD", is_wanted=False)
        watchlist.look()
        assert [each.symbol for each in host.feed.status().symbols] == [STAYS]
