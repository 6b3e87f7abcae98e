"""One look for a page, at a store with known contents; near and far, and at one with nothing in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.queries import dashboard as report
from leadline.storage.queries.dashboard import STRIP, Span
from tests.storage.helpers import Stage
from tests.storage.signals.market import NOON, VENUE, Stored, at

TEN_MINUTES = Span(at(-600), at(0))


@pytest.fixture(scope="module")
def con(stage: Stage) -> Iterator[Connection]:
    """BTC with a hole of a minute, ETH whose stream was stopped, SOL that is not trusted any more."""
    with connect(stage.db, write=True) as con:
        btc = Stored(con)
        btc.covered(-600, -180, 10, "gap")
        btc.covered(-120, 0, 30)
        btc.sample(-30, 20, {99.0: 2.0, 98.0: 1.0}, {101.0: 4.0})
        btc.sample(-10, 30, {100.0: 3.0}, {101.0: 1.0})
        con.execute(
            "INSERT INTO attestations VALUES ($v, $s, $m, 7, 3, 1, 0, 100, 2)",
            {"v": VENUE, "s": "BTCUSDT", "m": at(-60)},
        )
        con.execute(
            "INSERT INTO mismatches BY NAME SELECT $v AS venue, $s AS symbol, 1 AS epoch, $t AS ts, "
            "'equal_id' AS kind, true AS refuted, 5 AS book_id, 5 AS witness_id, 99.0 AS bid_px",
            {"v": VENUE, "s": "BTCUSDT", "t": at(-55)},
        )
        eth = Stored(con, "ETHUSDT")
        eth.covered(-300, -150, 10, "stopped")
        sol = Stored(con, "SOLUSDT")
        sol.covered(-300, -60, 10, "silent")
        sol.event(-60, "STALE", "silent")
        yield con


def test_how_far_each_market_may_be_believed(con: Connection) -> None:
    btc, eth, sol = report.markets(con, TEN_MINUTES, ["BTCUSDT"])
    assert (btc.symbol, btc.watched_s, btc.covered_s, btc.is_covered_now) == ("BTCUSDT", 600, 540, True)
    assert [(hole.cause, hole.n, hole.seconds) for hole in btc.holes] == [("gap", 1, 60)]
    assert (btc.checked, btc.mismatches, btc.audited, btc.audit_mismatches) == (10, 1, 100, 2)
    # Watched until it was stopped on purpose: what came after is no hole.
    assert (eth.watched_s, eth.covered_s, eth.ended_in_order, eth.holes) == (150, 150, True, ())
    assert (sol.covered_s, sol.is_covered_now, sol.ended_in_order, sol.stales) == (240, False, False, 1)
    assert [(hole.cause, hole.seconds) for hole in sol.holes] == [("silent", 60)]


def test_a_quiet_market_is_covered_while_its_feed_lives(con: Connection) -> None:
    later = Span(at(-600), at(60))
    btc = report.markets(con, later, ["BTCUSDT"])[0]
    assert (btc.covered_s, btc.silent_s, btc.strip[-1].covered) == (540, 60, 0)
    con.begin()
    con.execute(
        "INSERT INTO feed_stats BY NAME SELECT $v AS venue, $ts AS ts, 1.0 AS bucket_s, 1 AS frames, "
        "0 AS bytes, 0 AS diffs, 0 AS trades, 0 AS tickers, 0 AS bad_frames, 0 AS reconnects, "
        "0 AS resyncs, 1 AS live_symbols, 1 AS symbols, 0 AS queue_batches, 1 AS queue_limit",
        {"v": VENUE, "ts": at(58)},
    )
    btc, _, sol = report.markets(con, later, ["BTCUSDT"])
    assert (btc.covered_s, btc.silent_s, btc.strip[-1].covered) == (600, 0, 1)
    assert sol.covered_s == 240
    con.rollback()


def test_the_feed_of_half_a_minute_is_a_line_without_breaks(con: Connection) -> None:
    """Its rows come once a second, and a piece of time without one would break the line."""
    con.begin()
    con.execute(
        "INSERT INTO feed_stats BY NAME SELECT $v AS venue, $ts + to_milliseconds(n * 1040) AS ts, "
        "1.04 AS bucket_s, 26 AS frames, 0 AS bytes, 13 AS diffs, 0 AS trades, 0 AS tickers, "
        "0 AS bad_frames, 0 AS reconnects, 0 AS resyncs, 1 AS live_symbols, 1 AS symbols, "
        "0 AS queue_batches, 1 AS queue_limit FROM range(29) r(n)",
        {"v": VENUE, "ts": at(0)},
    )
    found = report.feed(con, Span(at(0), at(30)))
    assert found.frames_per_s == pytest.approx([25.0] * 15)
    assert report.feed(con, Span(at(0), at(1))).frames_per_s == pytest.approx([25.0])
    con.rollback()


def test_the_strip_tells_when(con: Connection) -> None:
    btc, eth, _ = report.markets(con, TEN_MINUTES, ["BTCUSDT"])
    step_s = TEN_MINUTES.seconds / STRIP
    lost = [n for n, piece in enumerate(btc.strip) if piece.covered == 0]
    assert [(n * step_s, btc.strip[n].causes) for n in lost] == [(420 + 10 * k, "gap") for k in range(6)]
    assert [n * step_s for n, piece in enumerate(btc.strip) if piece.mismatches] == [540]
    assert all(piece.covered == 1 for n, piece in enumerate(btc.strip) if n not in lost)
    watched = [n * step_s for n, piece in enumerate(eth.strip) if piece.covered is not None]
    assert (watched[0], watched[-1]) == (300, 440)


def test_books_and_their_depth(con: Connection) -> None:
    (book,) = report.books(con, TEN_MINUTES, ["BTCUSDT", "ETHUSDT"])
    assert (book["symbol"], book["ts"], book["bid_px"], book["ask_qty"]) == (
        "BTCUSDT", at(-10), [100.0], [1.0],
    )  # fmt: skip
    found = report.depth(con, TEN_MINUTES, ["ETHUSDT", "BTCUSDT"])
    assert [(one.ts, one.bands_bps, one.bids, one.asks) for one in found[VENUE, "BTCUSDT"]] == [
        (at(-30), (10.0,), (30.0,), (10.0,)), (at(-10), (10.0,), (30.0,), (10.0,)),
    ]  # fmt: skip
    (miss,) = report.evidence(con, TEN_MINUTES)
    assert (miss["kind"], miss["refuted"], miss["bid_px"], miss["ask_px"]) == ("equal_id", True, 99, None)


def test_a_span_ends_with_what_is_known_and_begins_no_earlier(con: Connection) -> None:
    known = report.known_span(con)
    assert known == Span(at(-600), at(0))
    assert report.span_to(known, NOON, dt.timedelta(hours=1)) == TEN_MINUTES
    assert report.span_to(known, NOON, dt.timedelta(minutes=2)) == Span(at(-120), at(0))


def test_samples_of_a_long_time_are_few(con: Connection) -> None:
    con.begin()
    con.execute(
        "INSERT INTO depth_snapshots BY NAME SELECT venue, symbol, epoch, last_id, bid_px, bid_qty, "
        "ask_px, ask_qty, depth_bps, bid_depth, ask_depth, trusted, reason, ts - to_seconds(i) AS ts "
        "FROM depth_snapshots, range(1, 3000) AS r (i) WHERE ts = $t",
        {"t": at(-10)},
    )
    day = Span(at(-7200), at(0))
    found = report.depth(con, day, ["BTCUSDT"])[VENUE, "BTCUSDT"]
    assert 70 < len(found) <= report.COLUMNS
    assert found[-1].ts == at(-10)
    con.rollback()


def test_an_empty_store_has_nothing(template_con: Connection) -> None:
    assert report.known_span(template_con) is None
    assert report.markets(template_con, TEN_MINUTES, []) == []
    assert report.books(template_con, TEN_MINUTES, ["A"]) == []
    assert report.depth(template_con, TEN_MINUTES, ["A"]) == {}
    assert set(report.feed(template_con, TEN_MINUTES).frames_per_s) == {None}
    assert report.feed_now(template_con, TEN_MINUTES) == report.evidence(template_con, TEN_MINUTES) == []


@pytest.fixture
def template_con(db: object) -> Iterator[Connection]:
    with connect(str(db)) as con:
        yield con
