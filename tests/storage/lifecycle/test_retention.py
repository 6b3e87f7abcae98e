"""Old rows go, what is left can still be rebuilt; exported rows are the stored ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from leadline.book.errors import BadInput
from leadline.book.messages import Trade
from leadline.book.rows.batch import Batch, CoverageEnded
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.owner import Owner
from leadline.storage.errors import BadExport, NoStore, NoTrustedBook
from leadline.storage.ingest.writer import Writer
from leadline.storage.lifecycle import archive as export
from leadline.storage.lifecycle.archive import export_parquet
from leadline.storage.lifecycle.retention import oldest, prune, prune_texts
from leadline.storage.queries.everyday import row_counts
from leadline.storage.queries.rebuild import book_at
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Text
from tests.storage.helpers import MARKETS, START_NS, STEP_NS, Served, diff, fill, seed
from tests.storage.signals.test_rows import decision

START = dt.datetime.fromtimestamp(START_NS / 1e9, dt.UTC)
DAY = 86_400_000_000_000 // STEP_NS  # ids in a day of `diff`


def at_day(days: float) -> dt.datetime:
    return START + dt.timedelta(days=days)


def ended(book: int, epoch: int, last: int, by: str) -> CoverageEnded:
    return CoverageEnded(book, epoch, START_NS + last * STEP_NS, last, by)


@pytest.fixture
def four_days(owner: Owner) -> Owner:
    """BTC: an epoch of day 0 that ended, one from day 1 on; the odd one: open, quiet since day 0."""
    batch = Batch(MARKETS)
    fill(batch, 0, [diff(n, n, [(n, 1)]) for n in (11, 12)], seeded=seed(10, [(1, 1)], [(99, 9)]))
    batch.coverage.append(ended(0, 1, 12, "gap"))
    fill(batch, 1, [diff(11, 11, [(7, 7)])], epoch=3, seeded=seed(10, [(1, 1)], [(99, 9)]))
    steps = [DAY + n * DAY // 4 for n in range(1, 12)]
    chain = [
        diff(a + 1, b, [(k + 2, k + 1)], [(99 - k, 0)])
        for k, (a, b) in enumerate(zip([DAY, *steps], steps, strict=False))
    ]
    fill(batch, 0, chain, epoch=2, seeded=seed(DAY, [(1, 1)], [(99, 9), (200, 2)]))
    for n in (11, 3 * DAY):
        batch.add_trades(0, Trade("", n, 1, 1, False, START_NS, START_NS, START_NS + n * STEP_NS))
    writer = Writer(owner, MARKETS)
    writer.start()
    writer.submit(batch)
    writer.close()
    return owner


def test_what_is_left_can_be_rebuilt(four_days: Owner) -> None:
    con = four_days.cursor()
    moments = [at_day(d) for d in (2.1, 2.6, 3.2)]
    before = [book_at(con, "BTCUSDT", at=moment) for moment in moments]
    latest, quiet = book_at(con, "BTCUSDT"), book_at(con, MARKETS[1].symbol)
    assert row_counts(con)["depth_diffs"] == 14

    done = prune(con, keep_days=2, now=at_day(4))

    assert [book_at(con, "BTCUSDT", at=moment) for moment in moments] == before
    assert book_at(con, "BTCUSDT") == latest
    assert book_at(con, MARKETS[1].symbol) == quiet
    with pytest.raises(NoTrustedBook):
        book_at(con, "BTCUSDT", at=at_day(1.5))
    assert (done.seeds_rebuilt, done.unfollowed) == (2, ())
    assert done.rows["depth_diffs"] == 14 - row_counts(con)["depth_diffs"] == 6
    assert (done.rows["coverage"], done.rows["trades"]) == (1, 1)
    oldest = con.execute("SELECT min(ts_recv) FROM depth_diffs").fetchone()
    assert oldest is not None
    assert oldest[0] >= at_day(2).replace(tzinfo=None)

    again = prune(con, keep_days=2, now=at_day(4))
    assert (sum(again.rows.values()), again.seeds_rebuilt) == (0, 0)
    later = prune(con, keep_days=1, now=at_day(4))  # onward from a seed that was itself rebuilt
    assert later.seeds_rebuilt == 1
    assert book_at(con, "BTCUSDT") == latest


def test_it_runs_through_the_owner_while_a_writer_writes(four_days: Owner) -> None:
    four_days.close()
    with Served(four_days.db), connect(four_days.db, write=True) as con:
        latest = book_at(con, "BTCUSDT")
        assert prune(con, keep_days=2, now=at_day(4)).seeds_rebuilt == 1  # the crash ended the quiet one
        assert book_at(con, "BTCUSDT") == latest


def test_nothing_negative(owner: Owner) -> None:
    with pytest.raises(BadInput, match="keep_days"):
        prune(owner.cursor(), keep_days=-1, now=START)


def test_exported_files_hold_the_stored_rows_by_day(four_days: Owner, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    with pytest.raises(NoStore, match="make it first"), connect(four_days.db) as con:
        export_parquet(con, "BTCUSDT", START, at_day(4), folder)
    folder.mkdir()
    with connect(four_days.db) as con:
        files = export_parquet(con, "BTCUSDT", START, at_day(4), folder)
        stored = con.execute(
            """SELECT epoch, ts_recv, last_id, bid_px, ask_qty
               FROM depth_diffs WHERE symbol = 'BTCUSDT' ORDER BY ALL"""
        ).fetchall()
    diffs = [file for file in files if file.table == "depth_diffs"]
    assert sum(file.rows for file in diffs) == len(stored) == 13
    days = {file.path.parent.name for file in diffs}
    assert days == {f"date=2026-{day}" for day in ("05-28", "05-30", "05-31", "06-01")}
    with open_duckdb() as plain:  # the files alone, without the store
        read = plain.execute(
            """SELECT epoch, ts_recv, last_id, bid_px, ask_qty
               FROM read_parquet(?, hive_partitioning = true)
               WHERE symbol = 'BTCUSDT' AND venue = 'loopback-spot' ORDER BY ALL""",
            [f"{folder}/depth_diffs/**/*.parquet"],
        ).fetchall()
    assert read == stored
    assert [
        path.name for path in folder.rglob("*") if path.is_file() and path.name != "part-0.parquet"
    ] == []


def test_the_oldest_moment_of_each_symbol_is_told(four_days: Owner) -> None:
    con = four_days.cursor()
    known = oldest(con, before=at_day(4))
    assert set(known) == {"BTCUSDT", MARKETS[1].symbol}
    assert known["BTCUSDT"].replace(tzinfo=dt.UTC) >= START
    assert oldest(con, before=START - dt.timedelta(days=1)) == {}


def test_a_window_is_cut_at_midnight_and_never_replaces_more_by_less(
    four_days: Owner, tmp_path: Path
) -> None:
    with connect(four_days.db) as con:
        part = export_parquet(con, "BTCUSDT", at_day(2), at_day(2.3), tmp_path)
        assert [(file.table, file.rows) for file in part] == [("depth_diffs", 1)] * 2
        whole = export_parquet(con, "BTCUSDT", START, at_day(4), tmp_path)
        rows = {file.path: file.rows for file in whole}
        assert [rows[file.path] for file in part] == [4, 4]
        with pytest.raises(BadExport, match="holds 4 rows, the store has 1"):
            export_parquet(con, "BTCUSDT", at_day(2), at_day(2.3), tmp_path)
        assert export_parquet(con, "BTCUSDT", at_day(2), at_day(2.3), tmp_path, leave_fuller=True) == []
        assert pq.read_metadata(part[0].path).num_rows == 4
    assert [path for path in tmp_path.rglob(".draft*") if path.is_file()] == []


def test_a_file_that_differs_is_refused(four_days: Owner, tmp_path: Path) -> None:
    window = (START.replace(tzinfo=None), at_day(0.1).replace(tzinfo=None))
    where = {"venue": "loopback-spot", "symbol": "BTCUSDT"}
    with connect(four_days.db, write=True) as con:
        good = export_parquet(con, "BTCUSDT", START, at_day(0.1), tmp_path)[0]
        export._compare(con, "depth_diffs", where, *window, good.path)
        con.execute("UPDATE depth_diffs SET last_id = last_id + 1000 WHERE epoch = 1 AND last_id = 12")
        with pytest.raises(BadExport, match="differ"):
            export._compare(con, "depth_diffs", where, *window, good.path)
        con.execute("DELETE FROM depth_diffs WHERE epoch = 1")
        with pytest.raises(BadExport, match="more was written"):
            export._compare(con, "depth_diffs", where, *window, good.path)


def test_texts_of_models_go_and_their_signals_stay(owner: Owner) -> None:
    con = owner.cursor()
    for signal_id, days in (("old", 0.0), ("new", 3.0)):
        text = Text(
            signal_id=signal_id, ts=at_day(days), request_hash="h", answer="a", capability="plain",
            messages=[{"role": "user", "content": "?"}],
        )  # fmt: skip
        rows.put_texts(con, [text])
        rows.put(con, [decision(signal_id, ts=at_day(days))])
    assert prune_texts(con, keep_days=2, now=at_day(4)) == 1
    assert con.execute("SELECT signal_id FROM llm_texts").fetchall() == [("new",)]
    assert con.execute("SELECT count(*) FROM signals").fetchone() == (2,)
    with pytest.raises(BadInput, match="keep_texts_days"):
        prune_texts(con, keep_days=-1, now=at_day(4))
