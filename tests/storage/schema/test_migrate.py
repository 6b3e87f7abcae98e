"""The migrated file, the declared schema and the views are one thing."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from duckdb_sqlalchemy import ConnectionWrapper

from leadline.storage.access.extensions import open_duckdb
from leadline.storage.schema import migrate as migrating
from leadline.storage.schema.migrate import REVISIONS, make_views, migrate, schema_revision
from leadline.storage.schema.tables import metadata
from leadline.storage.schema.views import VIEWS

_COLUMNS = """
SELECT c.table_name, column_name, data_type, is_nullable, c.comment, t.comment
FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_name, table_oid)
WHERE c.table_name <> 'alembic_version' ORDER BY c.table_name, column_index
"""
_KEYS = """
SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'
"""


def declared() -> duckdb.DuckDBPyConnection:
    con = open_duckdb()
    made = sa.create_engine(
        "duckdb://", creator=lambda: ConnectionWrapper(con.cursor()), poolclass=sa.pool.NullPool
    )
    metadata.create_all(made)
    return con


def test_migrations_arrive_at_what_is_declared(template: Path) -> None:
    with open_duckdb(template, read_only=True) as migrated, declared() as wanted:
        assert migrated.execute(_COLUMNS).fetchall() == wanted.execute(_COLUMNS).fetchall()
        keys = {
            name: columns for name, columns in migrated.execute(_KEYS).fetchall() if name in metadata.tables
        }
        assert keys == dict(wanted.execute(_KEYS).fetchall())


def test_every_column_says_what_it_holds() -> None:
    assert [c for t in metadata.tables.values() for c in t.columns if not c.comment] == []


def test_the_schema_keeps_its_own_rules() -> None:
    for table in metadata.tables.values():
        assert table.schema is None
        assert not table.indexes
        assert not table.foreign_keys
        assert all(c.server_default is None and c.default is None for c in table.columns)
    large = {
        "depth_diffs",
        "seeds",
        "trades",
        "book_tickers",
        "depth_snapshots",
        "feed_stats",
        "ingest_batches",
    }
    assert all(not metadata.tables[name].primary_key.columns for name in large)


def test_revisions_are_those_in_the_folder() -> None:
    folder = Path(migrating.__file__).parent / "migrations" / "versions"
    assert sorted(path.name[1:4] for path in folder.glob("v*.py")) == list(REVISIONS)


def test_up_from_empty_and_again(tmp_path: Path) -> None:
    path = tmp_path / "100% neu.duckdb"
    with open_duckdb(path) as con:
        assert schema_revision(con) is None
        assert migrate(con, path) == list(REVISIONS)
        assert migrate(con, path) == []
        assert schema_revision(con) == REVISIONS[-1]
    assert not path.with_name(path.name + ".wal").exists()  # checkpointed


def test_buckets_dated_by_their_end_are_dated_by_their_start(tmp_path: Path) -> None:
    """As a store of before 011 has them: three in a row, the last cut short, and one after a pause."""
    path = tmp_path / "old.duckdb"
    with open_duckdb(path) as con:
        for revision in REVISIONS[: REVISIONS.index("011")]:
            migrating._upgrade(con, revision)
        for table, extra in (
            (
                "feed_stats",
                "0 AS live_symbols, 1 AS symbols, 0 AS queue_batches, 1 AS queue_limit, 9 AS bytes,"
                "9 AS diffs, 0 AS trades, 0 AS tickers, 0 AS bad_frames, 0 AS reconnects, 0 AS resyncs",
            ),
            (
                "leg_stats",
                "'l' AS line, 'A' AS leg, true AS in_use, 1 AS firsts, 0 AS holes, 0 AS lost_ids, "
                "0 AS ends",
            ),
        ):
            con.execute(
                f"INSERT INTO {table} BY NAME SELECT 'v' AS venue, 10.0 AS bucket_s, 9 AS frames, "
                f"TIMESTAMP '2026-05-28 10:00:00' + to_milliseconds(ended) AS ts, {extra} "
                "FROM (VALUES (10000), (20100), (24000), (90000)) t(ended)"
            )
        migrate(con, path)
        wanted = [(0, 10.0), (10_000, 10.1), (20_100, 3.9), (80_000, 10.0)]
        for table in ("feed_stats", "leg_stats"):
            got = con.execute(
                f"SELECT epoch_ms(ts) - epoch_ms(TIMESTAMP '2026-05-28 10:00:00'), bucket_s FROM {table} "
                "ORDER BY ts"
            ).fetchall()
            assert got == wanted, table


def test_views_lost_between_two_steps_are_made_again(db: Path) -> None:
    with open_duckdb(db) as con:
        con.execute("DROP VIEW trust")
        migrate(con, db)
        names = {
            name
            for (name,) in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
        assert names == set(VIEWS)


@pytest.fixture
def con(db: Path) -> duckdb.DuckDBPyConnection:
    return open_duckdb(db)


def test_depth_levels_has_one_row_a_level(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """INSERT INTO depth_diffs VALUES ('v', 's', 1, now()::TIMESTAMP, now()::TIMESTAMP, 0, 1, 2, NULL,
           [2.0, 1.0], [5.0, 0.0], [3.0], [7.0], NULL)"""
    )
    rows = con.execute("SELECT side, price, qty FROM depth_levels ORDER BY ALL").fetchall()
    assert rows == [("ask", 3.0, 7.0), ("bid", 1.0, 0.0), ("bid", 2.0, 5.0)]


def test_spend_and_latest_signals(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """INSERT INTO llm_calls BY NAME
           SELECT i AS seq, 'c' || i AS call_id,
                  TIMESTAMP '2026-05-28 10:30:00' + i * INTERVAL 20 MINUTE AS ts,
                  1 AS attempt, 'p' AS provider, 'asked' AS model_requested,
                  CASE WHEN i < 2 THEN 'served' END AS model_served,
                  CASE WHEN i = 2 THEN 'timeout' END AS error,
                  100 AS prompt_tokens, 0.000000280001 AS cost_usd, 'answer' AS purpose, 'f' AS flow,
                  'X' AS symbol, 0 AS prompt_tokens_max, 0 AS completion_tokens_max, 1 AS held_usd,
                  ts AS expires_at,                  'settled' AS state
           FROM range(3) t(i)"""
    )
    hours = con.execute(
        "SELECT calls, failed, prompt_tokens, cost_usd FROM spend_by_hour ORDER BY hour"
    ).fetchall()
    assert [(n, f, t, f"{c:f}") for n, f, t, c in hours] == [
        (2, 0, 200, "0.000000560002"),
        (1, 1, 100, "0.000000280001"),
    ]
    models = con.execute("SELECT model, calls FROM spend_by_model ORDER BY ALL").fetchall()
    assert models == [("asked", 1), ("served", 2)]
    con.execute(
        """INSERT INTO signals BY NAME
           SELECT 's' || i AS signal_id, TIMESTAMP '2026-05-28 10:00:00' + i * INTERVAL 1 MINUTE AS ts,
                  'v' AS venue, 'X' AS symbol, 'p' AS provider, 'm' AS model_requested,
                  '1' AS prompt_version, 'ok' AS outcome, 'bullish' AS direction, 'llm' AS kind,
                  'manual' AS "trigger", 'p/m' AS lineage, false AS is_switched
           FROM range(3) t(i)"""
    )
    assert con.execute("SELECT signal_id FROM latest_signals").fetchall() == [("s2",)]
    make_views(con)  # again and again is fine
