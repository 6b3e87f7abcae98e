"""
One call to reach a database, whoever holds it: `connect`, and `engine` for SQLAlchemy.

    this process owns it          → a cursor of its owner
    another process serves it     → a session there (`storage.access.client`)
    nobody owns it                → own it for as long as the connection lives
    owned, not served             → wait up to ``patience_s``, then `StoreOwned`

An address whose owner died is found out by calling; whoever then gets the lock is the next owner.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import duckdb

from leadline.storage.access.address import read_address
from leadline.storage.access.client import READ_ONLY, NotRun, QuackSession
from leadline.storage.access.guard import only_reads
from leadline.storage.access.literals import Params, bindable
from leadline.storage.access.owner import Owner, owner_in_process
from leadline.storage.errors import NoStore, ReadOnly, StoreError, StoreOwned
from leadline.storage.quoting import identifier

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

FIRST_WAIT_S = 0.02
LONGEST_WAIT_S = 0.5

_sharing = threading.Lock()
_shared: dict[Path, tuple[Owner, int]] = {}  # short-lived owners of this process and their users


class Session(Protocol):
    """What a place to run statements offers; `LocalSession` and `QuackSession` do."""

    write: bool
    is_borrowed: bool  # it holds the file for as long as it lives, and serves nobody

    @property
    def description(self) -> list[tuple[Any, ...]] | None: ...  # noqa: D102
    def run(self, sql: str, params: Params = None) -> None: ...  # noqa: D102
    def fetchone(self) -> tuple[Any, ...] | None: ...  # noqa: D102
    def fetchmany(self, size: int) -> list[tuple[Any, ...]]: ...  # noqa: D102
    def fetchall(self) -> list[tuple[Any, ...]]: ...  # noqa: D102
    def arrow(self) -> pa.Table: ...  # noqa: D102
    def append(self, table: str, rows: pa.Table) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class LocalSession:
    """A cursor of an owner in this process; with ``write=False`` it takes only what reads."""

    def __init__(self, owner: Owner, *, write: bool, release: Callable[[], None] | None = None) -> None:
        self.write = write
        self.is_borrowed = release is not None
        self._owner = owner
        self._release = release
        self._cursor = owner.cursor()

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """Columns of the last result."""
        return self._cursor.description

    def run(self, sql: str, params: Params = None) -> None:
        """Run a statement; raises `ReadOnly` for one that changes something where it may not."""
        try:
            if not self.write and not only_reads(self._cursor, sql):
                raise ReadOnly(READ_ONLY)
            self._cursor.execute(sql, bindable(params))
        except duckdb.ConnectionException as exc:  # the owner opened its file anew
            raise NotRun(f"the owner of {self._owner.db} closed this connection") from exc

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        return self._cursor.fetchone()

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return up to ``size`` rows."""
        return self._cursor.fetchmany(size)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return self._cursor.fetchall()

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        return self._cursor.to_arrow_table()

    def append(self, table: str, rows: pa.Table) -> None:
        """Insert an Arrow table by name of column."""
        if not self.write:
            raise ReadOnly(READ_ONLY)
        append_arrow(self._cursor, table, rows)

    def close(self) -> None:
        """Give the cursor back, and the file if this was its last user."""
        with contextlib.suppress(duckdb.Error):
            self._cursor.close()
        release, self._release = self._release, None
        if release is not None:
            release()


