"""Buckets of the feed's figures, with clocks turned by hand."""

from __future__ import annotations

from dataclasses import replace

from leadline.tasks.feed.routing.stats import Now, StatsBucket, Totals

NOW = Now(live_symbols=1, symbols=1, queue_batches=0, queue_limit=12, offset=None)


def test_buckets_are_dated_by_their_start_and_tile() -> None:
    """The second is late, the third cut short; the wall clock is set back during it."""
    stats, totals = StatsBucket("v"), Totals()
    stats.begin(wall_ns=100 * 10**9, mono_ns=7 * 10**9)
    rows = []
    for frames, wall_s, mono_s in ((10, 101.0, 8.0), (25, 102.5, 9.5), (26, 100.75, 9.75)):
        totals = replace(totals, frames=frames)
        rows.append(stats.close(totals, NOW, int(wall_s * 1e9), int(mono_s * 1e9)))
    assert [(row.ts_ns / 1e9, row.bucket_s, row.frames) for row in rows] == [
        (100.0, 1.0, 10),
        (101.0, 1.5, 15),
        (102.5, 0.25, 1),
    ]
