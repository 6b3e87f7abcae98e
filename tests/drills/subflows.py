"""
A stream and many sub-flow runs in one process; prints as JSON what the sub-flows cost the feed.

The sub-flows run as the stream runs its own: on the side loop, under one parent run. Quiet buckets before
and after them are the comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import threading
import time
from typing import Any

from prefect import flow

from leadline.book.rows.feed import FeedStats
from leadline.flows.config.settings import load
from leadline.flows.snapshot_depth import DepthReport, snapshot_depth
from leadline.flows.streaming.host import StreamHost
from leadline.flows.streaming.side_loop import SideLoop

QUIET_S = 20.0
EVERY_S = 0.25  # more often, and SQLite answers 503


class Buckets:
    """The feed's figures, second by second, as a stream's picture gets them."""

    def __init__(self, host: StreamHost) -> None:
        self.seen: list[FeedStats] = []
        self._host = host
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            stats = self._host.status().stats
            if stats is not None and (not self.seen or self.seen[-1].ts_ns != stats.ts_ns):
                self.seen.append(stats)
            time.sleep(0.1)

    def of(self, seconds: float) -> list[FeedStats]:
        """Wait so long; return the whole buckets that closed meanwhile."""
        first = len(self.seen) + 1
        time.sleep(seconds)
        return self.seen[first:]


def p99(buckets: list[FeedStats]) -> float:
    return statistics.median(each.to_book_p99_us for each in buckets if each.to_book_p99_us is not None)


def frames(buckets: list[FeedStats]) -> float:
    return statistics.mean(each.frames for each in buckets)


@flow(name="drill-subflows", persist_result=False)
async def parent(host: StreamHost, runs: int, spent: list[float]) -> int:
    completed = 0
    with SideLoop("reports") as side:
        for _ in range(runs):
            began = time.perf_counter()
            samples = await asyncio.to_thread(host.sample)
            report = DepthReport.of(host.settings.venue, host.markets, samples)
            state: Any = await side.run(snapshot_depth(report, return_state=True))
            completed += state.is_completed()
            spent.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, EVERY_S - spent[-1]))
    return completed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    args = parser.parse_args()
    host = StreamHost(load({"stats_every_s": 1.0}), host_grace_s=0)
    host.open()
    try:
        while host.status().feed.live < len(host.settings.symbols):
            time.sleep(0.1)
        buckets = Buckets(host)
        time.sleep(5)
        quiet = buckets.of(QUIET_S)
        first, spent = len(buckets.seen) + 1, list[float]()
        completed = asyncio.run(parent.with_options(validate_parameters=False)(host, args.runs, spent))
        busy = buckets.seen[first:]
        time.sleep(2)
        quiet += buckets.of(QUIET_S)
    finally:
        host.close()
    found = {
        "completed": completed,
        "without_p99_us": p99(quiet),
        "with_p99_us": p99(busy),
        "without_frames": frames(quiet),
        "with_frames": frames(busy),
        "subflow_ms": 1000 * statistics.median(spent),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
