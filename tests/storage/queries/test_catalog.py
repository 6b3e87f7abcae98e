"""What a store says of itself."""

from __future__ import annotations

from pathlib import Path

from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.queries import catalog
from tests.storage.helpers import Served


def test_tables_and_columns_are_listed_on_the_read_only_side(tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    Owner(db).close()
    with connect(db) as con:
        kinds = {name: kind for name, kind, *_ in catalog.tables(con).rows}
        assert kinds["depth_diffs"] == "table"
        assert kinds["trust"] == "view"
        columns = catalog.columns(con, "depth_diffs")
        assert columns.columns == ("name", "type", "null", "comment")
        assert ("bid_px", "DOUBLE[]") in [row[:2] for row in columns.rows]
        assert catalog.columns(con, "nothing").rows == []
        assert catalog.diffs_between(con, "v", "s", 0, 10) == 0
        assert catalog.syntax_error(con, "SELECT 1") is None
        assert catalog.syntax_error(con, "DELETE FROM trades") is None
        assert "syntax error" in str(catalog.syntax_error(con, "SELEC 1"))


def test_statements_are_judged_at_the_owner_as_well(db: Path, served: Served) -> None:
    with connect(db) as con:
        assert catalog.syntax_error(con, "DELETE FROM trades WHERE symbol = 'it''s'") is None
        assert "syntax error" in str(catalog.syntax_error(con, "SELEC 1"))
