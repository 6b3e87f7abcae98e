"""
What each of a line's two legs brought and lost, bucket by bucket.

A line has the legs A and B. When the one in use is left or ends, the other takes its place, and the next
connection beside carries on the name of the one that went: so a leg that is cut has a hole from its last
id to the first of its next connection, and the figures say which leg lost what. Runs on the feed's loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from leadline.book.rows.feed import LegRow
from leadline.tasks.feed.connections.merger import LegCount, Merger, ReadIds, leads_ms

NAMES = "AB"


@dataclass(slots=True)
class _Bucket:
    frames: int = 0
    firsts: int = 0
    holes: int = 0
    lost_ids: int = 0
    ends: int = 0
    lead_ns: list[int] = field(default_factory=list)

    def add(self, count: LegCount, told: LegCount) -> None:
        """Take what came since ``told``."""
        self.frames += count.frames - told.frames
        self.firsts += count.first - told.first
        self.holes += count.holes - told.holes
        self.lost_ids += count.lost_ids - told.lost_ids
        leads = min(count.leads - told.leads, len(count.lead_ns))
        self.lead_ns += list(count.lead_ns)[len(count.lead_ns) - leads :]


class LegLedger:
    """See the head of this module; ``keeps`` says that there are always two legs, not now and then."""

    def __init__(self, line: str, read_ids: ReadIds, *, keeps: bool) -> None:
        self._line = line
        self._read_ids = read_ids
        self._keeps = keeps
        self._in_use = 0
        self._merger: Merger | None = None
        self._told = (LegCount(), LegCount())
        self._buckets = (_Bucket(), _Bucket())
        self._is_empty = True
        self._ended: dict[bytes, int] = {}  # newest ids of the leg that has no connection now

    def begin(self) -> Merger:
        """Return the merger of a pair that begins now."""
        self._merger = Merger(self._read_ids, self._ended)
        self._told = (LegCount(), LegCount())
        self._is_empty = False
        return self._merger

    def end(self, leg: int, *, was_up: bool = True) -> None:
        """Note that the connection in use (0) or the one beside (1) has ended; the other goes on."""
        self._collect()
        merger, self._merger = self._merger, None
        if merger is None:
            return
        self._buckets[self._in_use ^ leg].ends += was_up
        self._ended = merger.newest_ids(leg) if self._keeps else {}
        if leg == 0:
            self._in_use ^= 1

    def forget(self) -> None:
        """Note that both have ended: what comes next follows nothing."""
        self._collect()
        self._merger, self._ended = None, {}

    def close(self, venue: str, ts_ns: int, bucket_s: float) -> list[LegRow]:
        """Return the rows of the bucket that ends now, none if there was one leg only; begin the next."""
        self._collect()
        if self._is_empty:
            return []
        rows = [
            LegRow(
                venue=venue,
                ts_ns=ts_ns,
                bucket_s=bucket_s,
                line=self._line,
                leg=NAMES[n],
                in_use=n == self._in_use,
                frames=one.frames,
                firsts=one.firsts,
                holes=one.holes,
                lost_ids=one.lost_ids,
                ends=one.ends,
                lead_p50_ms=(leads := leads_ms(one.lead_ns))[0],
                lead_p99_ms=leads[1],
            )
            for n, one in enumerate(self._buckets)
        ]
        self._buckets = (_Bucket(), _Bucket())
        self._is_empty = self._merger is None
        return rows

    def _collect(self) -> None:
        if self._merger is None:
            return
        for leg, (count, told) in enumerate(zip(self._merger.counts, self._told, strict=True)):
            self._buckets[self._in_use ^ leg].add(count, told)
            told.frames, told.first, told.leads = count.frames, count.first, count.leads
            told.holes, told.lost_ids = count.holes, count.lost_ids