class Connection(AbstractContextManager["Connection"]):
    """
    A connection to a store, local or through its owner alike; not for two threads at once.

    Outside a transaction it follows the database to its next owner by itself. Inside one, losing the
    owner raises `StoreLost` and nothing of the transaction is kept.
    """

    def __init__(self, db: Path, *, write: bool, patience_s: float) -> None:
        self._db = db
        self._write = write
        self._patience_s = patience_s
        self._in_transaction = False
        self._session: Session | None = _resolve(db, write=write, patience_s=patience_s)

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def session(self) -> Session:
        """Where statements run now."""
        if self._session is None:
            raise StoreError(f"the connection to {self._db} was closed")
        return self._session

    @property
    def keeps_others_out(self) -> bool:
        """Whether other processes must wait for the file until this connection is closed."""
        return self.session.is_borrowed

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """Columns of the last result, as PEP 249 has it."""
        return self.session.description

    @property
    def rowcount(self) -> int:
        """Minus one, as DuckDB's own; SQLAlchemy reads the count of changed rows from the result."""
        return -1

    def execute(self, sql: str, params: Params = None) -> Self:
        """Run one statement; parameters as ``?``, ``$1`` or ``$name``."""
        word = sql.strip().rstrip(";").upper()
        if word in {"COMMIT", "ROLLBACK"} and not self._in_transaction:
            return self
        self._attempt(lambda session: session.run(sql, params))
        if word in {"BEGIN", "BEGIN TRANSACTION"}:
            self._in_transaction = True
        elif word in {"COMMIT", "ROLLBACK"}:
            self._in_transaction = False
        return self

    def executemany(self, sql: str, rows: Sequence[Params]) -> Self:
        """Run one statement for each set of parameters, all or none."""
        own = not self._in_transaction
        if own:
            self.begin()
        try:
            for row in rows:
                self.execute(sql, row)
        except BaseException:
            if own:
                self.rollback()
            raise
        if own:
            self.commit()
        return self

    def append(self, table: str, rows: pa.Table) -> None:
        """Insert an Arrow table by name of column; much faster than rows of parameters."""
        self._attempt(lambda session: session.append(table, rows))

    def begin(self) -> Self:
        """Begin a transaction."""
        return self.execute("BEGIN")

    def commit(self) -> Self:
        """Commit what was begun; nothing without."""
        return self.execute("COMMIT")

    def rollback(self) -> Self:
        """Undo what was begun; nothing without."""
        try:
            return self.execute("ROLLBACK")
        except NotRun:
            return self  # the owner that held it is gone, and the transaction with it
        finally:
            self._in_transaction = False

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row of the last result, None after the last."""
        return self.session.fetchone()

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """Return up to ``size`` rows of the last result."""
        return self.session.fetchmany(size)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return what is left of the last result."""
        return self.session.fetchall()

    def arrow(self) -> pa.Table:
        """Return the last result as an Arrow table."""
        return self.session.arrow()

    def close(self) -> None:
        """End the connection; what was begun and not committed is undone."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _attempt(self, action: Callable[[Session], None]) -> None:
        try:
            action(self.session)
        except NotRun:
            if self._in_transaction:
                raise
            self.session.close()
            self._session = _resolve(self._db, write=self._write, patience_s=self._patience_s)
            action(self._session)


def connect(db: Path | str, *, write: bool = False, patience_s: float = 10.0) -> Connection:
    """
    Reach a database; see the head of this module for who answers.

    Without ``write`` the connection only reads, and a missing database is `NoStore`. Raises `StoreOwned`
    when another process keeps it unserved past ``patience_s`` seconds, and what opening raises.
    """
    return Connection(Path(db).resolve(), write=write, patience_s=patience_s)


def engine(db: Path | str, *, write: bool = False, patience_s: float = 10.0) -> sa.Engine:
    """
    Make a SQLAlchemy engine on the same connections.

    Nothing is pooled: a session costs 10 ms, and a connection kept in a pool could keep a file from its
    next owner.
    """
    import sqlalchemy as sa  # noqa: PLC0415  0.3 s that most callers never need
    from duckdb_sqlalchemy import ConnectionWrapper  # noqa: PLC0415

    made = sa.create_engine(
        "duckdb://",
        creator=lambda: ConnectionWrapper(connect(db, write=write, patience_s=patience_s)),  # type: ignore[arg-type]
        poolclass=sa.pool.NullPool,
    )
    # Its bulk path registers rows with the connection it believes to be in process.
    made.dialect.duckdb_copy_threshold = 10**9  # type: ignore[attr-defined]
    return made


def append_arrow(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert an Arrow table into ``table`` by name of column, in the cursor's transaction."""
    cursor.register("rows_in", rows)
    try:
        cursor.execute(f"INSERT INTO {identifier(table)} BY NAME SELECT * FROM rows_in")  # noqa: S608
    finally:
        cursor.unregister("rows_in")


def _resolve(db: Path, *, write: bool, patience_s: float) -> Session:
    """Find who answers for a database, waiting out changes of owner."""
    deadline = time.monotonic() + patience_s
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return _reach(db, write=write)
        except (StoreOwned, NotRun) as exc:
            if time.monotonic() + wait_s > deadline:
                if isinstance(exc, NotRun):
                    raise StoreOwned(db, None, None) from exc
                raise
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _reach(db: Path, *, write: bool) -> Session:
    with _sharing:
        if db in _shared:
            return _share(db, write=write)
        owner = owner_in_process(db)
        if owner is not None:
            return LocalSession(owner, write=write)
    if not write and not db.exists():
        raise NoStore(f"there is no database at {db}; start a stream or a replay with --db {db}")
    address = read_address(db)
    if address is not None and address.is_alive():
        if address.duckdb != duckdb.__version__:
            raise StoreError(
                f"{db} is served by process {address.pid} with DuckDB {address.duckdb}, this program has "
                f"{duckdb.__version__}: run both from one environment"
            )
        with contextlib.suppress(NotRun):  # its owner is on its way up or down, or its pid is another's
            return QuackSession(address, write=write)
    with _sharing:
        if db not in _shared:
            _shared[db] = (Owner(db), 0)
        return _share(db, write=write)


def _share(db: Path, *, write: bool) -> LocalSession:
    """Use the short-lived owner of this process; the last user closes it. Call with ``_sharing`` held."""
    owner, users = _shared[db]
    session = LocalSession(owner, write=write, release=lambda: _unshare(db))
    _shared[db] = (owner, users + 1)
    return session


def _unshare(db: Path) -> None:
    with _sharing:
        owner, users = _shared[db]
        if users > 1:
            _shared[db] = (owner, users - 1)
            return
        del _shared[db]
        owner.close()
