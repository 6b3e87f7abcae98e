"""The views that say what may be believed, on rows whose answer is known."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from leadline.storage.access.extensions import open_duckdb
from leadline.storage.queries.latency import stages
from leadline.storage.queries.trust import judge, newest

DAY = dt.datetime(2026, 5, 28, tzinfo=dt.UTC)
COVERAGE = """
INSERT INTO coverage (venue, symbol, epoch, ts_from, ts_to, first_id, last_id, ended_by) VALUES
    ('v', 's', 1, '2026-05-28 10:00:30', '2026-05-28 10:02:15', 1, 20, 'gap'),
    ('v', 's', 2, '2026-05-28 10:02:30', '2026-05-28 10:04:00', 31, 40, 'mismatch'),
    ('v', 's', 2, '2026-05-28 10:04:10', '2026-05-28 10:06:00', 45, 60, NULL),
    ('v', 'other', 3, '2026-05-28 10:00:00', '2026-05-28 10:06:00', 1, 2, NULL)
"""
EVENTS = """
INSERT INTO book_events VALUES
    ('v', 's', '2026-05-28 10:00:00', 'WAITING', 'BUFFERING', 'start', 1, NULL),
    ('v', 's', '2026-05-28 10:04:05', 'LIVE', 'SUSPECT', 'mismatch', NULL, NULL),
    ('v', 's', '2026-05-28 10:05:59', 'LIVE', 'LIVE', 'pruned', NULL, NULL)
"""
SCORES = """
INSERT INTO attestations VALUES
    ('v', 's', '2026-05-28 10:01:00', 10, 90, 0, 2, 0, 0),
    ('v', 's', '2026-05-28 10:04:00', 5, 40, 1, 0, 0, 0),
    ('v', 's', '2026-05-28 10:04:00', 5, 0, 0, 0, 1000, 0),
    ('v', 's', '2026-05-28 10:05:00', 1, 0, 0, 0, 1000, 2)
"""
EVIDENCE = """
INSERT INTO mismatches BY NAME SELECT 'v' AS venue, 's' AS symbol, 2 AS epoch,
    TIMESTAMP '2026-05-28 10:04:05' AS ts, 'bracketed' AS kind, false AS refuted, 41 AS book_id,
    40 AS witness_id, 42 AS next_id, 1.0 AS bid_px, 1.5 AS witness_bid_px
"""
STATS = """
INSERT INTO feed_stats BY NAME SELECT 'v' AS venue, TIMESTAMP '2026-05-28 10:01:10' AS ts, 10 AS bucket_s,
    1 AS frames, 1 AS bytes, 1 AS diffs, 1 AS trades, 1 AS tickers, 0 AS bad_frames, 0 AS reconnects,
    0 AS resyncs, 1 AS live_symbols, 1 AS symbols, 0 AS queue_batches, 12 AS queue_limit,
    400.0 AS to_book_p50_us, 1800.0 AS to_book_p99_us, -1272000.0 AS clock_offset_us,
    900.0 AS clock_error_us
"""
# Two parts of one minute, and another book; the network was not measured.
STAGES = """
INSERT INTO latency BY NAME SELECT 'v' AS venue, symbol, TIMESTAMP '2026-05-28 10:01:00' AS minute, diffs,
    p50 AS queue_p50_us, 10 * p50 AS queue_p99_us, 2.0 AS decode_p50_us, 4.0 AS decode_p99_us,
    1.0 AS apply_p50_us, 3.0 AS apply_p99_us, 100 * p50 AS durable_p50_us, 900.0 AS durable_p99_us
