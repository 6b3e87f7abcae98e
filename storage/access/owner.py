"""
The one process that holds a database file open, and the door it keeps for all others.

    flock <db>.lock ── open ── migrate ── close intervals a dead writer left ── serve on 127.0.0.1
                         └──── reopen: the same again, after DuckDB declared its instance invalid

The lock file says who owns; DuckDB's own lock on the file is the second wall. Both go with the process,
however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from leadline.storage.access.address import Address, beside, read_address, remove_address, write_address
from leadline.storage.access.extensions import load_quack, open_duckdb
from leadline.storage.access.guard import install_guard, name_writers_port
from leadline.storage.access.upkeep import unlock
from leadline.storage.errors import NoStore, NotAStore, SchemaTooNew, StoreError, StoreFull, StoreOwned
from leadline.storage.files.lockfile import LockFile, lock_holder
from leadline.storage.schema.migrate import migrate

# Measured without vacuum tasks: 0.15 s of pause at 16 MB, DuckDB's default, 0.4 s at 64 MB; the rows not
# yet checkpointed lie in memory, some 1.5 bytes for a byte of log.
CHECKPOINT_AT = "32MB"
# Measured: with two, an insert costs twice the CPU of one; a second thread would also be the feed's core.
THREADS = 1
PORT_TRIES = 20

_CLOSE_DANGLING = "UPDATE coverage SET ended_by = 'crash' WHERE ended_by IS NULL"
_PID_IN_ERROR = re.compile(r"\(PID (\d+)\)")
_NO_SPACE = ("no space left", "disk quota exceeded", "file too large")

_open_owners: dict[Path, weakref.ref[Owner]] = {}
_registry = threading.Lock()


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error of DuckDB or the system means that the disk takes no more."""
    text = str(error).lower()
    return any(words in text for words in _NO_SPACE)


def owner_in_process(db: Path) -> Owner | None:
    """Return the owner this very process has of a database, if any."""
    with _registry:
        known = _open_owners.get(db.resolve())
        return known() if known else None


