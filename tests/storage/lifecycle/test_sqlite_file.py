"""A SQLite file that gives its free pages back while others use it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from leadline.storage.errors import StoreError
from leadline.storage.lifecycle.sqlite_file import INCREMENTAL, KEPT_PAGES, compact, prepare


def filled(path: Path, *, rows: int) -> sqlite3.Connection:
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA journal_mode = WAL")
    con.execute("CREATE TABLE IF NOT EXISTS t (text TEXT)")
    con.execute("BEGIN")
    con.executemany("INSERT INTO t VALUES (?)", [("x" * 4000,) for _ in range(rows)])
    con.execute("COMMIT")
    return con


def mode(path: Path) -> int:
    con = sqlite3.connect(path)
    found = int(con.execute("PRAGMA auto_vacuum").fetchone()[0])
    con.close()
    return found


def test_a_new_file_shrinks_while_a_server_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "new" / "prefect.db"
    prepare(path)
    assert mode(path) == INCREMENTAL
    server = filled(path, rows=KEPT_PAGES * 3)
    server.execute("DELETE FROM t WHERE rowid > 10")
    done = compact(path, most_s=30)
    assert not done.why_not
    assert done.after < done.before / 2
    assert done.free <= KEPT_PAGES * 4096
    assert server.execute("SELECT count(*) FROM t").fetchone() == (10,)
    assert server.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    server.close()


def test_an_old_file_is_put_into_the_mode_once_nobody_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "prefect.db"
    server = filled(path, rows=10)
    server.execute("BEGIN IMMEDIATE")
    prepare(path)  # in use: left alone
    assert mode(path) == 0
    server.execute("COMMIT")
    assert "incremental mode" in compact(path, most_s=1).why_not
    server.close()
    prepare(path)
    assert mode(path) == INCREMENTAL
    con = sqlite3.connect(path)
    assert con.execute("SELECT count(*) FROM t").fetchone() == (10,)
    con.close()


def test_the_time_it_may_take_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "prefect.db"
    prepare(path)
    server = filled(path, rows=KEPT_PAGES * 2)
    server.execute("DELETE FROM t")
    done = compact(path, most_s=0)
    assert done.free > KEPT_PAGES * 4096
    server.close()


def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "prefect.db"
    path.write_bytes(b"no database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"prefect\.db"):
        compact(path, most_s=1)
