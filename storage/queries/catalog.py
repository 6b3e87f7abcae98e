"""What a store holds: its tables for a prompt, its spans for those who must not store a thing twice."""

from __future__ import annotations

import json

from leadline.storage.access.sql import Answer, Runs, run_sql

_TABLES = """
SELECT table_name AS name, CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END AS kind,
       estimated_size AS rows, coalesce(t.comment, v.comment) AS comment
FROM information_schema.tables i
LEFT JOIN duckdb_tables() t USING (table_name)
LEFT JOIN duckdb_views() v ON v.view_name = i.table_name AND NOT v.internal
WHERE i.table_schema = 'main' AND i.table_catalog = current_database()
ORDER BY kind, name
"""

_COLUMNS = """
SELECT column_name AS name, data_type AS type, CASE WHEN is_nullable THEN 'NULL' ELSE '' END AS "null",
       comment
FROM duckdb_columns()
WHERE table_name = $table AND schema_name = 'main' AND database_name = current_database()
ORDER BY column_index
"""

_DIFFS_BETWEEN = """
SELECT count(*) FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND recv_ns BETWEEN $first_ns AND $last_ns
"""

_SYMBOLS = "SELECT DISTINCT symbol FROM coverage ORDER BY symbol"

# The cast names the type, which a statement prepared at the owner cannot infer.
_SERIALIZED = "SELECT json_serialize_sql(CAST($statement AS VARCHAR))"


def tables(con: Runs) -> Answer:
    """List tables, with about how many rows, and views."""
    return run_sql(con, _TABLES)


def columns(con: Runs, table: str) -> Answer:
    """List the columns of a table or view; none if there is no such thing."""
    return run_sql(con, _COLUMNS, {"table": table})


def symbols(con: Runs) -> list[str]:
    """List the symbols with a book that was ever trusted."""
    return [str(symbol) for (symbol,) in con.execute(_SYMBOLS).fetchall()]


def diffs_between(con: Runs, venue: str, symbol: str, first_ns: int, last_ns: int) -> int:
    """Count the stored diffs of a market that were received from ``first_ns`` to ``last_ns``."""
    where = {"venue": venue, "symbol": symbol, "first_ns": first_ns, "last_ns": last_ns}
    return int(con.execute(_DIFFS_BETWEEN, where).fetchone()[0])


def syntax_error(con: Runs, statement: str) -> str | None:
    """Return what DuckDB's parser holds against a statement; None if it can be read."""
    told = json.loads(con.execute(_SERIALIZED, {"statement": statement}).fetchone()[0])
    return str(told["error_message"]) if told.get("error_type") == "parser" else None
