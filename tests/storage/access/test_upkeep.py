"""The cache stays small, small tables stay in one piece, and clients keep their hands off both."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadline.book.messages import Trade
from leadline.book.rows.batch import Batch, BookEventRow
from leadline.book.sync.events import State
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.access.upkeep import BUSY_ROWS, PACE_S, Pace, Upkeep, trim_cache
from leadline.storage.errors import ReadOnly
from leadline.storage.ingest.writer import Writer
from tests.storage.helpers import MARKETS, START_NS, Served, wait_until

MIB = 1024 * 1024
PATIENCE_S = 30.0
_NOISE = "CREATE OR REPLACE TABLE noise AS SELECT random() AS x, random() AS y FROM range(1_000_000)"


def cached(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'BASE_TABLE'").fetchone()
    assert row is not None
    return int(row[0])


def setting(con: Any, name: str) -> str:
    row = con.execute(f"SELECT current_setting('{name}')").fetchone()
    assert row is not None
    return str(row[0])


def pieces(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('{table}')").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def filled(owner: Owner) -> duckdb.DuckDBPyConnection:
    """A connection to a file of some 16 MB, all of it cached."""
    con = owner.cursor()
    con.execute(_NOISE)
    con.execute("CHECKPOINT")
    con.execute("SELECT sum(x), sum(y) FROM noise").fetchall()
    assert cached(con) > 12 * MIB
    return con


def test_the_cache_shrinks_to_what_is_kept_and_queries_have_their_limit_back(
    owner: Owner, filled: duckdb.DuckDBPyConnection
) -> None:
    limit, before = setting(filled, "memory_limit"), cached(filled)
    total = filled.execute("SELECT sum(x) FROM noise").fetchall()
    dropped = trim_cache(filled, owner.memory_limit, keep=4 * MIB, slack=2 * MIB)
    assert cached(filled) <= 4 * MIB
    assert dropped == before - cached(filled)
    assert setting(filled, "memory_limit") == limit
    assert filled.execute("SELECT sum(x) FROM noise").fetchall() == total


def test_a_small_cache_is_left_alone(owner: Owner, filled: duckdb.DuckDBPyConnection) -> None:
    before = cached(filled)
    assert trim_cache(filled, owner.memory_limit, keep=before - MIB, slack=2 * MIB) == 0
    assert cached(filled) == before


def test_rows_not_yet_in_the_file_stay_in_memory_when_the_cache_is_trimmed(
    owner: Owner, filled: duckdb.DuckDBPyConnection
) -> None:
    filled.execute("CREATE TABLE fresh(x DOUBLE)")
    filled.execute("INSERT INTO fresh SELECT random() FROM range(50_000)")
    fresh = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"
    before = filled.execute(fresh).fetchall()
    assert before[0][0] > 0
    trim_cache(filled, owner.memory_limit, keep=4 * MIB, slack=2 * MIB)
    assert filled.execute(fresh).fetchall() == before


def test_every_so_many_checkpoints_one_merges_small_row_groups(owner: Owner) -> None:
    con, upkeep = owner.cursor(), Upkeep(owner.memory_limit, checkpoints_a_merge=4)
    con.execute("CREATE TABLE few(n BIGINT)")
    seen = []
    for n in range(8):
        con.execute("INSERT INTO few VALUES ($1)", [n])
        upkeep.tend(con, owner.wal_bytes(), now_s=0.0)
        con.execute("CHECKPOINT")
        upkeep.tend(con, owner.wal_bytes(), now_s=0.0)
        seen.append(pieces(con, "few"))
    assert seen == [1, 2, 3, 1, 2, 3, 4, 1]
    assert setting(con, "max_vacuum_tasks") == "0"
    assert con.execute("SELECT list(n ORDER BY n) FROM few").fetchall() == [([*range(8)],)]


def test_space_of_rows_deleted_is_used_again_without_merging(
    owner: Owner, filled: duckdb.DuckDBPyConnection
) -> None:
    filled.execute("DELETE FROM noise")
    filled.execute("CHECKPOINT")
    before = owner.db.stat().st_size
    filled.execute("INSERT INTO noise SELECT random(), random() FROM range(900_000)")
    filled.execute("CHECKPOINT")
    assert owner.db.stat().st_size <= before + MIB


def test_the_writer_keeps_the_cache_small(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    con = owner.cursor()
    con.execute(_NOISE)
    con.execute("CHECKPOINT")
    monkeypatch.setattr(
        "leadline.storage.access.upkeep.trim_cache.__kwdefaults__", {"keep": 4 * MIB, "slack": 2 * MIB}
    )
    writer = Writer(owner, MARKETS)
    writer.start()
    try:
        batch = writer.take()
        assert isinstance(batch, Batch)
        batch.events.append(BookEventRow(0, START_NS, State.WAITING, State.BUFFERING, "start"))
        writer.submit(batch)
        wait_until(lambda: cached(con) <= 4 * MIB)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SET memory_limit = '2GB'",
        "set global\nmax_memory = '2GB'",
        "RESET memory_limit",
        "SELECT 1; PRAGMA memory_limit='2GB'",
        "SET max_vacuum_tasks = 100",
    ],
)
def test_no_client_may_change_them(served: Served, statement: str) -> None:
    with connect(served.db, write=True) as con:
        before = setting(con, "memory_limit"), setting(con, "max_vacuum_tasks")
        with pytest.raises(ReadOnly):
            con.execute(statement)
        assert (setting(con, "memory_limit"), setting(con, "max_vacuum_tasks")) == before


def test_a_worn_file_is_opened_anew_between_two_transactions(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.storage.ingest.writer.Upkeep", functools.partial(Upkeep, rows_a_life=3))
    reopened: list[int] = []
    reopen = Owner.reopen

    def counted(self: Owner) -> None:
        reopen(self)
        reopened.append(writer.status().committed)

    monkeypatch.setattr(Owner, "reopen", counted)
    with Owner(db, serve=True) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        for n in range(7):
            batch = writer.take()
            assert batch is not None
            batch.add_trades(1, Trade("", n, 2, 3, False, START_NS, START_NS, START_NS - 5))
            writer.submit(batch)
            writer.drain(PATIENCE_S)
        writer.close()
        assert reopened == [3, 6]
        with connect(db) as con:
            ids = con.execute("SELECT trade_id FROM trades ORDER BY ALL").fetchall()
    assert ids == [(n,) for n in range(7)]


def test_only_a_fast_stream_waits_for_a_second_s_worth() -> None:
    pace = Pace()
    assert pace.left_s(5.0) == 0
    pace.note(BUSY_ROWS, 5.0)
    assert pace.left_s(5.25) == PACE_S - 0.25
    assert pace.left_s(5.0 + PACE_S) == 0
    pace.note(BUSY_ROWS - 1, 6.5)
    assert pace.left_s(6.5) == 0
