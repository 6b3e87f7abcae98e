"""
Giving room back: what DuckDB frees by itself, and writing the file anew.

Deleted rows leave free blocks that later rows use again, so a file that is pruned every night stops
growing; it does not shrink. `rewrite` makes it as small as its rows: a fresh file with the same schema,
filled table by table, counted, and put in place of the old one at once. Nobody may hold the file then.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from leadline.storage.access.address import beside
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.owner import Owner, locked
from leadline.storage.access.sql import Runs
from leadline.storage.errors import StoreBroken, StoreError
from leadline.storage.ingest.disk import MIN_FREE_BYTES, check_room
from leadline.storage.quoting import identifier, quoted
from leadline.storage.schema.migrate import migrate

_SIZE = """
SELECT block_size, total_blocks, free_blocks FROM pragma_database_size()
WHERE database_name = current_database()
"""
_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = $database AND NOT internal AND table_name <> 'alembic_version' ORDER BY table_name
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the file in whole blocks, and how many of them later rows will use again."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What writing anew came to."""

    before_bytes: int
    after_bytes: int
    rows: int


def size(con: Runs) -> Size:
    """Return how large the file is and how much of it is free."""
    block_bytes, total, free = con.execute(_SIZE).fetchone()
    return Size(int(total) * int(block_bytes), int(free) * int(block_bytes))


def rewrite(db: Path, *, memory_limit: str = "1GB") -> Rewritten:
    """
    Write the file anew and put it in the old one's place; needs as much room again.

    Raises `StoreOwned` while anybody has the file, `StoreFull` without room, `StoreBroken` when a table
    did not arrive whole; the old file is untouched then.
    """
    db = db.resolve()
    Owner(db).close()  # at the newest schema, with nothing left in its log
    with locked(db):
        before = db.stat().st_size
        check_room(db, before + MIN_FREE_BYTES)
        if beside(db, ".wal").exists():
            raise StoreError(f"{db}: somebody wrote to it meanwhile; try again")
        draft = beside(db, ".rewrite")
        _remove(draft)
        try:
            rows = _fill(draft, db, memory_limit)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(db)
        finally:
            _remove(draft)
        return Rewritten(before, db.stat().st_size, rows)


def _fill(draft: Path, db: Path, memory_limit: str) -> int:
    con = open_duckdb(draft, {"memory_limit": memory_limit, "threads": 1})
    try:
        migrate(con, draft)
        con.execute(f"ATTACH {quoted(str(db))} AS old (READ_ONLY)")
        mine = con.execute("SELECT current_database()").fetchall()[0][0]
        names = [name for (name,) in con.execute(_TABLES, {"database": mine}).fetchall()]
        if names != [name for (name,) in con.execute(_TABLES, {"database": "old"}).fetchall()]:
            raise StoreBroken(f"{db} holds tables of somebody else; it was left as it is")
        rows = sum(_copy(con, name) for name in names)
        con.execute("DETACH old")
        con.execute("CHECKPOINT")
        return rows
    finally:
        con.close()


def _copy(con: duckdb.DuckDBPyConnection, name: str) -> int:
    table = identifier(name)
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM old.main.{table}")  # noqa: S608 - quoted
    count = f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM old.main.{table})"  # noqa: S608
    arrived, expected = con.execute(count).fetchall()[0]
    if arrived != expected:
        raise StoreBroken(f"{name}: {arrived} of {expected} rows arrived; the old file was left as it is")
    return int(arrived)


def _remove(draft: Path) -> None:
    for path in (draft, beside(draft, ".wal")):
        path.unlink(missing_ok=True)
