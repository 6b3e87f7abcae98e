"""
What DuckDB needs from a writer that runs for weeks: a small cache, and small tables in few pieces.

**Cache.** Every block a checkpoint writes stays in DuckDB's buffer pool until ``memory_limit`` is full. A
stream's memory so grew with its file, some 20 MB a minute at 300 symbols, although hardly anybody reads
those blocks again and the system's own page cache has them besides. `trim_cache` lets the oldest go. It
lowers the limit for some milliseconds and sets it back, because DuckDB offers no other way; queries have
the whole limit in between.

**Pieces.** A checkpoint ends the row group that each table was writing to. By its own choice DuckDB then
merges small ones at every checkpoint (its "vacuum tasks"), which for the tables of diffs and tickers is
half the time of a checkpoint and more, in which no row becomes queryable. The owner opens the file with
these tasks off (``max_vacuum_tasks = 0``) and every 32nd checkpoint may do one a table: enough to keep a
table of few rows in one piece, and a bounded pause for the large ones, whose pieces are large anyway.
Row groups without any row left go at every checkpoint, whatever the setting.

**Age.** What DuckDB remembers of each vector and row group of an open file stays until the file is closed:
some 3 bytes a row with small transactions, a megabyte or two a minute at 300 symbols. After
`ROWS_A_LIFE` rows the writer therefore opens the file anew, between two transactions, which takes less
than a second; clients attach again by themselves. Larger transactions need about half of it, so while rows
come fast `Pace` makes one of a second's worth.
"""

from __future__ import annotations

import contextlib

import duckdb

MIB = 1024 * 1024
CACHE_BYTES = 64 * MIB  # kept when the cache is trimmed, the blocks used last
CACHE_SLACK_BYTES = 4 * MIB  # and this much more before it is trimmed again
LOOK_EVERY_S = 2.0  # besides after every checkpoint: queries fill the cache as well
# At 32 MB of log each, 300 symbols make one in about half a minute.
CHECKPOINTS_A_MERGE = 32
ROWS_A_LIFE = 64_000_000  # then the file is opened anew: two hours of 300 symbols, some 200 MB

BUSY_ROWS = 1_000  # a transaction of so many rows: rows come fast
PACE_S = 1.0  # then the next one may wait for so long, or until a quarter of the batches are queued

# The owner locks all other settings when the file is open; the guard keeps clients off these.
CHANGEABLE = ("memory_limit", "max_vacuum_tasks")

_MEMORY = "SELECT tag, memory_usage_bytes FROM duckdb_memory()"
_CACHE = "BASE_TABLE"  # DuckDB's tag for blocks that are in the file


def unlock(con: duckdb.DuckDBPyConnection) -> None:
    """Leave the settings used here changeable once the configuration is locked."""
    con.execute(f"SET GLOBAL allowed_configs = {list(CHANGEABLE)}")


def trim_cache(
    con: duckdb.DuckDBPyConnection,
    memory_limit: str,
    *,
    keep: int = CACHE_BYTES,
    slack: int = CACHE_SLACK_BYTES,
) -> int:
    """
    Drop cached blocks down to ``keep`` bytes once there are ``slack`` more; return the bytes dropped.

    ``memory_limit`` is what the limit is set back to. Call it outside a transaction; about 1 ms when there
    is nothing to do, 7 ms when 50 MB go. A query that runs meanwhile may lose cached blocks, no more.
    """
    before = _usage(con)
    cached = before.get(_CACHE, 0)
    if cached <= keep + slack:
        return 0
    # Whatever is not cache is left its room, so that only blocks of the file are let go.
    room = sum(before.values()) - cached + keep
    try:
        con.execute(f"SET GLOBAL memory_limit = '{room // 1024} KiB'")
    finally:
        con.execute(f"SET GLOBAL memory_limit = '{memory_limit}'")
    return cached - _usage(con).get(_CACHE, 0)


class Upkeep:
    """Does what is due; `tend` is called after every transaction of the writer."""

    def __init__(
        self,
        memory_limit: str,
        *,
        checkpoints_a_merge: int = CHECKPOINTS_A_MERGE,
        rows_a_life: int = ROWS_A_LIFE,
    ) -> None:
        self._memory_limit = memory_limit
        self._rows_left = rows_a_life
        self._rows_a_life = rows_a_life
        self._checkpoints_a_merge = checkpoints_a_merge
        self._checkpoints = 0
        self._wal_bytes = 0
        self._looked_s = float("-inf")

    def is_worn(self, rows: int) -> bool:
        """Count ``rows`` stored; true when the file is to be opened anew, and the count starts over."""
        self._rows_left -= rows
        if self._rows_left > 0:
            return False
        self._rows_left = self._rows_a_life
        return True

    def tend(self, con: duckdb.DuckDBPyConnection, wal_bytes: int, now_s: float) -> None:
        """
        Do what is due; ``wal_bytes`` is the size of the log now, ``now_s`` a monotonic clock.

        Trouble is left for the next transaction to meet, which has a plan for it.
        """
        was_checkpoint, self._wal_bytes = wal_bytes < self._wal_bytes, wal_bytes
        with contextlib.suppress(duckdb.Error):
            if was_checkpoint:
                self._checkpoints += 1
                merges = self._checkpoints % self._checkpoints_a_merge == self._checkpoints_a_merge - 1
                con.execute(f"SET GLOBAL max_vacuum_tasks = {int(merges)}")
            if was_checkpoint or now_s - self._looked_s >= LOOK_EVERY_S:
                self._looked_s = now_s
                trim_cache(con, self._memory_limit)


class Pace:
    """When the next transaction may begin, by the size of the last; a slow stream never waits."""

    def __init__(self) -> None:
        self._next_s = float("-inf")

    def note(self, rows: int, now_s: float) -> None:
        """Take note that a transaction of ``rows`` begins at ``now_s`` of a monotonic clock."""
        self._next_s = now_s + PACE_S if rows >= BUSY_ROWS else float("-inf")

    def left_s(self, now_s: float) -> float:
        """Return for how many seconds the next one waits, 0 or more."""
        return max(0.0, self._next_s - now_s)


def _usage(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(con.execute(_MEMORY).fetchall())
