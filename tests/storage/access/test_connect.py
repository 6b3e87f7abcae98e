"""One connection, local or through the owner: the same answers, real transactions, the same walls."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from leadline.storage.access.address import read_address
from leadline.storage.access.client import NotRun, QuackSession
from leadline.storage.access.connect import Connection, LocalSession, connect
from leadline.storage.access.extensions import load_quack, open_duckdb
from leadline.storage.access.owner import Owner
from leadline.storage.errors import NoStore, ReadOnly, StoreLost, StoreOwned
from tests.storage.helpers import Served, Stage

Open = Callable[..., Connection]

ADD = "INSERT INTO budgets VALUES (?, 'day', ?, ?)"
COUNT = "SELECT count(*) FROM budgets"
NOON = dt.datetime(2026, 5, 28, 12, tzinfo=dt.UTC)


@pytest.fixture
def reach(stage: Stage) -> Iterator[Open]:
    """Open connections to one database, by its file or by its owner in another process."""
    opened: list[Connection] = []

    def reach(*, write: bool = False) -> Connection:
        opened.append(connect(stage.db, write=write))
        assert isinstance(opened[-1].session, QuackSession if stage.remote else LocalSession)
        return opened[-1]

    yield reach
    for connection in opened:
        connection.close()
    with connect(stage.db, write=True) as con:
        con.execute("DELETE FROM budgets")


def test_transactions_are_real(reach: Open) -> None:
    con, other = reach(write=True), reach()
    con.execute(ADD, ["kept", Decimal("1.5"), NOON])
    con.begin()
    con.execute("DELETE FROM budgets")
    con.execute(ADD, ["undone", 2, NOON])
    assert con.execute("SELECT scope FROM budgets").fetchall() == [("undone",)]
    assert other.execute("SELECT scope FROM budgets").fetchall() == [("kept",)]
    con.rollback()
    assert con.execute("SELECT scope FROM budgets").fetchall() == [("kept",)]
    con.begin()
    con.execute("UPDATE budgets SET limit_usd = 7")
    con.commit()
    assert other.execute("SELECT limit_usd FROM budgets").fetchone() == (Decimal(7),)
    con.begin()
    with pytest.raises(duckdb.ConstraintException):
        con.execute(ADD, ["kept", 1, NOON])
    con.rollback()
    assert con.execute(COUNT).fetchone() == (1,)


def test_a_connection_closed_inside_a_transaction_undoes_it(reach: Open) -> None:
    con, other = reach(write=True), reach()
    con.begin()
    con.execute(ADD, ["gone", 1, NOON])
    con.close()
    assert other.execute(COUNT).fetchone() == (0,)


def test_executemany_is_all_or_nothing(reach: Open) -> None:
    con = reach(write=True)
    con.executemany(ADD, [["a", 1, NOON], ["b", 2, NOON]])
    with pytest.raises(duckdb.ConstraintException):
        con.executemany(ADD, [["c", 3, NOON], ["a", 1, NOON]])
    assert con.execute("SELECT scope FROM budgets ORDER BY ALL").fetchall() == [("a",), ("b",)]


VALUES = [
    None,
    True,
    -(2**63),
    0.1,
    float("inf"),
    1e-300,
    Decimal("61837.64000000"),
    Decimal("1E+5"),
    "it's; DROP TABLE budgets --",
    "币安 \\ \n $1 ?",
    b"\x00\xff'",
    NOON.replace(microsecond=123456, tzinfo=None),
    dt.date(2026, 5, 28),
    dt.timedelta(seconds=90),
    [1.5, 2.5],
    [],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_parameters_arrive_as_they_were(both_ways: tuple[Connection, Connection], value: object) -> None:
    for con in both_ways:
        assert con.execute("SELECT ?", [value]).fetchone() == (value,)
        assert con.execute("SELECT $v", {"v": value}).fetchone() == (value,)


@pytest.fixture(scope="module")
def both_ways(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, ...]]:
    folder = tmp_path_factory.mktemp("both")
    local, remote = folder / "local.duckdb", folder / "remote.duckdb"
    for path in (local, remote):
        path.write_bytes(template.read_bytes())
    with Served(remote), connect(local) as one, connect(remote) as two:
        yield one, two


def test_aware_times_arrive_as_utc(both_ways: tuple[Connection, Connection]) -> None:
    tokyo = NOON.astimezone(dt.timezone(dt.timedelta(hours=9)))
    (remote,) = [con for con in both_ways if isinstance(con.session, QuackSession)]
    assert remote.execute("SELECT ?", [tokyo]).fetchone() == (NOON.replace(tzinfo=None),)


def test_results_by_row_by_part_and_as_arrow(reach: Open) -> None:
    con = reach()
    con.execute("SELECT i, [i, i / 2] AS l FROM range(5) t(i) ORDER BY i")
    assert [column[0] for column in con.description or []] == ["i", "l"]
    assert con.fetchone() == (0, [0.0, 0.0])
    assert con.fetchmany(2) == [(1, [1.0, 0.5]), (2, [2.0, 1.0])]
    assert len(con.fetchall()) == 2
    assert con.fetchone() is None
    table = con.execute("FROM (SELECT unnest([0.1, 0.2]) AS px)").arrow()
    assert table.to_pydict() == {"px": [Decimal("0.1"), Decimal("0.2")]}


def test_arrow_goes_in_and_joins_the_transaction(reach: Open) -> None:
    con = reach(write=True)
    rows = pa.table(
        {
            "window": ["day", "hour"],
            "scope": ["币", "b"],
            "limit_usd": pa.array([Decimal("1.000000"), Decimal("2.000000")], pa.decimal128(18, 6)),
            "updated_at": pa.array([NOON.replace(tzinfo=None)] * 2, pa.timestamp("us")),
        }
    )
    con.begin()
    con.append("budgets", rows)
    assert con.execute(COUNT).fetchone() == (2,)
    con.rollback()
    assert con.execute(COUNT).fetchone() == (0,)
    con.append("budgets", rows)
    assert con.execute('SELECT scope, "window" FROM budgets ORDER BY ALL').fetchall() == [
        ("b", "hour"),
        ("币", "day"),
    ]


WRITES = [
    "INSERT INTO budgets VALUES ('a', 'b', 1, now()::TIMESTAMP)",
    "insert into budgets select 'a', 'b', 1, now()::TIMESTAMP",
    "/* select */ UPDATE budgets SET limit_usd = 1",
    "-- select\nDELETE FROM budgets",
    "WITH x AS (SELECT 1) DELETE FROM budgets",
    "WITH x AS (SELECT 1) INSERT INTO budgets SELECT 'a', 'b', 1, now()::TIMESTAMP FROM x",
    "MERGE INTO budgets USING (SELECT 'a' AS s) x ON x.s = scope WHEN MATCHED THEN DELETE",
    "TRUNCATE budgets",
    "CREATE TABLE mine(a INT)",
    "CREATE TEMP TABLE mine AS SELECT 1",
    "CREATE OR REPLACE VIEW trust AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "DROP VIEW trust",
    "ALTER TABLE budgets ADD COLUMN x INT",
    "COMMENT ON TABLE budgets IS 'x'",
    "COPY budgets TO 'x.csv'",
    "COPY (SELECT 1) TO 'x.csv'",
    "COPY budgets FROM 'x.csv'",
    "EXPORT DATABASE 'x'",
    "ATTACH ':memory:' AS x",
    "DETACH leadline_guard",
    "USE leadline_guard",
    "SET threads = 4",
    "SET VARIABLE x = 1",
    "RESET threads",
    "PRAGMA enable_profiling",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "CALL quack_stop('quack:127.0.0.1:1')",
    "FROM quack_stop('quack:127.0.0.1:1')",
    "SELECT * FROM quack_serve('quack:127.0.0.1:1')",
    "FROM quack_query('quack:127.0.0.1:1', 'DROP VIEW trust')",
    "FROM query('FROM quack' || '_stop(''x'')')",
    'FROM "checkpoint"()',
    "SELECT 1; DROP VIEW trust",
    "BEGIN; DROP VIEW trust; COMMIT",
    "SELECT E'\\''; DROP VIEW trust --'",
    "EXPLAIN ANALYZE DELETE FROM budgets",
    "PREPARE p AS DELETE FROM budgets",
    "EXECUTE _qp(1)",
    "DEALLOCATE _qp",
    "PREPARE _qp AS DELETE FROM budgets\n;\nEXECUTE _qp(1)",
    "PREPARE _qp AS SELECT 1; DROP VIEW trust\n;\nEXECUTE _qp(1)",
    "PREPARE _qp AS SELECT 1\n;\nEXECUTE _qp(1); DROP VIEW trust; SELECT (1)",
    "PREPARE _qp AS SELECT 1\n;\nEXECUTE _qp(1)\n;\nEXECUTE _qp((DELETE FROM budgets))",
]


@pytest.mark.parametrize("statement", WRITES)
def test_a_reader_cannot_change_anything(both_ways: tuple[Connection, Connection], statement: str) -> None:
    for con in both_ways:
        with pytest.raises((ReadOnly, duckdb.ParserException)):
            con.execute(statement)


def test_a_reader_cannot_append(both_ways: tuple[Connection, Connection]) -> None:
    for con in both_ways:
        with pytest.raises(ReadOnly):
            con.append("budgets", pa.table({"scope": ["a"]}))
        assert con.execute(COUNT).fetchone() == (0,)


READS = [
    ("SELECT 'DELETE FROM budgets; DROP TABLE x'", None),
    ("WITH x AS (SELECT 1 AS a) SELECT * FROM x WHERE a = ?", [1]),
    ("FROM budgets", None),
    ("VALUES (1)", None),
    ("SHOW TABLES", None),
    ("DESCRIBE budgets", None),
    ("SUMMARIZE budgets", None),
    ("EXPLAIN SELECT 1", None),
    ("EXPLAIN ANALYZE SELECT 1", None),
    ("SELECT 1 -- the end", None),
    ("SELECT ? -- the end", [4]),
    ("SELECT * FROM trust;", None),
    ("SELECT $a + $b", {"a": 1, "b": 2}),
    ("SELECT unnest(['币', 'b'])", None),
    ("BEGIN", None),
    ("ROLLBACK", None),
]


@pytest.mark.parametrize(("statement", "params"), READS)
def test_a_reader_may_read(
    both_ways: tuple[Connection, Connection], statement: str, params: list[int] | dict[str, int] | None
) -> None:
    local, remote = (con.execute(statement, params).fetchall() for con in both_ways)
    if "EXPLAIN" not in statement:
        assert local == remote


def test_the_readers_token_does_not_open_the_writers_port(served: Served) -> None:
    address = read_address(served.db)
    assert address is not None
    with open_duckdb() as con:
        load_quack(con)
        with pytest.raises(duckdb.Error, match="Authentication failed"):
            con.execute(f"ATTACH '{address.uri}' AS o (TOKEN '{address.token_ro}')")


def test_a_writer_through_the_owner_cannot_reach_files_or_stop_it(served: Served) -> None:
    address = read_address(served.db)
    assert address is not None
    with connect(served.db, write=True) as con:
        for statement in (f"CALL quack_stop('{address.uri}')", f"FROM QUACK_STOP ('{address.uri_ro}')"):
            with pytest.raises(ReadOnly):
                con.execute(statement)
        for statement in ("COPY budgets TO 'x.csv'", "ATTACH 'y.duckdb'", "SET threads = 9"):
            with pytest.raises(duckdb.Error):
                con.execute(statement)
        assert con.execute("SELECT 1").fetchone() == (1,)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="--db"):
        connect(tmp_path / "none.duckdb")
    with connect(tmp_path / "none.duckdb", write=True) as con:  # a writer may make it
        assert con.execute(COUNT).fetchone() == (0,)


def test_an_owner_that_does_not_serve_is_waited_for_then_named(db: Path) -> None:
    with Served(db, serve=False) as other:
        with pytest.raises(StoreOwned) as caught:
            connect(db, patience_s=0.2)
        assert caught.value.pid == other.process.pid
        stopper = threading.Thread(target=other.stop)
        stopper.start()
        with connect(db, patience_s=30) as con:  # and taken over from as soon as it ends
            assert con.execute(COUNT).fetchone() == (0,)
        stopper.join()


def test_connections_of_one_process_share_the_file(db: Path) -> None:
    with connect(db, write=True) as one, connect(db) as two:
        one.execute(ADD, ["a", 1, NOON])
        assert two.execute(COUNT).fetchone() == (1,)
        one.close()
        assert two.execute(COUNT).fetchone() == (1,)
    with Owner(db), connect(db) as inside:  # the file was let go, and an owner's own process gets in
        assert inside.execute(COUNT).fetchone() == (1,)


def test_a_connection_follows_the_database_to_its_next_owner(served: Served) -> None:
    with connect(served.db, write=True) as con:
        con.execute(ADD, ["a", 1, NOON])
        served.kill()
        assert con.execute(COUNT).fetchone() == (1,)  # nobody owned it: now we do
        assert isinstance(con.session, LocalSession)
    served.restart()
    with connect(served.db, write=True) as con:
        assert isinstance(con.session, QuackSession)
        served.kill()
        served.restart()
        con.execute(ADD, ["b", 1, NOON])
        assert isinstance(con.session, QuackSession)
        assert con.execute(COUNT).fetchone() == (2,)


def test_an_owner_lost_inside_a_transaction_is_an_error_and_nothing_stays(served: Served) -> None:
    with connect(served.db, write=True) as con:
        con.begin()
        con.execute(ADD, ["a", 1, NOON])
        served.kill()
        with pytest.raises(StoreLost) as caught:
            con.execute(ADD, ["b", 1, NOON])
        assert caught.value.transient
        con.rollback()
        assert con.execute(COUNT).fetchone() == (0,)


def test_sessions_end_when_the_owner_recycles_and_live_ones_come_back(db: Path) -> None:
    with Owner(db, serve=True) as owner:
        assert owner.address is not None
        leaked = QuackSession(owner.address, write=True)
        leaked.run("BEGIN")
        leaked.run(ADD, ["leaked", 1, NOON])
        owner.recycle()
        with pytest.raises(NotRun):
            leaked.run("COMMIT")
        leaked.close()
        again = QuackSession(owner.address, write=False)
        again.run(COUNT)
        assert again.fetchall() == [(0,)]
        again.close()
