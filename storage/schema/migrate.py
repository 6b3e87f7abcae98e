"""
Bring a database file to the schema this program knows, one revision at a time.

A revision runs in its own transaction and is followed by CHECKPOINT, so that the write-ahead log never
mixes a change of schema with rows (DuckDB 1.5 can fail to replay that). Views hold no data: they are made
anew after any revision, so a changed view comes with a revision, if only an empty one.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from leadline.storage.errors import NotAStore, SchemaTooNew, SchemaTooOld
from leadline.storage.schema import baseline
from leadline.storage.schema.trust_views import MACROS
from leadline.storage.schema.view_comments import comment_views
from leadline.storage.schema.views import VIEWS

# Oldest first; a test holds it against migrations/versions.
REVISIONS = (baseline.REVISION, *(f"r{n:03}" for n in range(2, 11)))
# Before the first release; the last of them is taken over, see `storage.schema.baseline`.
UNRELEASED = tuple(f"{n:03}" for n in range(1, int(baseline.TAKEN_OVER)))
_SCRIPTS = Path(__file__).parent / "migrations"

_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal"
_VIEWS = "SELECT view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal"
_REVISION = "SELECT version_num FROM alembic_version"


def schema_revision(con: duckdb.DuckDBPyConnection) -> str | None:
    """Tell the revision a file is at, None for an empty one; raises `NotAStore` for another's tables."""
    tables = {name for (name,) in con.execute(_TABLES).fetchall()}
    if "alembic_version" in tables:
        rows = con.execute(_REVISION).fetchall()
        return str(rows[0][0]) if rows else None
    if tables:
        some = ", ".join(sorted(tables)[:3])
        raise NotAStore(f"the file holds tables of something else ({some}, …); give another --db")
    return None


def migrate(con: duckdb.DuckDBPyConnection, db: Path) -> list[str]:
    """
    Run what is missing, return the revisions run.

    Raises `SchemaTooNew` or `SchemaTooOld` and changes nothing.
    """
    found, done = schema_revision(con), []
    if found == baseline.TAKEN_OVER:
        baseline.take_over(con, db)
        con.execute("CHECKPOINT")
        found, done = baseline.REVISION, [baseline.REVISION]
    if found in UNRELEASED:
        raise SchemaTooOld(db, found, baseline.TAKEN_OVER)
    if found is not None and found not in REVISIONS:
        raise SchemaTooNew(db, found, REVISIONS[-1])
    missing = REVISIONS if found is None else REVISIONS[REVISIONS.index(found) + 1 :]
    for revision in missing:
        _upgrade(con, revision)
        con.execute("CHECKPOINT")
    present = {name for (name,) in con.execute(_VIEWS).fetchall()}
    if missing or not present.issuperset(VIEWS):  # a process may have died between the two
        make_views(con)
        con.execute("CHECKPOINT")
    return [*done, *missing]


def make_views(con: duckdb.DuckDBPyConnection) -> None:
    """Make or replace every view and macro, and say in the database what they hold."""
    for statement in (*VIEWS.values(), *MACROS.values()):
        con.execute(statement)
    comment_views(con)


def _upgrade(con: duckdb.DuckDBPyConnection, revision: str) -> None:
    # Imported here: a file that is up to date, the usual case, opens without Alembic and SQLAlchemy.
    import sqlalchemy as sa  # noqa: PLC0415
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from duckdb_sqlalchemy import ConnectionWrapper  # noqa: PLC0415

    engine = sa.create_engine(
        "duckdb://", creator=lambda: ConnectionWrapper(con.cursor()), poolclass=sa.pool.NullPool
    )
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()
