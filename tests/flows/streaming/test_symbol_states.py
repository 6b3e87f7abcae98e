"""What the venue lists of each symbol, from the venue to SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.local.up_picture import outcast_lines
from leadline.flows.local.watcher import stream_of
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from tests.flows.commands import finish, start
from tests.flows.waiting import until

BAD = {
    "unlisted": "UNLISTED",
    "no_filters": "UNUSABLE",
    "tick_zero": "UNUSABLE",
    "too_fine": "UNUSABLE",
    "numbers": "UNUSABLE",
    "too_coarse": "OFF_SCALE",
    '{"status": "PENDING_TRADING"}': "HALTED",
}
SYMBOLS = ("BTCUSDT", "ETHUSDT", *(f"BAD{n}USDT" for n in range(len(BAD))))


@pytest.fixture
def venue() -> Iterator[ThreadedVenue]:
    with run_in_thread(Options(symbols=SYMBOLS, levels=200, weight_limit=100_000)) as running:
        yield running


@pytest.fixture
def settings(venue: ThreadedVenue, tmp_path: Path) -> Settings:
    return Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue="loopback-spot",
        symbols=(*SYMBOLS, "BTCUSTD"),
        engine="plain",
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        status_every_s=0.5,
        audit_every_s=0,
        weight_per_minute=100_000,
    )


def ask(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with connect(db) as con:
        return con.execute(sql).fetchall()


def states(db: Path) -> dict[str, tuple[str, str]]:
    rows = ask(db, "SELECT symbol, state, reason FROM symbol_states")
    return {symbol: (state, reason) for symbol, state, reason in rows}


def test_each_bad_listing_has_its_state_and_its_reason_in_sql(
    settings: Settings, venue: ThreadedVenue
) -> None:
    expected = {"BTCUSDT": "LIVE", "ETHUSDT": "LIVE", "BTCUSTD": "UNLISTED"}
    for symbol, (lie, state) in zip(SYMBOLS[2:], BAD.items(), strict=True):
        venue.inject(Fault("listing", symbol, text=lie))
        expected[symbol] = state
    host = StreamHost(settings, host_grace_s=0)
    host.open()
    try:
        until(
            lambda: {one: state for one, (state, _) in states(settings.db).items()} == expected,
            "all are told",
            timeout_s=20,
        )
        told = states(settings.db)
        assert told["BTCUSTD"][1] == "loopback-spot does not list BTCUSTD; did you mean BTCUSDT?"
        for symbol, (state, reason) in told.items():
            assert reason == "" if state == "LIVE" else symbol in reason or state == "HALTED"
        assert told["BAD6USDT"][1] == "halted: PENDING_TRADING"
        seen = stream_of(settings.db, print)
        lines = outcast_lines(seen.outcasts)
        assert len(lines) == 6
        assert lines[-1] == "symbol    … and 2 more: leadline symbols"
        assert all(line.split()[1] in expected for line in lines[:-1])
    finally:
        host.close()


def test_a_change_while_it_streams_is_a_row_with_its_time(settings: Settings, venue: ThreadedVenue) -> None:
    host = StreamHost(settings, host_grace_s=0)
    host.open()
    rows = "SELECT status, tick_size, changed FROM markets_history WHERE symbol = 'ETHUSDT' ORDER BY seq"
    try:
        until(lambda: states(settings.db).get("ETHUSDT", ("",))[0] == "LIVE", "LIVE")
        ((_, tick_size, changed),) = ask(settings.db, rows)
        assert changed == "first"
        venue.inject(Fault("status", "ETHUSDT", text="BREAK"))
        until(lambda: states(settings.db)["ETHUSDT"] == ("HALTED", "halted: BREAK"), "halted")
        venue.inject(Fault("tick_size", "ETHUSDT", text="0.00001"))
        until(lambda: len(ask(settings.db, rows)) == 3, "a row")
    finally:
        host.close()
    assert ask(settings.db, rows) == [
        ("TRADING", tick_size, "first"),
        ("BREAK", tick_size, "status"),
        ("BREAK", 0.00001, "tick_size"),
    ]
    again = StreamHost(settings, host_grace_s=0)
    again.open()
    try:
        until(lambda: states(settings.db)["BTCUSDT"][0] == "LIVE", "LIVE")
        until(lambda: again.status().rows.get("diffs"), "rows")
    finally:
        again.close()
    others = "SELECT count(*) FROM markets_history WHERE symbol = 'BTCUSDT'"
    assert ask(settings.db, others) == [(1,)], "a restart changes nothing"


def test_a_symbol_that_opens_is_live_within_seconds_of_its_first_trade(
    settings: Settings, venue: ThreadedVenue
) -> None:
    from dataclasses import replace

    venue.inject(Fault("status", "ETHUSDT", text="BREAK"))
    host = StreamHost(replace(settings, status_every_s=300.0), host_grace_s=0)
    host.open()
    try:
        until(lambda: host.feed.status().symbol("BTCUSDT").is_live, "another is LIVE")
        until(lambda: ask(settings.db, "SELECT 1 FROM markets_history WHERE status = 'BREAK'"), "told")
        venue.inject(Fault("status", "ETHUSDT", text="TRADING"))
        until(lambda: host.feed.status().symbol("ETHUSDT").is_live, "LIVE", timeout_s=10)
    finally:
        host.close()


@pytest.mark.engine
def test_a_watch_list_with_a_typo(stream_env: dict[str, str], venue: ThreadedVenue, tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    env = stream_env | {"LEADLINE_WS_URL": venue.ws_url, "LEADLINE_REST_URL": venue.rest_url}
    argv = ("--symbols", "BTCUSDT", "ETHUSDT", "BTCUSTD", "--seconds", "15", "--json")
    process = start(tmp_path, "stream", *argv, env=env)
    try:
        until(db.exists, "the database", timeout_s=60)
        until(lambda: _states_or_none(db) == {"BTCUSDT": "LIVE", "ETHUSDT": "LIVE", "BTCUSTD": "UNLISTED"},
              "told", timeout_s=60)  # fmt: skip
    finally:
        said = finish(process)
    assert said.code == 0, said.err
    assert states(db)["BTCUSTD"] == (
        "UNLISTED",
        "loopback-spot does not list BTCUSTD; did you mean BTCUSDT?",
    )


def _states_or_none(db: Path) -> dict[str, str] | None:
    from leadline.storage.errors import StoreError

    try:
        return {symbol: state for symbol, (state, _) in states(db).items()}
    except StoreError:
        return None  # it is being made
