"""
Hundreds of symbols at the venue's own pace: from the loopback venue's process to durable rows.

Every symbol sends ten diffs a second, book tickers and trades, busy ones more of them (Zipf). The venue
keeps account of what it sent on each stream; afterwards the store must have all of it: every diff from
the seed on in one unbroken chain, every trade, every ticker. ``python -m bench.many --help``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen

import duckdb
import numpy as np

from bench.measure import BenchFailed, Child, Ints, Row, cpu_s, percentiles, rss_mb, show, until
from leadline.book.engine.factory import warm_up
from leadline.book.venues.binance.specs import SPOT
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.commit import Commit
from leadline.storage.ingest.writer import Writer
from leadline.tasks.feed.thread import Feed, FeedConfig, FeedStatus
from leadline.tasks.venues.registry import loopback

LIVE_WITHIN_S = 180.0
HOME_WITHIN_S = 30.0
# Memory is called flat when its highs, one for each time the store is checkpointed, rise by less than this
# once caches, pools and the books' deeper levels have filled.
FLAT_MB_PER_MIN = 1.0
WARM_UP_S = 120
LEAST_HIGHS = 4

_CHAINS = """
    WITH linked AS (
        SELECT symbol, epoch, first_id, last_id,
            lag(last_id) OVER (PARTITION BY symbol ORDER BY last_id) AS before
        FROM depth_diffs
    )
    SELECT symbol, count(*), count(DISTINCT last_id), count(DISTINCT epoch), max(last_id),
        count(*) FILTER (before IS NOT NULL AND first_id <> before + 1)
    FROM linked GROUP BY symbol
"""
_BRIDGES = """
    SELECT count(*) FROM (
        SELECT seeds.symbol, seeds.last_id AS seed_id, min(diffs.first_id) AS first_id
        FROM seeds JOIN depth_diffs AS diffs USING (venue, symbol, epoch)
        GROUP BY ALL HAVING min(diffs.first_id) > seeds.last_id + 1
    )
"""
_TRADES = "SELECT symbol, list(trade_id ORDER BY trade_id) FROM trades GROUP BY symbol"
_TICKERS = "SELECT symbol, list(update_id ORDER BY update_id) FROM book_tickers GROUP BY symbol"
_LATENCIES = """
    SELECT recv_ns, coalesce(to_book_ns, 0) AS to_book_ns FROM depth_diffs ORDER BY recv_ns
"""


@dataclass(slots=True)
class Watch:
    """Memory of this process and the store's log by the second, and CPU seconds of both ends."""

    wal_bytes: Callable[[], int]

    began_ns: int = 0
    ended_ns: int = 0
    rss: list[float] = field(default_factory=list)
    wal: list[int] = field(default_factory=list)
    own_cpu_s: float = 0.0
    venue_cpu_s: float = 0.0

    def over(self, seconds: float, venue_pid: int) -> None:
        """Watch for so long."""
        self.began_ns, own, venue = time.time_ns(), cpu_s(os.getpid()), cpu_s(venue_pid)
        for second in range(int(seconds)):
            time.sleep(max(0.0, self.began_ns / 1e9 + second + 1 - time.time()))
            self.rss.append(rss_mb(os.getpid()))
            self.wal.append(self.wal_bytes())
        self.ended_ns = time.time_ns()
        self.own_cpu_s = cpu_s(os.getpid()) - own
        self.venue_cpu_s = cpu_s(venue_pid) - venue

    def highs(self) -> list[tuple[int, float]]:
        """
        Second and MB of the most memory between two checkpoints, after the warm-up.

        Rows wait in memory for the checkpoint, so memory is a saw; its highs say whether it grows.
        """
        ends = [at for at in range(max(1, WARM_UP_S), len(self.wal)) if self.wal[at] < self.wal[at - 1]]
        spans = [range(start, end) for start, end in pairwise(ends)]
        return [(at := max(span, key=self.rss.__getitem__), self.rss[at]) for span in spans]

    def verdict(self) -> list[Row]:
        """Say whether memory is flat, and on what ground."""
        by_minute = " / ".join(f"{max(self.rss[at : at + 60]):,.0f}" for at in range(0, len(self.rss), 60))
        rows = [Row("  memory, most in each minute", by_minute, "MB")]
        highs = self.highs()
        if len(highs) < LEAST_HIGHS:
            return [*rows, Row("  memory flat", f"too short to say: {len(highs)} checkpoints", "")]
        seconds, most = zip(*highs, strict=True)
        slope = float(np.polyfit(seconds, most, 1)[0] * 60)
        said = "yes" if slope < FLAT_MB_PER_MIN else "NO"
        title = f"  memory flat (highs after {WARM_UP_S} s rise < {FLAT_MB_PER_MIN:g} MB/min)"
        return [*rows, Row(title, f"{said}: {slope:+.2f}", f"MB/min, {len(highs)} highs")]


