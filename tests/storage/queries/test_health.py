"""What a person looks at first, from a store with known contents; near and far."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from leadline.book.rows.batch import Batch, BookEventRow, CoverageEnded
from leadline.book.sync.events import State
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries import health
from tests.storage.helpers import MARKETS, START_NS, STEP_NS, Served, diff, fill, seed

PER_S = 1_000_000_000 // STEP_NS
LAST = 10 + 3 * PER_S
NOW = dt.datetime.fromtimestamp((START_NS + LAST * STEP_NS) / 1e9, dt.UTC) + dt.timedelta(seconds=1)
VENUE = MARKETS[0].venue


@pytest.fixture
def filled(db: Path) -> Path:
    batch = Batch(MARKETS)
    fill(batch, 0, [diff(n, n) for n in (11, LAST)], seeded=seed(10))
    batch.events.append(
        BookEventRow(0, START_NS + LAST * STEP_NS, State.LIVE, State.BUFFERING, "gap", 1, 2)
    )
    batch.coverage.append(CoverageEnded(0, 1, START_NS + LAST * STEP_NS, LAST, "gap"))
    with Owner(db) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(batch)
        writer.close()
    return db


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_health_of_each_book(filled: Path, remote: bool) -> None:
    served = Served(filled) if remote else None
    with connect(filled) as con:
        found = health.book_health(con, VENUE, NOW)
        later = health.book_health(con, VENUE, NOW + dt.timedelta(days=2))
        assert health.book_health(con, "elsewhere", NOW) == {}
    book = found[MARKETS[0].symbol]
    assert (book.diffs, book.gaps_today, book.losses_today) == (2, 1, 1)
    assert book.newest is not None
    assert book.trusted[:-1] == [None] * (health.BLOCKS - 1)
    assert book.trusted[-1] == pytest.approx(3 / 300, abs=0.002)
    assert later == {}
    if served is not None:
        served.stop()


def test_an_empty_store_has_empty_pages(db: Path) -> None:
    with Owner(db), connect(db) as con:
        assert health.book_health(con, VENUE, NOW) == {}
        assert health.last_depth(con, VENUE, ["A"], NOW, most=5) == []
        assert health.ladder(con, VENUE, "A", NOW) is None
        assert health.last_signals(con, most=5) == []
        assert health.signal_outcomes(con, NOW) == {}
        latency = health.latency(con, VENUE, NOW)
    assert len(latency.frames_per_s) == len(latency.to_book_p99_ms) == 2


def test_latency_by_step_and_the_last_samples(db: Path) -> None:
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    with Owner(db), connect(db, write=True) as con:
        for ago_s, frames, p99_us in ((5, 100, 2_000.0), (6, 300, 1_000.0), (95, 50, None)):
            con.execute(
                "INSERT INTO feed_stats BY NAME SELECT $v AS venue, $ts AS ts, 1.0 AS bucket_s, "
                "$f AS frames, 0 AS bytes, 0 AS diffs, 0 AS trades, 0 AS tickers, 0 AS bad_frames, "
                "0 AS reconnects, 0 AS resyncs, 1 AS live_symbols, 1 AS symbols, $p AS to_book_p99_us, "
                "0 AS queue_batches, 1 AS queue_limit",
                {"v": VENUE, "ts": utc(now, ago_s), "f": frames, "p": p99_us},
            )
        for ago_s, symbol, mid, trusted in (
            (9, "A", 1.0, True),
            (5, "A", 2.0, True),
            (5, "B", None, False),
        ):
            con.execute(
                "INSERT INTO depth_snapshots BY NAME SELECT $v AS venue, $s AS symbol, $ts AS ts, "
                "7 AS last_id, [1.0] AS bid_px, [2.0] AS bid_qty, [3.0] AS ask_px, [4.0] AS ask_qty, "
                "$m AS mid, [5.0] AS depth_bps, [1.0] AS bid_depth, [1.0] AS ask_depth, "
                "$t AS trusted, 'gap' AS reason",
                {"v": VENUE, "s": symbol, "ts": utc(now, ago_s), "m": mid, "t": trusted},
            )
        latency = health.latency(con, VENUE, now)
        since = now - dt.timedelta(minutes=1)
        depth = health.last_depth(con, VENUE, ["B", "A"], since, most=9)
        ladder = health.ladder(con, VENUE, "A", since)
        assert health.ladder(con, VENUE, "B", since) is None
    assert latency.frames_per_s == [50.0, None, None, 200.0]
    assert latency.to_book_p99_ms == [None, None, None, 2.0]
    assert [(row["symbol"], row["mid"], row["mids"]) for row in depth] == [
        ("B", None, [None]),
        ("A", 2.0, [1.0, 2.0]),
    ]
    assert ladder == health.Ladder([(1.0, 2.0)], [(3.0, 4.0)])


def utc(now: dt.datetime, ago_s: float) -> dt.datetime:
    return (now - dt.timedelta(seconds=ago_s)).replace(tzinfo=None)
