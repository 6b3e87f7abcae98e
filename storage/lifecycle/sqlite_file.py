"""
The SQLite file of a private Prefect server: made so that freed pages can be given back while it is used.

SQLite keeps the pages of deleted rows for later rows, so a file never shrinks by itself. In the mode
"incremental" it can give free pages back a few at a time, each step a short write like any other; the
mode is a property of the file, set when it is empty or by writing it anew while nobody else has it open.
Source: sqlite.org, pragma.html, "auto_vacuum" and "incremental_vacuum".
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from leadline.storage.errors import StoreError

INCREMENTAL = 2
STEP_PAGES = 500  # 2 MB, some 10 ms in which others wait
PAUSE_S = 0.05
KEPT_PAGES = 2_000  # stay free for the rows of the next hours
REWRITE_LIMIT_BYTES = 2_000_000_000  # a larger file is not written anew at a start: it would take minutes
WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a file, in bytes; ``why_not`` when nothing was tried."""

    before: int
    after: int
    free: int  # bytes in it that new rows will use
    why_not: str = ""

    def said(self) -> str:
        """Say it in a few words."""
        size = f"Prefect's file {_mb(self.after)}, {_mb(self.free)} of it free"
        if self.why_not:
            return f"{size}, not compacted: {self.why_not}"
        return f"{size}, {_mb(max(self.before - self.after, 0))} given back"


def prepare(path: Path) -> None:
    """
    Put the file into incremental mode before a server opens it; makes it if it is not there.

    A file in use, or larger than 2 GB, is left as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > REWRITE_LIMIT_BYTES:
        return
    with (
        contextlib.suppress(sqlite3.OperationalError),  # somebody has it open
        contextlib.closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as con,
    ):
        if _number(con, "PRAGMA auto_vacuum") != INCREMENTAL:
            con.execute("PRAGMA auto_vacuum = INCREMENTAL")
            con.execute("VACUUM")


def compact(path: Path, *, most_s: float) -> Compacted:
    """
    Give free pages back, a few at a time, while others use the file; stop after ``most_s``.

    Raises `StoreError` for a file that SQLite cannot read.
    """
    before = _size(path)
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)) as con:
            page = _number(con, "PRAGMA page_size")
            if _number(con, "PRAGMA auto_vacuum") != INCREMENTAL:
                free = _number(con, "PRAGMA freelist_count") * page
                return Compacted(before, before, free, "its next start puts it into incremental mode")
            until = time.monotonic() + most_s
            while _number(con, "PRAGMA freelist_count") > KEPT_PAGES and time.monotonic() < until:
                # A step frees one page and gives a row without columns, at which `execute` would stop.
                con.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
                time.sleep(PAUSE_S)
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return Compacted(before, _size(path), _number(con, "PRAGMA freelist_count") * page)
    except sqlite3.Error as exc:
        raise StoreError(f"{path}: {exc}") from exc


def _number(con: sqlite3.Connection, pragma: str) -> int:
    return int(con.execute(pragma).fetchone()[0])


def _size(path: Path) -> int:
    return sum(each.stat().st_size for each in (path, path.with_name(path.name + "-wal")) if each.exists())


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
