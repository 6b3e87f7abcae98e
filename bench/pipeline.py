"""
Socket to book and socket to durable row, measured against a sender in a process of its own.

    bench.sender ──loopback WebSocket──> tasks.feed.Feed ──> book                (batches thrown away)
                                                        └──> book ──> storage.writer.Writer ──> DuckDB

Flat out and at a steady rate. The sender says which ids it sent; afterwards SQL counts that every one
of them is stored exactly once and in one unbroken chain. ``python -m bench.pipeline --help`` runs it
alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np

from bench.frames import SYMBOL
from bench.measure import BenchFailed, Child, Ints, Row, percentiles, show, until
from bench.socket_naive import to_book, to_rows
from leadline.book.rows.batch import Batch, Count, DiffCol
from leadline.book.sync.events import State
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.commit import Commit, WriterStatus
from leadline.storage.ingest.writer import Writer
from leadline.tasks.feed.routing.config import FeedSink
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.registry import loopback

LIVE_WITHIN_S = 60.0
HOME_WITHIN_S = 120.0  # for what is still under way when the sender has ended
NAIVE_S = 3.0

_CHAIN = """
    WITH sent AS (
        SELECT first_id, last_id, lag(last_id) OVER (ORDER BY last_id) AS before
        FROM depth_diffs WHERE last_id > $before_id
    )
    SELECT count(*), count(DISTINCT last_id), min(first_id), max(last_id),
        count(*) FILTER (before IS NOT NULL AND first_id <> before + 1)
    FROM sent
"""
_STORED = "SELECT recv_ns, last_id, to_book_ns, len(bid_px) + len(ask_px) FROM depth_diffs ORDER BY last_id"
_UNSOUND = (
    "SELECT count(*) FROM book_events WHERE reason NOT IN ('start', 'ready', 'stopped', 'seed_too_old')"
)


class Discard:
    """A sink that keeps of each diff its id, times and number of levels, and throws the rest away."""

    limit, queued = 1, 0

    def __init__(self) -> None:
        self._batch = Batch([])
        self._spare = Batch(self._batch.markets)
        self._kept: list[Ints] = []

    def take(self) -> Batch:
        """Give the batch that is not in use."""
        self._batch, self._spare = self._spare, self._batch
        self._batch.clear()
        return self._batch

    def submit(self, batch: Batch) -> None:
        """Keep the figures of a batch."""
        rows = batch.diffs[: int(batch.counts[Count.DIFFS])]
        columns = rows[:, [DiffCol.TS_RECV_NS, DiffCol.LAST_ID, DiffCol.TO_BOOK_NS]]
        levels = rows[:, DiffCol.N_BIDS] + rows[:, DiffCol.N_ASKS]
        self._kept.append(np.column_stack((columns, levels)))

    def status(self) -> Discard:
        """Never full."""
        return self

    def stored(self) -> Ints:
        """Return recv_ns, last_id, to_book_ns and levels of every diff."""
        return np.concatenate(self._kept)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the sender came to."""

    sent: dict[str, Any]  # the sender's own words
    recv_ns: Ints
    to_book_ns: Ints
    levels: int
    end_ns: int  # when the last diff was home: in its book, or durable
    cpu_s: float  # of the receiver

    @property
    def seconds(self) -> float:
        """From the first frame received to the last one home."""
        return (self.end_ns - int(self.recv_ns[0])) / 1e9

    @property
    def rate(self) -> float:
        """Diffs a second."""
        return len(self.recv_ns) / self.seconds


def run(seconds: float = 10.0, rate: float = 25_000.0, *, synthetic: bool = False) -> list[Row]:
    """Measure everything; raises `BenchFailed` when a single diff is lost, doubled or out of order."""
    with Child("bench.sender", *(["--synthetic"] if synthetic else [])) as sender:
        naive_book = to_book(sender, NAIVE_S)
        naive_rows = to_rows(sender, NAIVE_S)
        rows = [
            Row("naive: socket -> json, float dicts -> best", naive_book, "diffs/s", 1.0),
            Row("naive: … -> a row per level, a transaction per diff", naive_rows, "diffs/s", 1.0),
        ]
        rows += _rows("socket -> book, flat out", book_run(sender, None, seconds), naive_book)
        rows += _rows(f"socket -> book, {rate:,.0f}/s", book_run(sender, rate, seconds), naive_book)
        for pace, name in ((None, "flat out"), (rate, f"{rate:,.0f}/s")):
            title = f"socket -> book -> durable row, {name}"
            done, to_rows_ns, writer = durable_run(sender, pace, seconds)
            rows += _rows(title, done, naive_rows)
            p50, p99, most = percentiles(to_rows_ns, per=1e6)
            rows += [
                Row(
                    "  receive -> queryable p50 / p99 / max", f"{p50:,.0f} / {p99:,.0f} / {most:,.0f}", "ms"
                ),
                Row(
                    "  transactions, longest", f"{writer.transactions} / {writer.worst_transaction_s:.2f} s"
                ),
            ]
            if pace is not None:
                rows.append(_verdict(done, pace, seconds))
        return rows


