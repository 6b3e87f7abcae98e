"""
Kill a writing process again and again, and hold what is left against what it had acknowledged.

``python -m tests.storage.ingest.crash DB [--times 20] [--seed 1]`` kills and judges; ``--child`` writes for
ever. After each kill: every acknowledged batch is there, each batch is whole or absent, coverage ends where
the diffs end, and the book rebuilt by SQL is that of a plain ladder.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from leadline.book.messages import DepthDiff, DepthSnapshot
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.commit import Commit
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.rebuild import book_at
from tests.storage.helpers import BTC, MARKETS, Plain, diff, fill, seed

PER_BATCH = 50
CHECKPOINT_EVERY = 7  # so that some kills fall into a checkpoint


def first_seed(life: int) -> DepthSnapshot:
    return seed(life * 1_000_000, [(100, 5)], [(200, 5)])


def endless(life: int) -> Iterator[DepthDiff]:
    """The diffs of one life, the same in the child and in the judge."""
    rng = random.Random(life)
    at = first_seed(life).last_id
    while True:
        bids = [(rng.randrange(1, 150), rng.randrange(0, 9)) for _ in range(rng.randrange(20))]
        asks = [(rng.randrange(151, 300), rng.randrange(0, 9)) for _ in range(rng.randrange(20))]
        yield diff(at + 1, at + 1, bids, asks)
        at += 1


def child(db: Path, life: int) -> None:
    """Write until killed; one line per acknowledged batch: ``writer_id seq``."""
    diffs = endless(life)
    with Owner(db) as owner:

        def acknowledge(commit: Commit) -> None:
            print(writer.writer_id, commit.seq, flush=True)

        writer = Writer(owner, MARKETS, on_commit=acknowledge, min_free_bytes=0)
        writer.start()
        first: DepthSnapshot | None = first_seed(life)
        number = 0
        while True:
            batch = writer.take()
            if batch is None:
                writer.drain(10)
                continue
            writer.submit(fill(batch, 0, [next(diffs) for _ in range(PER_BATCH)], epoch=life, seeded=first))
            first = None
            number += 1
            if number % CHECKPOINT_EVERY == 0:
                writer.run(lambda con: con.execute("CHECKPOINT").fetchall()).result(60)


def kill_once(db: Path, life: int, rng: random.Random) -> dict[str, int]:
    """Let a child write, kill it at some moment, judge what is left; raises AssertionError."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.ingest.crash", str(db), "--child", str(life)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(rng.randrange(1, 25))]
    threading.Event().wait(rng.uniform(0, 0.03))
    process.kill()
    lines += process.stdout.read().splitlines(keepends=True)
    process.wait()
    acknowledged = [line.split() for line in lines if line.endswith("\n")]
    assert acknowledged, "the child died before it wrote"
    return judge(db, life, acknowledged[-1][0], int(acknowledged[-1][1]))


def judge(db: Path, life: int, writer_id: str, last_acknowledged: int) -> dict[str, int]:
    with connect(db) as con:
        seqs = con.execute(
            "SELECT seq, diffs FROM ingest_batches WHERE writer_id = ? ORDER BY seq", [writer_id]
        ).fetchall()
        assert [seq for seq, _ in seqs] == list(range(1, len(seqs) + 1)), (
            "a batch is missing or there twice"
        )
        assert len(seqs) >= last_acknowledged, f"{last_acknowledged} acknowledged, {len(seqs)} there"
        start = first_seed(life).last_id
        wanted = list(range(start + 1, start + 1 + len(seqs) * PER_BATCH))
        ids = con.execute("SELECT last_id FROM depth_diffs WHERE epoch = ? ORDER BY 1", [life]).fetchall()
        assert [last_id for (last_id,) in ids] == wanted, "a batch is half there"
        covered = con.execute(
            "SELECT first_id, last_id, ended_by FROM coverage WHERE epoch = ?", [life]
        ).fetchall()
        assert covered == [(start, wanted[-1], "crash")], f"coverage {covered}, data ends at {wanted[-1]}"
        plain = Plain()
        plain.apply(first_seed(life))
        for _, one in zip(wanted, endless(life), strict=False):
            plain.apply(one)
        book = book_at(con, BTC.symbol)
        assert (book.bids, book.asks) == plain.sides(BTC), "the book is another"
        return {"acknowledged": last_acknowledged, "stored": len(seqs), "diffs": len(wanted)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("db", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=int, metavar="LIFE")
    chosen = parser.parse_args()
    if chosen.child is not None:
        child(chosen.db, chosen.child)
        return
    rng = random.Random(chosen.seed)
    for life in range(1, chosen.times + 1):
        print(life, kill_once(chosen.db, life, rng), flush=True)


if __name__ == "__main__":
    main()
