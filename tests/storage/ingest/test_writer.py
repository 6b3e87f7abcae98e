"""The writer thread: what is acknowledged is in, what is in is counted, what is full waits."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from leadline.book.messages import BookTicker, Trade
from leadline.book.rows.batch import Batch, BookEventRow, DepthSample
from leadline.book.rows.feed import FeedStats, LatencyRow
from leadline.book.sync.events import State
from leadline.storage.access.client import NotRun, QuackSession
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreBroken, StoreFull
from leadline.storage.ingest.commit import Commit
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.everyday import ledger, row_counts
from tests.storage.helpers import BTC, COIN, MARKETS, START_NS, diff, fill, seed, wait_until

PATIENCE_S = 60.0


def everything() -> Batch:
    batch = fill(
        Batch(MARKETS), 0, [diff(11, 12, [(5, 1), (4, 1)], [(6, 1)])], seeded=seed(10, [(1, 1)], [(9, 1)])
    )
    batch.add_trades(1, Trade("", 1, 2, 3, False, START_NS, START_NS, START_NS - 5))
    batch.add_ticker(1, BookTicker("", 1, 2, 3, 4, 5, None, START_NS + 5))
    batch.events.append(BookEventRow(0, START_NS, State.LIVE, State.BUFFERING, "gap", 13, 17))
    batch.events.append(BookEventRow(0, START_NS, State.WAITING, State.BUFFERING, "start"))
    batch.samples.append(
        DepthSample(
            0,
            1,
            START_NS,
            12,
            ((5, 1),),
            ((6, 1),),
            0.055,
            1818.2,
            0.0,
            0.055,
            (5.0, 10.0),
            (1.0, 2.0),
            (0.0, 1.0),
            True,
            "",
        )
    )
    batch.samples.append(
        DepthSample(1, 0, START_NS, -1, (), (), None, None, None, None, (), (), (), False, "WAITING")
    )
    batch.stats.append(
        FeedStats(
            "loopback-spot",
            START_NS,
            1.0,
            9,
            999,
            1,
            1,
            1,
            0,
            0,
            1,
            1,
            3,
            4.5,
            None,
            None,
            None,
            None,
            1,
            12,
            None,
            None,
        )
    )
    batch.latencies.append(
        LatencyRow("v", "s", START_NS, 7, 1.5, 2.5, 0.5, 3.0, 4.0, None, None, 5.0, 6.0, None, None)
    )
    return batch


def test_every_kind_of_row_lands(writer: Writer, owner: Owner) -> None:
    writer.submit(everything())
    assert writer.drain(PATIENCE_S)
    con = owner.cursor()
    counts = {name: n for name, n in row_counts(con).items() if n}
    assert counts == {
        "depth_diffs": 1,
        "seeds": 1,
        "trades": 1,
        "trade_coverage": 1,
        "book_tickers": 1,
        "depth_snapshots": 2,
        "book_events": 2,
        "coverage": 1,
        "feed_stats": 1,
        "latency": 1,
        "ingest_batches": 1,
        "markets": 3,
    }
    assert con.execute("SELECT reason, expected_id, got_id FROM book_events ORDER BY ALL").fetchall() == [
        ("gap", 13, 17),
        ("start", None, None),
    ]
    trusted, untrusted = con.execute(
        """SELECT epoch, bid_px, mid, depth_bps, bid_depth, trusted, reason FROM depth_snapshots
           ORDER BY trusted DESC"""
    ).fetchall()
    assert trusted == (1, [0.05], 0.055, [5.0, 10.0], [1.0, 2.0], True, "")
    assert untrusted == (None, [], None, [], [], False, "WAITING")
    row = con.execute("SELECT to_book_p50_us, to_book_p99_us, queue_limit FROM feed_stats").fetchone()
    assert row == (4.5, None, 12)
    (stages,) = con.execute("SELECT * EXCLUDE (minute) FROM latency").fetchall()
    assert stages == ("v", "s", 7, 1.5, 2.5, 0.5, 3.0, 4.0, None, None, 5.0, 6.0, None, None)
    written = con.execute(
        """SELECT writer_id, seq, oldest_recv_ns, diffs, levels, trades, tickers, seeds, events,
                  samples, stats FROM ingest_batches"""
    ).fetchall()
    assert written == [(writer.writer_id, 1, START_NS - 5, 1, 3, 1, 1, 1, 2, 2, 1)]


def test_every_market_is_stored_once_with_its_rule(owner: Owner) -> None:
    markets = [BTC]
    for first in (1, 3):  # a second writer meets what the first one stored
        writer = Writer(owner, markets)
        writer.start()
        for n in (first, first + 1):
            writer.submit(fill(Batch(markets), 0, [diff(n, n)]))
            assert writer.drain(PATIENCE_S)
            if COIN not in markets:
                markets.append(COIN)
        writer.close()
    assert owner.cursor().execute("SELECT venue, symbol, rule FROM markets ORDER BY ALL").fetchall() == [
        (COIN.venue, COIN.symbol, "linked"),
        (BTC.venue, BTC.symbol, "contiguous"),
    ]


def test_a_commit_is_told_after_its_rows_can_be_read(db: Path) -> None:
    seen: list[tuple[Commit, int]] = []
    with Owner(db) as owner:
        reader = owner.cursor()

        def on_commit(commit: Commit) -> None:
            (found,) = reader.execute("SELECT max(seq) FROM ingest_batches").fetchone() or (None,)
            seen.append((commit, found))

        writer = Writer(owner, MARKETS, on_commit=on_commit, clock_ns=lambda: 42)
        writer.start()
        for n in range(3):
            writer.submit(fill(Batch(MARKETS), 0, [diff(n, n)]))
        writer.close()
    assert [commit.seq for commit, _ in seen] == [1, 2, 3]
    assert all(found >= commit.seq for commit, found in seen)
    assert {commit.committed_ns for commit, _ in seen} == {42}
    assert [commit.rows.diffs for commit, _ in seen] == [1, 1, 1]
    assert seen[1][0].oldest_recv_ns == diff(1, 1).ts_recv_ns


def test_the_pool_is_bounded_and_comes_back_empty(writer: Writer) -> None:
    gate = threading.Event()
    holding = writer.run(lambda _: gate.wait(PATIENCE_S))
    taken = [writer.take() for _ in range(5)]
    assert [batch is None for batch in taken] == [False] * 4 + [True]
    for n, batch in enumerate(taken[:4]):
        assert batch is not None
        writer.submit(fill(batch, 0, [diff(n, n)]))
    assert writer.take() is None  # full: all wait for the writer
    assert writer.status().queued == 4
    assert not writer.drain(0)
    gate.set()
    assert holding.result(PATIENCE_S)
    assert writer.drain(PATIENCE_S)
    status = writer.status()
    assert (status.state, status.queued, status.committed, status.diffs) == ("running", 0, 4, 4)
    assert status.transactions == 1  # what had queued went in together
    again = writer.take()
    assert again is not None
    assert again.is_empty
    writer.submit(again)  # nothing in it: no transaction
    assert writer.drain(PATIENCE_S)
    assert writer.status().committed == 4


def test_what_queued_up_is_one_transaction_with_a_row_each(writer: Writer, owner: Owner) -> None:
    gate = threading.Event()
    writer.run(lambda _: gate.wait(PATIENCE_S))
    writer.submit(fill(Batch(MARKETS), 0, [diff(11, 11)], seeded=seed(10)))
    writer.submit(fill(Batch(MARKETS), 0, [diff(12, 12), diff(13, 13)]))
    gate.set()
    assert writer.drain(PATIENCE_S)
    found = ledger(owner.cursor(), writer.writer_id)
    assert (found.batches, found.last_seq, found.diffs) == (2, 2, 3)
    assert owner.cursor().execute("SELECT first_id, last_id FROM coverage").fetchall() == [(10, 13)]


def test_coverage_grows_with_each_transaction(writer: Writer, owner: Owner) -> None:
    con = owner.cursor()
    for n in range(11, 15):
        batch = fill(Batch(MARKETS), 0, [diff(n, n)], seeded=seed(10) if n == 11 else None)
        writer.submit(batch)
        assert writer.drain(PATIENCE_S)
        assert con.execute("SELECT last_id, ended_by FROM coverage").fetchall() == [(n, None)]


def test_jobs_run_in_the_writers_thread_and_their_errors_are_their_own(
    writer: Writer, owner: Owner
) -> None:
    names = writer.run(lambda _: threading.current_thread().name)
    assert names.result(PATIENCE_S) == "leadline-writer"

    def broken(con: duckdb.DuckDBPyConnection) -> None:
        con.begin()
        con.execute("INSERT INTO budgets VALUES ('a', 'day', 1, '2026-01-01')")
        con.execute("SELECT * FROM nowhere")

    with pytest.raises(duckdb.CatalogException):
        writer.run(broken).result(PATIENCE_S)
    writer.submit(fill(Batch(MARKETS), 0, [diff(1, 1)]))
    assert writer.drain(PATIENCE_S)
    assert owner.cursor().execute("SELECT count(*) FROM budgets").fetchone() == (0,)


def test_an_error_without_a_plan_stops_the_writer_and_is_told_to_everyone(db: Path) -> None:
    acknowledged: list[Commit] = []
    with Owner(db) as owner:
        owner.cursor().execute("DROP TABLE depth_diffs")
        writer = Writer(owner, MARKETS, on_commit=acknowledged.append)
        writer.start()
        writer.submit(everything())
        with pytest.raises(StoreBroken, match="depth_diffs") as caught:
            writer.drain(PATIENCE_S)
        assert isinstance(caught.value.__cause__, duckdb.CatalogException)
        assert writer.status().state == "failed"
        assert "depth_diffs" in (writer.status().last_error or "")
        for call in (lambda: writer.submit(everything()), lambda: writer.run(lambda _: None), writer.close):
            with pytest.raises(StoreBroken):
                call()
        assert row_counts_but_diffs(owner) == 0  # nothing of the batch stayed
    assert acknowledged == []


def row_counts_but_diffs(owner: Owner) -> int:
    row = owner.cursor().execute(
        "SELECT (SELECT count(*) FROM trades) + (SELECT count(*) FROM ingest_batches)"
    )
    (count,) = row.fetchone() or (None,)
    assert isinstance(count, int)
    return count


def test_too_little_room_holds_rows_back_and_close_says_how_many(owner: Owner) -> None:
    writer = Writer(owner, MARKETS, min_free_bytes=2**62)
    writer.start()
    writer.submit(everything())
    wait_until(lambda: writer.status().state == "full")
    assert not writer.drain(0)
    status = writer.status()
    assert (status.state, status.queued, status.committed) == ("full", 1, 0)
    assert "MiB left" in (status.last_error or "")
    with pytest.raises(StoreFull, match="1 batches could not be stored"):
        writer.close(timeout_s=0.05)


def test_a_closed_writer_takes_no_more(owner: Owner) -> None:
    writer = Writer(owner, MARKETS)
    writer.start()
    writer.submit(everything())
    writer.close()
    writer.close()
    assert writer.status().state == "closed"
    with pytest.raises(StoreBroken, match="too late"):
        writer.submit(everything())
    with pytest.raises(StoreBroken, match="no more jobs"):
        writer.run(lambda _: None)


def test_an_instance_declared_invalid_is_opened_anew_and_nothing_is_lost_or_twice(db: Path) -> None:
    """What `Owner.reopen` does under a writer, mid-stream, with readers in the same process."""
    with Owner(db, serve=True) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(fill(Batch(MARKETS), 0, [diff(11, 11)], seeded=seed(10)))
        assert writer.drain(PATIENCE_S)
        with connect(db) as con:
            owner.reopen()
            writer.submit(fill(Batch(MARKETS), 0, [diff(12, 12)]))
            assert writer.drain(PATIENCE_S)
            assert con.execute("SELECT list(last_id ORDER BY last_id) FROM depth_diffs").fetchone() == (
                [11, 12],
            )
            assert con.execute("SELECT last_id, ended_by FROM coverage").fetchall() == [(12, None)]
        writer.close()


def test_a_row_held_by_somebody_elses_transaction_is_waited_for(writer: Writer, owner: Owner) -> None:
    writer.submit(fill(Batch(MARKETS), 0, [diff(11, 11)], seeded=seed(10)))
    assert writer.drain(PATIENCE_S)
    other = owner.cursor()
    other.begin()
    other.execute("UPDATE coverage SET ended_by = 'mine'")
    writer.submit(fill(Batch(MARKETS), 0, [diff(12, 12)]))
    wait_until(lambda: "onflict" in (writer.status().last_error or ""))
    assert writer.status().queued == 1
    other.rollback()
    assert writer.drain(PATIENCE_S)
    assert owner.cursor().execute("SELECT last_id, ended_by FROM coverage").fetchall() == [(12, None)]


def test_what_a_dead_client_left_open_is_ended(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.storage.ingest.writer.CONFLICT_PATIENCE_S", 0.2)
    with Owner(db, serve=True) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(fill(Batch(MARKETS), 0, [diff(11, 11)], seeded=seed(10)))
        assert writer.drain(PATIENCE_S)
        assert owner.address is not None
        leaked = QuackSession(owner.address, write=True)  # never closed before the writer is through
        leaked.run("BEGIN")
        leaked.run("UPDATE coverage SET ended_by = 'mine'")
        writer.submit(fill(Batch(MARKETS), 0, [diff(12, 12)]))
        assert writer.drain(PATIENCE_S)
        with pytest.raises(NotRun):
            leaked.run("COMMIT")
        leaked.close()
        rows = owner.cursor().execute("SELECT last_id, ended_by FROM coverage").fetchall()
        writer.close()
    assert rows == [(12, None)]


def test_a_writer_without_its_thread_writes_turn_by_turn_and_says_how_long_to_wait(owner: Owner) -> None:
    writer = Writer(owner, MARKETS, min_free_bytes=1 << 60, clock_ns=lambda: START_NS, mono_s=lambda: 7.0)
    batch = writer.take()
    assert batch is not None
    fill(batch, 0, [diff(11, 12, [(5, 1), (4, 1)], [(6, 1)])], seeded=seed(10, [(1, 1)], [(9, 1)]))
    writer.submit(batch)
    turn = writer.turn()
    assert [next(turn) for _ in range(3)] == [0.1, 0.2, 0.4]
    assert (writer.status().state, writer.status().committed) == ("full", 0)
    writer._min_free_bytes = 0
    assert list(turn) == []
    assert (writer.status().state, writer.status().committed) == ("running", 1)
    assert ledger(owner.cursor(), writer.writer_id).diffs == 1
    writer.close()