def book_run(sender: Child, rate: float | None, seconds: float) -> Run:
    """Socket to book; the rows are thrown away."""
    sink = Discard()
    sent, cpu_s = _stream(sender, sink, rate, seconds, lambda: None)
    kept = sink.stored()
    kept = kept[kept[:, 1] > sent["before_id"]]
    ids: Ints = kept[:, 1]
    if len(ids) != sent["sent"] or ids[-1] != sent["last_id"] or (np.diff(ids) <= 0).any():
        raise BenchFailed(f"{sent['sent']} diffs sent up to id {sent['last_id']}, {len(ids)} in the book")
    end_ns = int((kept[:, 0] + kept[:, 2]).max())
    return Run(sent, kept[:, 0], kept[:, 2], int(kept[:, 3].sum()), end_ns, cpu_s)


def durable_run(sender: Child, rate: float | None, seconds: float) -> tuple[Run, Ints, WriterStatus]:
    """Socket to durable row; also the time from receive to queryable of every diff, in ns."""
    commits: list[Commit] = []
    with (
        tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder,
        Owner(Path(folder) / "bench.duckdb") as owner,
    ):
        writer = Writer(owner, [], on_commit=commits.append)
        writer.start()
        try:
            sent, cpu_s = _stream(sender, writer, rate, seconds, lambda: writer.drain(HOME_WITHIN_S))
            status = writer.status()
        finally:
            writer.close()
        con = owner.cursor()
        _prove(con, sent)
        recv, ids, to_book_ns, levels = con.execute(_STORED).fetchnumpy().values()
    # Batches are committed in the order of their diffs.
    committed = np.repeat([one.committed_ns for one in commits], [one.rows.diffs for one in commits])
    ours = ids > sent["before_id"]
    done = Run(
        sent,
        recv[ours],
        np.ma.filled(to_book_ns[ours], 0),
        int(levels[ours].sum()),
        int(committed.max()),
        cpu_s,
    )
    return done, committed[ours] - recv[ours], status


def _stream(
    sender: Child, sink: FeedSink, rate: float | None, seconds: float, finish: Callable[[], object]
) -> tuple[dict[str, Any], float]:
    """Follow the sender once; return what it says it sent, and the CPU seconds spent here."""
    venue = loopback("spot", ws_url=sender.ready["ws"], rest_url=sender.ready["rest"])
    config = FeedConfig(profile=venue, symbols=(SYMBOL,), kinds=frozenset({StreamKind.DEPTH}))
    feed = Feed(config, sink, rng=Random(1))
    feed.start()
    try:
        # The warm-up ends at the id before the first of the run.
        until(lambda: feed.status().symbol(SYMBOL).state is State.LIVE or None, "book LIVE", LIVE_WITHIN_S)
        began = time.process_time()
        sender.tell(rate=rate, seconds=seconds)
        sent = sender.answer()
        last_id = sent["last_id"]
        until(
            lambda: feed.status().symbol(SYMBOL).last_id >= last_id or None,
            f"id {last_id} in the book",
            HOME_WITHIN_S,
        )
        status = feed.status()
    finally:
        feed.stop()
    finish()
    cpu_s = time.process_time() - began
    symbol = status.symbol(SYMBOL)
    if symbol.gaps or symbol.resyncs or status.bad_frames or status.sessions != 1:
        raise BenchFailed(f"the stream did not run through: {status}")
    return sent, cpu_s


def _prove(con: duckdb.DuckDBPyConnection, sent: dict[str, Any]) -> None:
    """Ask the store whether it has every id that was sent, once, in one chain."""
    found = con.execute(_CHAIN, {"before_id": sent["before_id"]}).fetchone()
    expected = (sent["sent"], sent["sent"], sent["before_id"] + 1, sent["last_id"], 0)
    if found != expected:
        raise BenchFailed(f"stored (rows, ids, first, last, breaks): expected {expected}, got {found}")
    unsound = con.execute(_UNSOUND).fetchone()
    if unsound != (0,):
        raise BenchFailed(f"book_events tell of {unsound} faults")


def _rows(title: str, done: Run, naive: float) -> list[Row]:
    p50, p99, most = percentiles(done.to_book_ns, per=1e6)
    n = len(done.recv_ns)
    return [
        Row(title, done.rate, "diffs/s", done.rate / naive),
        Row("  levels", done.levels / done.seconds, "levels/s"),
        Row("  receive -> book p50 / p99 / max", f"{p50:.2f} / {p99:.2f} / {most:.1f}", "ms"),
        Row("  CPU a diff, receiver / sender", _cpu(done.cpu_s, done.sent["cpu_s"], n), "µs"),
    ]


def _cpu(receiver_s: float, sender_s: float, n: int) -> str:
    return f"{receiver_s / n * 1e6:.1f} / {sender_s / n * 1e6:.1f}"


def _verdict(done: Run, rate: float, seconds: float) -> Row:
    lag_s = (done.end_ns - int(done.recv_ns[0])) / 1e9 - seconds
    kept_up = done.sent["sent"] >= int(rate * seconds) and done.sent["seconds"] < seconds * 1.02
    words = "kept up" if kept_up and lag_s < 2 else "FELL BEHIND"
    return Row(
        "  all stored once, in one chain, by SQL",
        f"{done.sent['sent']:,}",
        f"diffs; {words}, {lag_s:.1f} s",
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each run (default 10)")
    parser.add_argument("--rate", type=float, default=25_000.0, help="diffs a second (default 25000)")
    parser.add_argument("--synthetic", action="store_true", help="no recording, even if there is one")
    args = parser.parse_args()
    try:
        show("socket -> book -> durable row", run(args.seconds, args.rate, synthetic=args.synthetic))
    except BenchFailed as exc:
        print(f"FAILED: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
