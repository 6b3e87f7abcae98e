"""
A session at the owner of a database: every statement runs there, as text, over Quack on 127.0.0.1.

Through plain ATTACH, Quack 1.5 ignores ROLLBACK, cannot UPDATE or DELETE and pulls whole tables; sent as
text (``quack_query_by_name``) a statement has the whole engine and real transactions. A session ends with
its owner, with `close`, or when the owner opens its file anew.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import duckdb

from leadline.storage.access.extensions import load_quack, open_duckdb
from leadline.storage.access.literals import Params, with_params
from leadline.storage.errors import ReadOnly, StoreError, StoreLost
from leadline.storage.quoting import identifier, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from leadline.storage.access.address import Address

# Statements whose rows may wait at the owner until asked for. All others are fetched at once: an
# unfetched BEGIN or INSERT was seen to have no effect.
_LAZY = re.compile(r"\s*\(*\s*(SELECT|FROM|VALUES|SHOW|DESCRIBE|SUMMARIZE|TABLE)\b", re.IGNORECASE)

# Words of errors that prove that a statement did not run.
_NOT_RUN = (
    "Invalid connection id",
    "Could not connect",
    "Connection refused",
    "Authentication failed",
    "has been invalidated",  # the owner will open its file anew
)
_MAY_HAVE_RUN = ("Server returned nothing", "Connection reset", "Failed to read", "HTTP error")

# What the words of an error say about its kind, so that a caller catches the same class near and far.
_KINDS = (
    (re.compile(r"[Cc]onflict|[Tt]ransaction|Failed to commit"), duckdb.TransactionException),
    (re.compile(r"violat|constraint failed"), duckdb.ConstraintException),
    (re.compile(r"syntax error"), duckdb.ParserException),
    (re.compile(r"does not exist|already exists"), duckdb.CatalogException),
    (re.compile(r"Could not convert|Could not cast"), duckdb.ConversionException),
    (re.compile(r"Referenced |cannot contain|No function matches"), duckdb.BinderException),
)

_names = itertools.count(1)
_instance_lock = threading.Lock()
_instances: dict[int, duckdb.DuckDBPyConnection] = {}


READ_ONLY = "this connection may only read; connect with write=True to change something"


class NotRun(StoreLost):
    """The owner could not be reached or does not know this session; the statement did not run."""


class QuackSession:
    """One session at an owner; not for two threads at once. Raises `NotRun` when it cannot be reached."""

    is_borrowed = False

    def __init__(self, address: Address, *, write: bool) -> None:
        uri, token = address.port(write=write)
        self.write = write
        self.uri = uri
        self._name = f"owner_{next(_names)}"
        self._cursor = _instance().cursor()
        self._rows: deque[tuple[Any, ...]] | None = None
        self.description: list[tuple[Any, ...]] | None = None
        try:
            self._cursor.execute(f"ATTACH {quoted(uri)} AS {self._name} (TOKEN {quoted(token)})")
        except duckdb.Error as exc:
            self._cursor.close()
            raise NotRun(f"the owner at {uri} cannot be reached: {_first_line(exc)}") from exc

    def run(self, sql: str, params: Params = None) -> None:
        """Run a statement at the owner; its result is read with the fetch methods."""
        text = with_params(sql, params)
        self._rows = None
        self.description = None
        try:
            # The name and the text are bound, not pasted.
            self._cursor.execute("FROM quack_query_by_name(?, ?)", [self._name, text])
            self.description = self._cursor.description
            if not _LAZY.match(sql):
                self._rows = deque(self._cursor.fetchall())
        except duckdb.Error as exc:
            raise _translate(exc, self.uri) from exc

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        if self._rows is not None:
            return self._rows.popleft() if self._rows else None
        return self._cursor.fetchone()

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return up to ``size`` rows."""
        if self._rows is not None:
            return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]
        return self._cursor.fetchmany(size)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        if self._rows is not None:
            rows, self._rows = list(self._rows), deque()
            return rows
        return self._cursor.fetchall()

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        if self._rows is not None:
            raise StoreError("only a statement that begins with SELECT or FROM can be read as Arrow")
        return self._cursor.to_arrow_table()

    def append(self, table: str, rows: pa.Table) -> None:
        """Insert an Arrow table by name of column; joins the transaction that is open."""
        columns = ", ".join(identifier(name) for name in rows.column_names)
        self._cursor.register("rows_out", rows)
        try:
            self._cursor.execute(
                f"INSERT INTO {self._name}.{identifier(table)} ({columns}) SELECT {columns} FROM rows_out"  # noqa: S608
            ).fetchall()
        except duckdb.Error as exc:
            raise _translate(exc, self.uri) from exc
        finally:
            self._cursor.unregister("rows_out")

    def close(self) -> None:
        """End the session; the owner rolls back what was not committed."""
        with contextlib.suppress(duckdb.Error):
            self._cursor.execute("ROLLBACK")
        with contextlib.suppress(duckdb.Error):
            self._cursor.execute(f"DETACH {self._name}")
        with contextlib.suppress(duckdb.Error):
            self._cursor.close()


def _instance() -> duckdb.DuckDBPyConnection:
    """Return this process's empty DuckDB with Quack loaded; loading costs 0.3 s, a session 10 ms."""
    with _instance_lock:
        pid = os.getpid()  # a forked child must not use its parent's
        if pid not in _instances:
            con = open_duckdb(settings={"threads": 2})
            load_quack(con)
            _instances[pid] = con
        return _instances[pid]


def _translate(exc: duckdb.Error, uri: str) -> Exception:
    """Say what an error at the owner is; Quack sends its text without its kind."""
    text = _tidy(str(exc))
    if "Authorization failed" in text:
        return ReadOnly(READ_ONLY)
    if any(words in text for words in _NOT_RUN):
        return NotRun(f"the owner at {uri} cannot be reached: {_first_line(exc)}")
    if any(words in text for words in _MAY_HAVE_RUN):
        return StoreLost(f"the owner at {uri} went away; whether the statement took effect is unknown")
    if isinstance(exc, duckdb.InvalidInputException):
        for words, kind in _KINDS:
            if words.search(text):
                return kind(text)
        return duckdb.InvalidInputException(text)
    return exc


def _tidy(text: str) -> str:
    """Leave out what the transport adds around the owner's own words."""
    text = text.removeprefix("Invalid Input Error: ")
    return text.partition("\n\nLINE 1: FROM quack_query_by_name")[0]


def _first_line(exc: duckdb.Error) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
