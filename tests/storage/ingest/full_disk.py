"""
A writer meets a full disk, in the log or in a checkpoint; then space is freed. Prints a JSON account.

``python -m tests.storage.ingest.full_disk DB log|checkpoint``. The disk is "full" through this process's
own limit on the size of a file, which works for root and for anyone else.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import duckdb
import numpy as np

from leadline.book.rows.batch import Batch, DiffCol
from leadline.storage.access.address import beside
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.everyday import ledger
from tests.storage.helpers import MARKETS, START_NS, STEP_NS, wait_until

ROWS, LEVELS = 200, 40
MIB = 2**20


def allow(size: int) -> None:
    """Let no file of this process grow past ``size`` bytes; -1 for no limit."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def random_batch(batch: Batch, number: int) -> Batch:
    """Fill a batch with rows that do not compress."""
    rng = np.random.default_rng(number)
    ids = np.arange(number * ROWS, (number + 1) * ROWS)
    batch.diffs[:ROWS, DiffCol.EPOCH] = 1
    batch.diffs[:ROWS, DiffCol.TS_RECV_NS] = START_NS + ids * STEP_NS
    batch.diffs[:ROWS, DiffCol.FIRST_ID] = batch.diffs[:ROWS, DiffCol.LAST_ID] = ids
    batch.diffs[:ROWS, DiffCol.N_BIDS] = LEVELS
    batch.levels[: ROWS * LEVELS] = rng.integers(1, 2**52, (ROWS * LEVELS, 2))
    batch.counts[:2] = ROWS, ROWS * LEVELS
    return batch


def checkpoint(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CHECKPOINT").fetchall()


def run(db: Path, where: str) -> dict[str, object]:
    acknowledged: list[int] = []
    states: list[str] = []
    with Owner(db, serve=True) as owner:
        before = owner.address
        writer = Writer(
            owner,
            MARKETS,
            limit_batches=4,
            min_free_bytes=0,
            on_commit=lambda commit: acknowledged.append(commit.seq),
        )
        writer.start()
        submitted = 0

        def write(batches: int) -> None:
            nonlocal submitted
            for _ in range(batches):
                batch = writer.take()
                assert batch is not None
                writer.submit(random_batch(batch, submitted))
                submitted += 1
                assert writer.drain(60)

        if where == "log":
            write(10)
            allow(beside(db, ".wal").stat().st_size + 64 * 1024)
        else:
            write(60)
            writer.run(checkpoint).result(60)
            write(10)
            assert db.stat().st_size > beside(db, ".wal").stat().st_size + MIB
            allow(db.stat().st_size)
            try:
                writer.run(checkpoint).result(60)
            except duckdb.Error as exc:
                states.append(type(exc).__name__)
        while (batch := writer.take()) is not None:  # until all wait: backpressure
            writer.submit(random_batch(batch, submitted))
            submitted += 1
            wait_until(lambda: writer.status().state != "running" or not writer.status().queued)
        waiting = writer.status()
        states.append(waiting.state)
        known = list(acknowledged)
        allow(resource.RLIM_INFINITY)
        assert writer.drain(60)
        states.append(writer.status().state)
        con = owner.cursor()
        found = ledger(con, writer.writer_id)
        rows = con.execute(
            "SELECT count(*), count(DISTINCT last_id), max(last_id) + 1 FROM depth_diffs"
        ).fetchone()
        writer.close()
        return {
            "states": states,
            "queued": waiting.queued,
            "error": waiting.last_error,
            "known_when_full": len(known),
            "submitted": submitted,
            "acknowledged": acknowledged,
            "batches": found.batches,
            "rows": rows,
            "same_address": owner.address == before,
        }


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), sys.argv[2])))
