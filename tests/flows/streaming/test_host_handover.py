"""One stream follows another on the same database, without an update lost or doubled; no Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.config.venue import profile_of
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreOwned
from leadline.storage.handover.succession import HasHeir, Heir
from leadline.storage.queries import invariants as audit
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.threaded import ThreadedVenue, run_in_thread
from tests.drills.store_checks import wrong_books
from tests.flows.waiting import until

SYMBOLS = ("BTCUSDT", "ETHUSDT", "PEPEUSDT")


@pytest.fixture(scope="module", params=["spot", "usdm"])
def market(request: pytest.FixtureRequest) -> Iterator[tuple[str, ThreadedVenue]]:
    """Ten market seconds a second, so that the two overlap in many updates."""
    with run_in_thread(Options(kind=request.param, symbols=SYMBOLS, speed=10, history_s=3000)) as running:
        yield request.param, running


@pytest.fixture
def settings(market: tuple[str, ThreadedVenue], tmp_path: Path) -> Settings:
    kind, venue = market
    return Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue=f"loopback-{kind}",
        symbols=SYMBOLS,
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        weight_per_minute=1_000_000,
        stats_every_s=0.5,
    )


@contextmanager
def host(settings: Settings) -> Iterator[StreamHost]:
    made = StreamHost(settings, host_grace_s=0)
    try:
        yield made
    finally:
        made.close()


def live(one: StreamHost) -> bool:
    return one.feed.status().live == len(SYMBOLS)


def stored(settings: Settings) -> int:
    with connect(settings.db) as con:
        return int(con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0])


def ensure_seamless(settings: Settings, venue: ThreadedVenue) -> None:
    """Hold the store against itself and against the venue: one unbroken run of updates."""
    with connect(settings.db) as con:
        for question in (audit.lost_ids, audit.doubled_ids, audit.untiled, audit.wrong_ends, audit.copies):
            assert question(con).rows == [], question.__name__
        doubled = """
            SELECT 'trade', symbol, trade_id FROM trades GROUP BY ALL HAVING count(*) > 1
            UNION ALL SELECT 'ticker', symbol, update_id FROM book_tickers GROUP BY ALL HAVING count(*) > 1
            UNION ALL SELECT 'bucket', venue, epoch_us(ts) FROM feed_stats GROUP BY ALL HAVING count(*) > 1
        """
        assert con.execute(doubled).fetchall() == []
        trades = """
            SELECT symbol, trade_id FROM (SELECT symbol, trade_id,
                lag(trade_id) OVER (PARTITION BY symbol ORDER BY trade_id) AS before FROM trades)
            WHERE trade_id <> before + 1
        """
        assert con.execute(trades).fetchall() == []
        overlaps = """
            SELECT * FROM (SELECT symbol, ts_from, first_id,
                lag(ts_to) OVER w AS ended, lag(last_id) OVER w AS ended_id
                FROM coverage WINDOW w AS (PARTITION BY symbol ORDER BY ts_from, first_id))
            WHERE ts_from <> ended OR first_id <> ended_id
        """
        assert con.execute(overlaps).fetchall() == []

    def truth(symbol: str, at_id: int) -> dict[str, Any]:
        return venue.truth(symbol, at_id).as_json()

    with Owner(settings.db) as owner:
        found = list(wrong_books(owner.cursor(), truth, Random(1), 8, every_epoch=True))
    assert len(found) >= 8 * 2 * len(SYMBOLS)
    assert [complaint for _, _, complaint in found if complaint] == []


def test_nothing_is_lost_or_doubled(settings: Settings, market: tuple[str, ThreadedVenue]) -> None:
    with host(settings) as old, host(settings) as new:
        old.open()
        until(lambda: live(old), "the old stream is live")
        new.warm()
        until(lambda: live(new), "the new stream is live")
        with pytest.raises(StoreOwned):
            new.take_over()  # not yet; nothing has changed
        marked = new.mark()
        assert set(marked) == set(SYMBOLS)

        def reached() -> bool:
            return all(old.feed.status().symbol(s).last_id >= id_ for s, id_ in marked.items())

        until(reached, "the old stream has what the new one builds on")
        old.close("handover")
        new.take_over()
        before = stored(settings)
        until(lambda: stored(settings) > before + 100, "the new stream stores")
    with connect(settings.db) as con:
        ended = con.execute("SELECT ended_by, count(*) FROM coverage GROUP BY ALL ORDER BY ALL").fetchall()
        assert ended == [("handover", len(SYMBOLS)), ("stopped", len(SYMBOLS))]
    ensure_seamless(settings, market[1])


def test_books_that_were_reseeded_meanwhile_follow_too(
    settings: Settings, market: tuple[str, ThreadedVenue]
) -> None:
    """The new stream loses its connection while it waits: one epoch ends and another begins."""
    _, venue = market
    with host(settings) as old, host(settings) as new:
        old.open()
        until(lambda: live(old), "the old stream is live")
        new.warm()
        until(lambda: live(new), "the new stream is live")
        marked = new.mark()
        new.feed.start_anew(["ETHUSDT"], "session_lost")
        until(lambda: not live(new), "a book was lost")
        until(lambda: live(new), "the new stream is live again")
        last = new.feed.status().symbol("ETHUSDT").last_id
        until(lambda: old.feed.status().symbol("ETHUSDT").last_id >= last, "the old stream is as far")
        assert set(marked) == set(SYMBOLS)
        old.close("handover")
        new.take_over()
        before = stored(settings)
        until(lambda: stored(settings) > before + 100, "the new stream stores")
    ensure_seamless(settings, venue)


def test_a_book_that_is_behind_begins_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.flows.streaming.host.CATCH_UP_S", 0.5)
    with host(settings) as old, host(settings) as new:
        old.open()
        until(lambda: live(old), "the old stream is live")
        new.warm()
        until(lambda: live(new), "the new stream is live")
        new.mark()
        epoch = new.feed.status().symbol("ETHUSDT").epoch
        old.close("handover")
        with Owner(settings.db) as owner:  # as if the old stream had been served far ahead of us
            ahead = "UPDATE coverage SET last_id = last_id + 1000000000 WHERE symbol = 'ETHUSDT'"
            owner.cursor().execute(ahead)
        new.take_over()
        until(lambda: live(new), "the book has begun anew")
        before = stored(settings)
        until(lambda: stored(settings) > before + 100, "the new stream stores")
    with connect(settings.db) as con:
        epochs = "SELECT count(*) FROM $table WHERE symbol = 'ETHUSDT' AND epoch = $epoch"
        for table in ("depth_diffs", "coverage", "seeds"):
            assert con.execute(epochs.replace("$table", table), {"epoch": epoch}).fetchall() == [(0,)]
        assert audit.copies(con).rows == []
        assert audit.untiled(con).rows == []


def test_a_cold_stream_lets_the_heir_go_first(settings: Settings) -> None:
    with Heir(settings.db):
        with pytest.raises(HasHeir, match="about to take"):
            StreamHost(settings).open()
        with pytest.raises(HasHeir):
            Heir(settings.db)
    with host(settings) as one:
        one.open()


def test_no_stream_follows_another_where_connections_need_not_number_alike(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = profile_of(settings)
    apart = replace(profile, spec=replace(profile.spec, pairs_connections=False))
    monkeypatch.setattr("leadline.flows.streaming.host.profile_of", lambda _: apart)
    with host(settings) as one, pytest.raises(BadSetting, match="need not number alike"):
        one.warm()
