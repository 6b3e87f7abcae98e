"""Latencies by stage, book and minute, of diffs whose times are known."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.book.rows.batch import Batch, Count, DiffCol, Market
from leadline.book.scale import Scale
from leadline.book.venues.binance.sequence import SPOT
from leadline.tasks.feed.routing.latency import GRACE_NS, MINUTE_NS, Latencies
from leadline.tasks.net.clock import ClockOffset

MARKETS = [Market("v", name, Scale(2, 3), SPOT) for name in ("A", "B", "C")]
MINUTE = 28_000_000 * MINUTE_NS
BEHIND = ClockOffset(-1_270_000_000, 2_000_000)  # the venue's clock minus ours
STAGES = ("network", "queue", "decode", "apply", "durable")


def batch_of(book: int, took_ns: dict[str, np.ndarray], at_ns: int = MINUTE) -> Batch:
    """One diff every 10 ms, that took so long in each stage."""
    n = len(took_ns["queue"])
    batch = Batch(MARKETS, diff_rows=n)
    rows = batch.diffs[:n]
    rows[:, DiffCol.BOOK] = book
    rows[:, DiffCol.TS_RECV_NS] = at_ns + 10_000_000 * np.arange(n)
    rows[:, DiffCol.TS_EVENT_NS] = rows[:, DiffCol.TS_RECV_NS] - took_ns["network"] + BEHIND.offset_ns
    rows[:, DiffCol.QUEUE_NS] = took_ns["queue"]
    rows[:, DiffCol.DECODE_NS] = took_ns["decode"]
    rows[:, DiffCol.TO_BOOK_NS] = sum(took_ns[stage] for stage in ("queue", "decode", "apply"))
    batch.counts[Count.DIFFS] = n
    return batch


def drawn(seed: int, n: int = 2_000) -> dict[str, np.ndarray]:
    """Times of a spread that real ones have."""
    rng = np.random.default_rng(seed)
    middles = {"network": 4e7, "queue": 5e4, "decode": 2e3, "apply": 1.5e3}
    return {stage: (middle * rng.lognormal(0, 1, n)).astype(np.int64) for stage, middle in middles.items()}


def test_percentiles_of_every_stage_and_book_are_right_within_3_percent() -> None:
    latencies = Latencies(lambda: MARKETS)
    told = {0: drawn(1), 2: drawn(2, n=700)}
    for book, took in told.items():
        for part in range(0, len(took["queue"]), 500):  # as the feed hands them over
            some = {stage: values[part : part + 500] for stage, values in took.items()}
            batch = batch_of(book, some)
            latencies.note_batch(batch, BEHIND)
            committed_ns = MINUTE + 8_000_000_000
            latencies.note_durable(batch, committed_ns)
            applied = batch.diffs[:, DiffCol.TS_RECV_NS] + batch.diffs[:, DiffCol.TO_BOOK_NS]
            took.setdefault("durable", []).append(committed_ns - applied)
    rows = latencies.close(MINUTE + MINUTE_NS + GRACE_NS, BEHIND)
    assert [(row.venue, row.symbol, row.minute_ns, row.diffs) for row in rows] == [
        ("v", "A", MINUTE, 2_000),
        ("v", "C", MINUTE, 700),
    ]
    for row, took in zip(rows, told.values(), strict=True):
        took["durable"] = np.concatenate(took["durable"])
        for stage in STAGES:
            exact = np.percentile(took[stage], [50, 99], method="inverted_cdf") / 1000
            told_us = getattr(row, f"{stage}_p50_us"), getattr(row, f"{stage}_p99_us")
            assert told_us == pytest.approx(exact, rel=0.032), stage
        assert row.network_error_us == 2_000


def test_a_minute_is_told_once_when_it_is_over_and_its_commits_have_come() -> None:
    latencies = Latencies(lambda: MARKETS)
    batch = batch_of(0, drawn(3, n=200), at_ns=MINUTE + MINUTE_NS - 1_000_000_000)  # half in each minute
    latencies.note_batch(batch, None)
    assert latencies.close(MINUTE + MINUTE_NS + GRACE_NS - 1, None) == []
    latencies.note_durable(batch, MINUTE + MINUTE_NS + 2_000_000_000)
    (first,) = latencies.close(MINUTE + MINUTE_NS + GRACE_NS, None)
    assert (first.minute_ns, first.diffs) == (MINUTE, 100)
    assert first.durable_p50_us is not None
    assert first.network_p50_us is first.network_error_us is None, "no offset, no figure"
    latencies.note_durable(batch, MINUTE + MINUTE_NS + 20_000_000_000)  # too late for the first
    (second,) = latencies.close(0, None, is_last=True)
    assert (second.minute_ns, second.diffs) == (MINUTE + MINUTE_NS, 200)  # half of it, committed twice
    assert latencies.close(0, None, is_last=True) == []


def test_what_was_not_measured_is_not_counted() -> None:
    latencies = Latencies(lambda: MARKETS)
    took = drawn(4, n=100)
    batch = batch_of(1, took)
    batch.diffs[:50, DiffCol.TO_BOOK_NS :] = 0  # from a buffer, or nobody asked
    latencies.note_batch(batch, BEHIND)
    latencies.note_durable(batch, MINUTE + 5_000_000_000)
    (row,) = latencies.close(0, BEHIND, is_last=True)
    exact = np.percentile(took["queue"][50:], 50, method="inverted_cdf") / 1000
    assert row.queue_p50_us == pytest.approx(exact, rel=0.032)
    assert row.diffs == 100, "the network has them all"


def test_markets_may_come_later_and_the_empty_is_nothing() -> None:
    markets = MARKETS[:1]
    latencies = Latencies(lambda: markets)
    latencies.note_batch(Batch(MARKETS), BEHIND)
    latencies.note_batch(batch_of(0, drawn(5, n=10)), BEHIND)
    markets.append(MARKETS[1])
    latencies.note_batch(batch_of(1, drawn(6, n=20)), BEHIND)
    rows = latencies.close(0, BEHIND, is_last=True)
    assert [(row.symbol, row.diffs) for row in rows] == [("A", 10), ("B", 20)]
