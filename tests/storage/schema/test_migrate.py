"""A new file, one that is taken over, and one that is refused; the views over the tables."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.owner import Owner
from leadline.storage.errors import NotAStore, SchemaTooOld
from leadline.storage.queries.rebuild import book_at
from leadline.storage.schema import migrate as migrating
from leadline.storage.schema.baseline import AREAS, area_of, tables
from leadline.storage.schema.migrate import REVISIONS, UNRELEASED, make_views, migrate, schema_revision
from leadline.storage.schema.trust_views import MACROS
from leadline.storage.schema.views import VIEWS
from tests.storage.schema.revision_014 import make_014

_TABLES = "SELECT table_name, sql, comment FROM duckdb_tables() WHERE NOT internal ORDER BY table_name"
_COLUMNS = """
SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal
ORDER BY table_name, column_index
"""
_VIEWS = "SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_name"
_MACROS = "SELECT function_name, macro_definition, comment FROM duckdb_functions() WHERE NOT internal"


def catalog(path: Path) -> list[list[tuple[object, ...]]]:
    with open_duckdb(path, read_only=True) as con:
        return [con.execute(statement).fetchall() for statement in (_TABLES, _COLUMNS, _VIEWS, _MACROS)]


def test_every_table_and_every_column_says_what_it_holds(template: Path) -> None:
    made, columns, views, macros = catalog(template)
    rows = (*made, *columns, *views, *macros)
    assert not [row[:2] for row in rows if not row[-1] and row[0] != "alembic_version"]
    assert {name for name, *_ in macros} == set(MACROS)
    assert {name for name, *_ in made} == {*tables(), "alembic_version"}
    assert list(dict.fromkeys(area_of().values())) == list(AREAS)


def test_the_schema_keeps_its_own_rules(template: Path) -> None:
    with open_duckdb(template, read_only=True) as con:
        others = con.execute(
            "SELECT DISTINCT schema_name FROM duckdb_tables() WHERE NOT internal"
        ).fetchall()
        assert others == [("main",)]
        assert con.execute("SELECT count(*) FROM duckdb_indexes()").fetchone() == (0,)
        assert con.execute("SELECT count(*) FROM duckdb_sequences()").fetchone() == (0,)
        kinds = con.execute("SELECT DISTINCT constraint_type FROM duckdb_constraints()").fetchall()
        assert {kind for (kind,) in kinds} == {"PRIMARY KEY", "NOT NULL", "CHECK"}
        defaults = "SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND column_default IS NOT NULL"
        assert con.execute(defaults).fetchone() == (0,)
        keyed = con.execute("SELECT table_name FROM duckdb_constraints() WHERE constraint_type LIKE 'P%'")
        large = {"depth_diffs", "seeds", "trades", "book_tickers", "depth_snapshots", "feed_stats"}
        assert not large & {name for (name,) in keyed.fetchall()}


def test_revisions_are_those_in_the_folder() -> None:
    folder = Path(migrating.__file__).parent / "migrations" / "versions"
    assert sorted(path.name[:4] for path in folder.glob("r*.py")) == list(REVISIONS)


def test_up_from_empty_and_again(tmp_path: Path) -> None:
    path = tmp_path / "100% neu.duckdb"
    with open_duckdb(path) as con:
        assert schema_revision(con) is None
        assert migrate(con, path) == list(REVISIONS)
        assert migrate(con, path) == []
        assert schema_revision(con) == REVISIONS[-1]
    assert not path.with_name(path.name + ".wal").exists()  # checkpointed


def test_a_file_of_the_last_revision_before_the_release_is_taken_over(
    template: Path, tmp_path: Path
) -> None:
    path = tmp_path / "it's old.duckdb"
    make_014(path)
    with Owner(path) as owner:
        con = owner.cursor()
        assert con.execute("SELECT venue, rule FROM markets ORDER BY ALL").fetchall() == [
            ("binance-spot", "contiguous"),
            ("binance-usdm", "linked"),
        ]
        for venue, last_id in (("binance-spot", 13), ("binance-usdm", 301)):
            book = book_at(con, "BTCUSDT", venue=venue)
            assert (book.last_id, book.bids[0]) == (last_id, (Decimal(2), Decimal(3)))
        kinds = con.execute("SELECT trade_id, kind, market_qty FROM trades ORDER BY trade_id").fetchall()
        assert kinds == [(0, "other", 0.0), (1, "market", 2.0)]
        assert con.execute("SELECT limit_usd FROM budgets").fetchone() == (Decimal("1.5"),)
    assert catalog(path) == catalog(template)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE trades DROP COLUMN px", "trades.px"),
        ("ALTER TABLE trades ADD COLUMN fee DOUBLE", "trades.fee"),
        ("ALTER TABLE trades ALTER px TYPE VARCHAR", "trades.px"),
        ("DROP TABLE notices", "notices.kind"),
        ("CREATE TABLE recipes(name VARCHAR)", "recipes.name"),
    ],
)
def test_what_only_says_that_it_is_of_that_revision_is_left_alone(
    tmp_path: Path, change: str, named: str
) -> None:
    path = tmp_path / "changed.duckdb"
    make_014(path)
    with open_duckdb(path) as con:
        con.execute(change)
    before = catalog(path)
    with pytest.raises(NotAStore, match=f"says it has schema 014, but its columns are others: {named}"):
        Owner(path)
    assert catalog(path) == before


@pytest.mark.parametrize("revision", UNRELEASED)
def test_an_older_file_is_refused_with_the_command_that_helps(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "it's old.duckdb"
    make_014(path)
    with open_duckdb(path) as con:
        con.execute("UPDATE alembic_version SET version_num = ?", [revision])
    before = catalog(path)
    with pytest.raises(
        SchemaTooOld, match=rf"has schema {revision}, .*git checkout \w{{7}}; .*leadline sql"
    ):
        Owner(path)
    assert catalog(path) == before


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
           [2.0, 1.0], [5.0, 0.0], [3.0], [7.0], NULL, NULL)"""
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