FROM (VALUES ('s', 590, 30.0), ('s', 10, 80.0), ('other', 5, 7.0)) t(symbol, diffs, p50)
"""


@pytest.fixture
def con(db: Path) -> duckdb.DuckDBPyConnection:
    con = open_duckdb(db)
    for statement in (COVERAGE, EVENTS, SCORES, EVIDENCE, STATS, STAGES):
        con.execute(statement)
    return con


def test_each_minute_is_trusted_or_says_why_not(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "SELECT strftime(minute, '%M'), is_trusted, covered_pct, why FROM trust "
        "WHERE symbol = 's' ORDER BY 1"
    ).fetchall()
    assert rows == [
        ("00", False, 50.0, "not covered for 30.0 s"),
        ("01", True, 100.0, ""),
        ("02", False, 75.0, "not covered for 15.0 s (gap)"),
        ("03", True, 100.0, ""),
        (
            "04",
            False,
            pytest.approx(83.333),
            "not covered for 10.0 s (mismatch); the venue disagreed 1 times; suspect",
        ),
        ("05", False, 100.0, "2 levels unlike the venue's"),
        ("06", False, None, "not covered for 0.0 s"),
    ]
    latency = con.execute(
        "SELECT to_book_p99_us, clock_offset_us, checked, attested_pct FROM trust "
        "WHERE symbol = 's' AND minute = '2026-05-28 10:01'"
    ).fetchall()
    assert latency == [(1800.0, -1_272_000.0, 100, 100.0)]
    split = con.execute(
        "SELECT symbol, network_p50_us, queue_p50_us, queue_p99_us, durable_p50_us, apply_p99_us "
        "FROM trust WHERE queue_p50_us IS NOT NULL ORDER BY symbol"
    ).fetchall()
    assert split == [("other", None, 7.0, 70.0, 700.0, 3.0), ("s", None, 30.0, 800.0, 3_000.0, 3.0)]


def test_a_span_is_judged(con: duckdb.DuckDBPyConnection) -> None:
    verdict = judge(con, "s", DAY.replace(hour=10, minute=1), DAY.replace(hour=10, minute=5))
    (row,) = verdict.summary.dicts()
    assert not verdict.is_trusted
    assert (row["minutes"], row["trusted_minutes"]) == (4, 2)
    assert (row["covered_s"], row["asked_s"]) == (215.0, 240.0)
    assert (row["checked"], row["mismatches"]) == (150, 1)
    assert row["attested_pct"] == pytest.approx(99.3333)
    assert [(gap["seconds"], gap["cause"], gap["first_missing_id"]) for gap in verdict.gaps.dicts()] == [
        (15.0, "gap", 21),
        (10.0, "mismatch", 41),
    ]
    assert [row["book_id"] for row in verdict.mismatches.dicts()] == [41]
    assert (row["network_p50_us"], row["queue_p50_us"], row["queue_p99_us"]) == (None, 30.0, 800.0)
    minute = judge(con, "s", DAY.replace(hour=10, minute=1), DAY.replace(hour=10, minute=2))
    assert minute.is_trusted
    assert minute.gaps.rows == []
    later = judge(con, "s", DAY.replace(hour=10, minute=5), DAY.replace(hour=10, minute=10))
    assert not later.is_trusted  # nothing is known of what has not been watched
    assert judge(con, "nope", DAY, DAY.replace(hour=1)).summary.rows == []
    assert newest(con, "s") == DAY.replace(hour=10, minute=6)
    assert newest(con, "nope") is None


def test_stages_of_a_span_are_summed_up(con: duckdb.DuckDBPyConnection) -> None:
    minute = DAY.replace(hour=10, minute=1)
    one = stages(con, minute, minute + dt.timedelta(seconds=1), venue="v", symbol="s")
    assert (one["diffs"], one["queue_p50_us"], one["queue_p99_us"]) == (600, 55.0, 800.0)
    both = stages(con, minute + dt.timedelta(seconds=30), minute + dt.timedelta(hours=1))
    assert (both["diffs"], both["queue_p50_us"]) == (605, 30.0)
    before = stages(con, minute - dt.timedelta(hours=1), minute)
    assert set(before.values()) == {None}


def test_any_query_can_be_restricted(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """INSERT INTO trades BY NAME SELECT 'v' AS venue, 's' AS symbol, t AS ts_event, t AS ts_recv,
           0 AS recv_ns, t AS ts_trade, i AS trade_id, 1.0 AS px, 1.0 AS qty, true AS buyer_is_maker
           FROM (SELECT i, TIMESTAMP '2026-05-28 10:00:00' + i * INTERVAL 5 SECOND AS t
                 FROM range(73) r (i))
           """
    )
    asked = "SELECT trade_id FROM trades WHERE trusted(venue, symbol, ts_recv) ORDER BY 1"
    kept = [row[0] for row in con.execute(asked).fetchall()]
    assert kept == [*range(6, 28), *range(30, 49), *range(50, 73)]
    joined = """
        SELECT t.trade_id FROM trades t ASOF JOIN trusted_intervals i
          ON t.venue = i.venue AND t.symbol = i.symbol AND t.ts_recv >= i.ts_from
        WHERE t.ts_recv <= i.ts_to ORDER BY 1"""
    assert [row[0] for row in con.execute(joined).fetchall()] == kept


# What the macro means, said plainly.
PLAIN = """
CREATE MACRO plainly_trusted(market_venue, market_symbol, moment) AS EXISTS (
    SELECT 1 FROM (SELECT venue AS v, symbol AS s, ts_from AS a, ts_to AS z FROM coverage)
    WHERE v = market_venue AND s = market_symbol AND moment >= a AND moment <= z
)
"""
ANY_COVERAGE = """
INSERT INTO coverage (venue, symbol, epoch, ts_from, ts_to, first_id, last_id, ended_by)
SELECT ['v', 'w'][1 + i % 2], ['s', 't', 'u'][1 + i % 3], i,
       TIMESTAMP '2026-05-28 10:00' + (hash(i) % 1000)::INT * INTERVAL 1 SECOND AS ts_from,
       ts_from + [0, 1, 7, 40][1 + (hash(i, 1) % 4)::INT] * INTERVAL 1 SECOND, 1, 2, NULL
