"""
The tables of each revision, as SQL files, and the take-over of a file of the last revision before.

``migrations/r*/*.sql`` declare each table once, in the revision that makes it, and later columns as
``ALTER TABLE``, each with the revision that adds it. The comment behind a table
or a column says what it holds and in which unit; it is stored in the database with COMMENT ON, and
docs/sql/*.md are made from it.

Rules that keep crash recovery, remote catalogues and DuckLake working with DuckDB 1.5: everything in schema
``main``, no DEFAULT expressions, no foreign keys, sequences, enums or secondary indexes, and a primary key
only where a table stays small. Times are TIMESTAMP in UTC to the µs; ``recv_ns`` keeps the nanoseconds.
Prices and quantities of books are DOUBLE (exact for the venue's decimals up to 15 digits), money is
DECIMAL, never a float.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import duckdb

from leadline.storage.errors import NotAStore
from leadline.storage.quoting import quoted

REVISION = "r001"
TAKEN_OVER = "014"  # the last revision before the baseline: the same tables but one
AREAS = ("market", "trust", "feed", "signals", "scores", "spend")

_FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r'(?:(?:CREATE|ALTER) TABLE )?("?\w+"?)')

_SHAPE = """
SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()
WHERE database_name = coalesce($database, current_database()) AND NOT internal
  AND table_name IN (SELECT table_name FROM duckdb_tables()
                     WHERE database_name = coalesce($database, current_database()))
  AND table_name <> 'alembic_version'
"""

_VIEWS = "SELECT view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal"

# What the rows themselves say: only diffs of a linked market name the one before.
RULES_OF_ROWS = """
INSERT INTO markets BY NAME
SELECT venue, symbol, CASE WHEN count(prev_id) > 0 THEN 'linked' ELSE 'contiguous' END AS rule
FROM depth_diffs GROUP BY ALL ON CONFLICT DO NOTHING
"""


@cache
def tables(revision: str | None = None) -> dict[str, tuple[str, ...]]:
    """
    Return the statements that make each table, CREATE or ALTER first and a comment for each part, by name.

    Those of one ``revision`` or of all.
    """
    made: dict[str, tuple[str, ...]] = {}
    for area in AREAS:
        for block in _blocks(area, revision or "r*"):
            table, statements = _statements(block)
            made[table] = made.get(table, ()) + statements
    return made


def create(con: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Make the tables of these names, or all of them, without views and without a revision."""
    for name in names or tables():
        for statement in tables()[name]:
            con.execute(statement)


def area_of() -> dict[str, str]:
    """Return the area of each table by its name; areas in the order of `AREAS`."""
    return {_name(block): area for area in AREAS for block in _blocks(area)}


def take_over(con: duckdb.DuckDBPyConnection, db: Path) -> None:
    """
    Bring a file of revision `TAKEN_OVER` to the baseline, in one transaction.

    Raises `NotAStore` and changes nothing when its tables are not those of that revision.
    """
    found = set(con.execute(_SHAPE, {"database": None}).fetchall())
    with con.cursor() as aside:
        for statements in tables(REVISION).values():
            aside.execute(statements[0].replace("CREATE", "CREATE TEMPORARY", 1))
        wanted = set(aside.execute(_SHAPE, {"database": "temp"}).fetchall())
    if odd := sorted({row[:2] for row in found ^ wanted if row[0] != "markets"}):
        some = ", ".join(f"{table}.{column}" for table, column in odd[:3])
        raise NotAStore(f"{db} says it has schema {TAKEN_OVER}, but its columns are others: {some}")
    con.begin()
    try:
        for name, statements in tables(REVISION).items():
            for statement in statements if name == "markets" else statements[1:]:
                con.execute(statement)
        con.execute(RULES_OF_ROWS)
        for (view,) in con.execute(_VIEWS).fetchall():
            con.execute(f"DROP VIEW {view}")  # it is made anew, with comments
        con.execute("UPDATE alembic_version SET version_num = ?", [REVISION])
    except BaseException:
        con.rollback()
        raise
    con.commit()


def _blocks(area: str, revision: str = "r*") -> list[str]:
    """Return the declarations of an area, oldest revision first."""
    files = sorted(_FOLDER.glob(f"{revision}/{area}.sql"))
    return [block for file in files for block in file.read_text("utf-8").split("\n\n")]


def _statements(block: str) -> tuple[str, tuple[str, ...]]:
    """Turn one CREATE or ALTER TABLE with a comment behind each line into statements of their own."""
    lines = re.sub(r"\n +-- ", " ", block).splitlines()  # a comment that goes on in a line of its own
    table = _name(lines[0])
    made = [re.sub(r"  -- .*", "", "\n".join(lines))]
    if lines[0].startswith("ALTER"):
        columns = [line.partition("  -- ")[0].strip(" ,") for line in lines[1:-1]]
        made = [f"ALTER TABLE {table} ADD COLUMN {column}" for column in columns]
    for line in lines:
        definition, _, comment = line.partition("  -- ")
        if comment:
            thing = f"TABLE {table}" if line is lines[0] else f"COLUMN {table}.{_name(definition.strip())}"
            made.append(f"COMMENT ON {thing} IS {quoted(comment)}")
    return table, tuple(made)


def _name(definition: str) -> str:
    found = _NAME.match(definition)
    assert found is not None, f"no name in {definition!r}"
    return found[1]
