"""
Who may send what to a served database: the read-only port reads, the other does all but stop the server.

Quack asks a macro about every statement. On the read-only port the macro lets through what DuckDB's own
parser calls a SELECT (``json_serialize_sql`` takes nothing else), EXPLAIN of one, our client's
PREPARE/EXECUTE pair around one, and the words of a transaction. A refusal is NULL, which also stops the
append messages that carry rows instead of SQL. Files and settings are locked for both ports besides:
``enable_external_access=false``, ``lock_configuration=true``.
"""

from __future__ import annotations

import re

import duckdb

from leadline.storage.access.upkeep import CHANGEABLE

# How `storage.access.client` sends parameters; the guard takes exactly this shape apart.
PREPARE_HEAD = "PREPARE _qp AS "
PREPARE_TAIL = "\n;\nEXECUTE _qp("

# Table functions a SELECT could call to do more than read, or to hide a call from this list.
_FORBIDDEN = (
    "quack_\\w*|query|query_table|json_execute_serialized_sql|checkpoint|force_checkpoint|"
    "enable_logging|disable_logging|set_log\\w*|truncate_duckdb_logs|write_log|"
    "enable_profil\\w*|disable_profil\\w*|duckdb_secrets|which_secret|getenv"
)

# The settings that the owner itself still changes are not for clients.
_SETTINGS = r"(?s)\b(set|reset|pragma)\b.*\b(max_memory|" + "|".join(CHANGEABLE) + r")\b"

_IS_READ = """
    coalesce(json_serialize_sql(sql::VARCHAR) ->> 'error', 'true') = 'false'
    AND NOT regexp_matches(json_serialize_sql(sql::VARCHAR), '"function_name":"($forbidden)"', 'i')
""".replace("$forbidden", _FORBIDDEN)

_READS = f"CREATE OR REPLACE MACRO leadline_guard.main.reads(sql) AS ({_IS_READ})"

_READS_HERE = f"SELECT {_IS_READ} FROM (SELECT $1 AS sql)"  # noqa: S608  two constants of this module

_TRANSACTION = re.compile(r"\s*(BEGIN|BEGIN TRANSACTION|COMMIT|ROLLBACK)[\s;]*", re.IGNORECASE)
_EXPLAIN = re.compile(r"^\s*EXPLAIN(\s+ANALYZE)?\s", re.IGNORECASE)

_ALLOW = r"""
CREATE OR REPLACE MACRO leadline_guard.main.allow(sid, q) AS (
    SELECT CASE
        WHEN server_id = '$rw' THEN
            CASE WHEN regexp_matches(q, 'quack_(serve|stop)\s*\(|$settings', 'i') THEN NULL ELSE q END
        WHEN regexp_matches(q, '^\s*(BEGIN|BEGIN TRANSACTION|COMMIT|ROLLBACK)[\s;]*$', 'i') THEN q
        WHEN starts_with(q, '$head') THEN
            CASE WHEN leadline_guard.main.reads(regexp_extract(q, '(?s)^$head(.*)$tail(.*)\)$', 1))
                  AND leadline_guard.main.reads(
                          'SELECT f(' || regexp_extract(q, '(?s)^$head(.*)$tail(.*)\)$', 2) || ')')
                 THEN q END
        WHEN leadline_guard.main.reads(regexp_replace(q, '^\s*EXPLAIN(\s+ANALYZE)?\s', '', 'i')) THEN q
    END
    FROM (SELECT max(server_id) AS server_id FROM quack_active_connections() WHERE connection_id = sid)
)
"""


def install_guard(con: duckdb.DuckDBPyConnection) -> None:
    """
    Set the macro up for the instance behind ``con``, before it serves.

    It lives in a database in memory: the file holds nothing of it.
    """
    con.execute("ATTACH IF NOT EXISTS ':memory:' AS leadline_guard")
    con.execute(_READS)
    name_writers_port(con, "")
    con.execute("SET GLOBAL quack_authorization_function = 'leadline_guard.main.allow'")


def name_writers_port(con: duckdb.DuckDBPyConnection, uri: str) -> None:
    """Let the port at ``uri`` write; every other only reads, and so does a session without a place."""
    allow = _ALLOW.replace("$rw", uri).replace("$head", PREPARE_HEAD).replace("$settings", _SETTINGS)
    con.execute(allow.replace("$tail", PREPARE_TAIL.replace("\n", "\\n").replace("(", "\\(")))


def only_reads(con: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Judge a statement for a read-only connection in this process as the port's macro does."""
    if _TRANSACTION.fullmatch(sql):
        return True
    row = con.execute(_READS_HERE, [_EXPLAIN.sub("", sql, count=1)]).fetchone()
    return row is not None and bool(row[0])