FROM range(120) r (i)
"""
MOMENTS = """
CREATE TABLE moments AS
SELECT i AS id, ['v', 'w', 'x', NULL][1 + i % 4] AS venue, ['s', 't', 'u', 'z'][1 + i // 4 % 4] AS symbol,
       CASE WHEN i % 97 > 0
            THEN TIMESTAMP '2026-05-28 10:00' + (i % 2200) * INTERVAL 500 MILLISECOND END AS ts
FROM range(8000) r (i)
"""


@pytest.mark.parametrize("coverage", ["", ANY_COVERAGE], ids=["few intervals", "many that overlap"])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM moments WHERE {trusted}(venue, symbol, ts)",
        "SELECT id FROM moments WHERE NOT {trusted}(venue, symbol, ts)",
        "SELECT id, {trusted}(venue, symbol, ts), {trusted}('v', symbol, ts) FROM moments",
        "SELECT id FROM moments WHERE id % 3 = 0 OR {trusted}(venue, symbol, ts + INTERVAL 1 SECOND)",
        "SELECT count(*) FILTER ({trusted}(venue, symbol, ts::TIMESTAMPTZ)) FROM moments GROUP BY symbol",
        "SELECT a.id FROM moments a JOIN moments b USING (id) WHERE {trusted}(a.venue, a.symbol, b.ts)",
        "SELECT {trusted}('v', 's', '2026-05-28 10:01:40'), {trusted}('v', 's', DATE '2026-05-28')",
        "SELECT {trusted}('v', 's', NULL), {trusted}('nobody', 's', TIMESTAMP '2026-05-28 10:01:40')",
    ],
)
def test_the_macro_means_within_an_interval(db: Path, query: str, coverage: str) -> None:
    con = open_duckdb(db)
    con.execute(PLAIN)
    con.execute(MOMENTS)
    con.execute(coverage or COVERAGE)
    quick, plain = (
        sorted(con.execute(query.format(trusted=name)).fetchall(), key=repr)
        for name in ("trusted", "plainly_trusted")
    )
    assert quick == plain
    assert plain
