"""Who owns a file, what the others are told, and what is left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import duckdb
import pytest

from leadline.book.rows.batch import Batch
from leadline.storage.access.address import address_path, read_address
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.owner import Owner
from leadline.storage.errors import NoStore, NotAStore, SchemaTooNew, StoreError, StoreOwned
from leadline.storage.ingest.writer import Writer
from leadline.storage.schema.migrate import REVISIONS
from tests.storage.helpers import MARKETS, Served, diff, fill, seed


def test_a_second_owner_in_this_process_is_told_the_first(db: Path) -> None:
    with Owner(db), pytest.raises(StoreOwned, match=f"process {os.getpid()}") as caught:
        Owner(db)
    assert caught.value.pid == os.getpid()
    assert caught.value.transient


def test_a_second_owner_is_told_who_serves_where(served: Served) -> None:
    address = read_address(served.db)
    assert address is not None
    with pytest.raises(StoreOwned) as caught:
        Owner(served.db)
    assert (caught.value.pid, caught.value.uri) == (served.process.pid, address.uri)
    assert str(served.process.pid) in str(caught.value)
    assert address.uri in str(caught.value)


def test_a_foreign_holder_of_the_file_is_named_too(db: Path) -> None:
    with Served(db, serve=False) as other:
        (db.parent / (db.name + ".lock")).unlink()  # as if something else than Leadline had it open
        with pytest.raises(StoreOwned) as caught:
            Owner(db)
        assert caught.value.pid == other.process.pid


def test_the_address_is_for_this_user_only_and_goes_with_its_owner(db: Path) -> None:
    with Owner(db, serve=True) as owner:
        path = address_path(db)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert read_address(db) == owner.address
        assert owner.address is not None
        assert owner.address.pid == os.getpid()
        assert owner.address.token != owner.address.token_ro
    assert not path.exists()
    with Owner(db):
        pass


def test_a_dead_owner_is_replaced_and_its_address_too(served: Served) -> None:
    old = read_address(served.db)
    served.kill()
    assert read_address(served.db) == old  # it could not take its note away
    with Owner(served.db, serve=True) as owner:
        assert read_address(served.db) == owner.address != old


def test_a_schema_of_a_newer_program_is_refused_untouched(db: Path) -> None:
    with open_duckdb(db) as con:
        con.execute("UPDATE alembic_version SET version_num = '999'")
    with pytest.raises(SchemaTooNew, match="upgrade Leadline") as caught:
        Owner(db)
    assert (caught.value.found, caught.value.known) == ("999", REVISIONS[-1])
    with open_duckdb(db) as con:
        assert con.execute("SELECT version_num FROM alembic_version").fetchall() == [("999",)]


def test_what_is_not_a_store_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("dear diary " * 500)
    with pytest.raises(NotAStore, match=r"notes\.txt is not a DuckDB file"):
        Owner(text)
    assert text.read_text().startswith("dear diary")

    other = tmp_path / "other.duckdb"
    with open_duckdb(other) as con:
        con.execute("CREATE TABLE recipes(name VARCHAR)")
    with pytest.raises(NotAStore, match="recipes"):
        Owner(other)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="make it first"):
        Owner(tmp_path / "nowhere" / "x.duckdb")


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="directory"):
        Owner(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot write"):
        Owner(tmp_path / "x.duckdb")


def test_opening_twice_changes_nothing_and_migrates_nothing(db: Path) -> None:
    with Owner(db) as owner:
        owner.cursor().execute("INSERT INTO budgets VALUES ('all', 'day', 5, '2026-01-01')")
    with Owner(db) as owner:
        assert owner.cursor().execute("SELECT scope FROM budgets").fetchall() == [("all",)]


def test_files_and_settings_are_out_of_reach(owner: Owner, tmp_path: Path) -> None:
    for statement in (
        f"COPY budgets TO '{tmp_path}/x.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
        "SET threads = 64",
    ):
        with pytest.raises(duckdb.Error):
            owner.cursor().execute(statement)


def test_reopen_keeps_the_address_and_the_rows(db: Path) -> None:
    with Owner(db, serve=True) as owner:
        before = owner.address
        cursor = owner.cursor()
        cursor.execute("INSERT INTO budgets VALUES ('all', 'day', 5, '2026-01-01')")
        owner.reopen()
        assert owner.address == before
        with pytest.raises(duckdb.ConnectionException):
            cursor.execute("SELECT 1")
        assert owner.cursor().execute("SELECT count(*) FROM budgets").fetchone() == (1,)


def test_an_interval_left_open_is_ended_by_crash_where_data_ends(db: Path) -> None:
    with Owner(db) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(fill(Batch(MARKETS), 0, [diff(n, n) for n in range(11, 15)], seeded=seed(10)))
        writer.close()  # nobody said that the interval ended
    with connect(db) as con:
        rows = con.execute("SELECT first_id, last_id, ended_by FROM coverage").fetchall()
    assert rows == [(10, 14, "crash")]