def run(seconds: float = 20.0, symbols: int = 300) -> list[Row]:
    """Measure; raises `BenchFailed` when anything the venue sent is not in the store."""
    warm_up(SPOT)
    with (
        Child("leadline.tasks.loopback", "--count", str(symbols)) as venue,
        tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder,
        Owner(Path(folder) / "many.duckdb") as owner,
    ):
        commits: list[Commit] = []
        writer = Writer(owner, [], on_commit=commits.append)
        writer.start()
        watch = Watch(owner.wal_bytes)
        before_mb = rss_mb(os.getpid())
        try:
            live_s, live_mb, ledger, status = _stream(venue, writer, watch, seconds)
            queue = writer.status()
        finally:
            writer.close()
        con = owner.cursor()
        counts = _prove(con, ledger, status)
        recv, to_book = con.execute(_LATENCIES).fetchnumpy().values()
        committed = np.repeat([one.committed_ns for one in commits], [one.rows.diffs for one in commits])
        levels = sum(one.rows.levels for one in commits)
    ours = (recv >= watch.began_ns) & (recv < watch.ended_ns)
    return [
        Row(f"{symbols} symbols, {seconds:,.0f} s: all live after", live_s, "s"),
        *counts,
        Row("  diffs", ours.sum() / seconds, "diffs/s"),
        Row("  levels a diff", levels / len(recv)),
        *_latencies(to_book[ours], committed[ours] - recv[ours]),
        Row("  longest transaction", queue.worst_transaction_s * 1e3, "ms"),
        Row("  CPU of the receiver", watch.own_cpu_s / seconds * 100, "% of a core"),
        Row("  CPU of the venue", watch.venue_cpu_s / seconds * 100, "% of a core"),
        Row("  memory a symbol, all live, over none", (live_mb - before_mb) / symbols, "MB"),
        Row("  memory, start / end", f"{watch.rss[0]:,.0f} / {watch.rss[-1]:,.0f}", "MB"),
        *watch.verdict(),
    ]


def _stream(
    venue: Child, writer: Writer, watch: Watch, seconds: float
) -> tuple[float, float, dict[str, Any], FeedStatus]:
    """Follow the venue; return seconds until live, memory then, the venue's account, the feed's."""
    rest = venue.ready["rest"]
    names = tuple(venue.ready["symbols"])
    config = FeedConfig(profile=loopback("spot", ws_url=venue.ready["ws"], rest_url=rest), symbols=names)
    feed = Feed(config, writer, rng=Random(1))
    began = time.monotonic()
    feed.start()
    try:
        until(lambda: feed.status().live == len(names) or None, "all books LIVE", LIVE_WITHIN_S)
        live_s, live_mb = time.monotonic() - began, rss_mb(os.getpid())
        watch.over(seconds, venue.pid)
        with urlopen(f"{rest}/loopback/ledger") as answer:
            ledger: dict[str, Any] = json.load(answer)
        last = {one["symbol"]: one["last"][1] for one in ledger["sent"].values() if one["kind"] == "depth"}
        until(lambda: _is_home(feed.status(), last) or None, "all sent is in the books", HOME_WITHIN_S)
        status = feed.status()
    finally:
        feed.stop()
    writer.drain(HOME_WITHIN_S)
    return live_s, live_mb, ledger, status


def _is_home(status: FeedStatus, last: dict[str, int]) -> bool:
    return all(symbol.last_id >= last[symbol.symbol] for symbol in status.symbols)


def _prove(con: duckdb.DuckDBPyConnection, ledger: dict[str, Any], status: FeedStatus) -> list[Row]:
    """Hold the store against the venue's account; raises `BenchFailed` on the first difference."""
    gaps = sum(symbol.gaps for symbol in status.symbols)
    resyncs = sum(symbol.resyncs for symbol in status.symbols)
    # "slipped": this machine was too busy for the venue to send all it should; nothing sent was lost.
    slipped_s = sum(note["seconds"] for note in ledger["notes"] if note["what"] == "slipped")
    notes = [note for note in ledger["notes"] if note["what"] != "slipped"]
    if gaps or resyncs or status.bad_frames or status.sessions != 1 or notes:
        raise BenchFailed(
            f"{gaps} gaps, {resyncs} resyncs, {status.bad_frames} bad frames, {status.sessions} sessions, "
            f"the venue notes {notes[:3]}"
        )
    chains = {row[0]: row[1:] for row in con.execute(_CHAINS).fetchall()}
    if (late := con.execute(_BRIDGES).fetchone()) != (0,):
        raise BenchFailed(f"{late} symbols have no diff that joins their seed")
    ids = {
        "trade": dict(con.execute(_TRADES).fetchall()),
        "bookTicker": dict(con.execute(_TICKERS).fetchall()),
    }
    kept = {"depth": 0, "trade": 0, "bookTicker": 0}
    for stream, one in ledger["sent"].items():
        kind, symbol = one["kind"], one["symbol"]
        if kind == "depth":
            rows, distinct, epochs, last_id, breaks = chains[symbol]
            if rows != distinct or epochs != 1 or breaks or last_id < one["last"][1]:
                raise BenchFailed(f"{stream}: sent {one}, stored {chains[symbol]}")
            kept[kind] += rows
            continue
        stored = np.array(ids[kind].get(symbol, []), np.int64)
        until_then = stored[stored <= one["last"][1]]
        if len(until_then) != one["sent"] or len(np.unique(stored)) != len(stored):
            raise BenchFailed(f"{stream}: sent {one}, stored {len(until_then)} up to then")
        kept[kind] += one["sent"]
    words = f"{kept['depth']:,} / {kept['trade']:,} / {kept['bookTicker']:,}"
    return [
        Row("  stored, nothing missing: diffs / trades / tickers", words),
        Row("  the venue fell behind its own clock by", slipped_s, "s, start included"),
    ]


def _latencies(to_book_ns: Ints, to_row_ns: Ints) -> list[Row]:
    book, row = percentiles(to_book_ns, per=1e6), percentiles(to_row_ns, per=1e6)
    return [
        Row("  receive -> book p50 / p99 / max", " / ".join(f"{ms:.2f}" for ms in book), "ms"),
        Row("  receive -> queryable p50 / p99 / max", " / ".join(f"{ms:,.0f}" for ms in row), "ms"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.many", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time (default 20)")
    parser.add_argument("--symbols", type=int, default=300, help="how many (default 300)")
    args = parser.parse_args()
    try:
        show("many symbols at the venue's own pace", run(args.seconds, args.symbols))
    except BenchFailed as exc:
        print(f"FAILED: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