class Owner(AbstractContextManager["Owner"]):
    """
    Holds a database open for this process; with ``serve`` also for others, over Quack on 127.0.0.1.

    Opening makes or migrates the file. Raises `StoreOwned` when another process has it, `SchemaTooNew`,
    `NotAStore`, `NoStore` when its directory is missing, `StoreError` when it cannot be written.
    """

    def __init__(
        self, db: Path | str, *, serve: bool = False, memory_limit: str = "1GB", threads: int = THREADS
    ) -> None:
        self.db = Path(db).resolve()
        self.address: Address | None = None
        self.memory_limit = memory_limit
        self._serve = serve
        self._config: dict[str, str | int] = {
            "memory_limit": memory_limit,
            "threads": threads,
            "checkpoint_threshold": CHECKPOINT_AT,
            "max_vacuum_tasks": 0,  # see `storage.access.upkeep`
        }
        self._guard = threading.RLock()
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._lock = _take_lock(self.db)
        try:
            self._open(recover=True)
        except BaseException:
            self._shut()
            self._lock.release()
            raise
        with _registry:
            _open_owners[self.db] = weakref.ref(self)
        # A served instance must stop its port before the interpreter takes the libraries down.
        atexit.register(self.close)

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether the file is held."""
        return self._con is not None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own for one thread; it ends at `reopen` and `close`."""
        with self._guard:
            if self._con is None:
                raise StoreError(f"{self.db} was closed by its owner")
            cursor = self._con.cursor()
            self._cursors.add(cursor)
            return cursor

    def reopen(self) -> None:
        """
        Close and open again, serving at the same address; for an instance DuckDB declared invalid.

        Every cursor and client session ends, transactions that had not committed are gone.
        Raises what opening raises; the file stays locked for this process, so call again.
        """
        with self._guard:
            self._shut()
            self._open(recover=False)

    def recycle(self) -> None:
        """
        End every client session and roll back what they left open; live clients attach again.

        A client that was killed leaves its session for ever, and a transaction in it can block
        checkpoints and other writers.
        """
        with self._guard:
            if self._con is not None and self.address is not None:
                _stop(self._con, self.address)
                self._serve_ports(self._con)
                write_address(self.db, self.address)

    def wal_bytes(self) -> int:
        """Return the size of the write-ahead log; it should stay near the checkpoint threshold."""
        try:
            return beside(self.db, ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Stop serving, close the file, let the next owner in; twice is once."""
        atexit.unregister(self.close)
        with self._guard:
            if self.address is not None:
                remove_address(self.db, self.address)
            self._shut()
            self.address = None
            with _registry:
                known = _open_owners.get(self.db)
                if known is not None and known() is self:
                    del _open_owners[self.db]
            self._lock.release()

    def _open(self, *, recover: bool) -> None:
        con = self._con = _connect(self.db, self._config)
        try:
            migrate(con, self.db)
            if recover:
                con.execute(_CLOSE_DANGLING)
            if self._serve:
                load_quack(con)
                install_guard(con)
                self._serve_ports(con)
            # After loading and serving, before anyone is told the address: no files, no settings.
            con.execute("SET GLOBAL enable_external_access = false")
            unlock(con)
            con.execute("SET GLOBAL lock_configuration = true")
            if self.address is not None:
                write_address(self.db, self.address)
        except duckdb.Error as exc:
            raise _translate(self.db, exc) from exc

    def _serve_ports(self, con: duckdb.DuckDBPyConnection) -> None:
        """Serve both ports: after a reopen those of before, so that clients need only attach again."""
        address = self.address or _new_address()
        for _ in range(PORT_TRIES):
            try:
                name_writers_port(con, address.uri)
                con.execute("CALL quack_serve(?, token = ?)", [address.uri, address.token]).fetchall()
                con.execute("CALL quack_serve(?, token = ?)", [address.uri_ro, address.token_ro]).fetchall()
            except duckdb.Error:  # the port was taken meanwhile
                _stop(con, address)
                address = _new_address()
            else:
                self.address = address
                return
        raise StoreError(f"no free port on 127.0.0.1 after {PORT_TRIES} tries")

    def _shut(self) -> None:
        con, self._con = self._con, None
        if con is None:
            return
        if self.address is not None:
            _stop(con, self.address)
        # An instance lives as long as any of its connections: close those lent out as well.
        for cursor in [*self._cursors, con]:
            with contextlib.suppress(duckdb.Error):
                cursor.close()
        self._cursors.clear()


def _take_lock(db: Path) -> LockFile:
    """Lock ``<db>.lock`` for this process; raises `StoreOwned` and others."""
    lock = LockFile(beside(db, ".lock"))
    try:
        is_ours = lock.take()
    except FileNotFoundError as exc:
        raise NoStore(f"the directory of {db} does not exist; make it first") from exc
    except OSError as exc:
        raise _no_write(db, exc) from exc
    if not is_ours:
        pid = lock_holder(lock.path) or None
        address = read_address(db)
        raise StoreOwned(db, pid, address.uri if address and address.pid == pid else None)
    return lock


@contextlib.contextmanager
def locked(db: Path) -> Iterator[None]:
    """Keep every owner away from a file for the block; raises `StoreOwned` while there is one."""
    lock = _take_lock(db)
    try:
        yield
    finally:
        lock.release()


def _no_write(db: Path, exc: OSError) -> StoreError:
    if is_disk_full(exc):
        return StoreFull(f"no space left beside {db}; free some and try again")
    return StoreError(f"cannot write beside {db}: {exc.strerror}")


def _connect(db: Path, config: dict[str, str | int]) -> duckdb.DuckDBPyConnection:
    try:
        return open_duckdb(db, config)
    except duckdb.Error as exc:
        raise _translate(db, exc) from exc


def _translate(db: Path, exc: duckdb.Error) -> StoreError:
    """Say in our words why a file could not be opened."""
    text = str(exc)
    if "Could not set lock" in text:
        found = _PID_IN_ERROR.search(text)
        return StoreOwned(db, int(found[1]) if found else None, None)
    if "not a valid DuckDB database file" in text:
        return NotAStore(f"{db} is not a DuckDB file; give another path or move it away")
    if "newer version" in text or "version number" in text:
        return SchemaTooNew(db, "of a newer DuckDB", f"DuckDB {duckdb.__version__}")
    if is_disk_full(exc):
        return StoreFull(f"no space left where {db} lies; free some and try again")
    return StoreError(f"{db} could not be opened: {text.splitlines()[0] if text else type(exc).__name__}")


def _new_address() -> Address:
    """Pick two ports that are free now, and fresh tokens."""
    with socket.socket() as one, socket.socket() as two:
        ports = []
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    return Address(
        pid=os.getpid(),
        uri=f"quack:127.0.0.1:{ports[0]}",
        token=secrets.token_hex(16),
        uri_ro=f"quack:127.0.0.1:{ports[1]}",
        token_ro=secrets.token_hex(16),
        duckdb=duckdb.__version__,
    )


def _stop(con: duckdb.DuckDBPyConnection, address: Address) -> None:
    for uri in (address.uri, address.uri_ro):
        with contextlib.suppress(duckdb.Error):  # not served, or the instance is already invalid
            con.execute("CALL quack_stop(?)", [uri]).fetchall()
