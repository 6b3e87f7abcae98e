"""What the feed says of itself: rows of figures by bucket of time, on their way to the store."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class FeedStats:
    """What the feed did in one bucket; latencies in µs, None where nothing was measured."""

    venue: str
    ts_ns: int  # start of the bucket
    bucket_s: float
    frames: int
    bytes: int
    diffs: int
    trades: int
    tickers: int
    bad_frames: int
    reconnects: int
    resyncs: int
    live_symbols: int
    symbols: int
    to_book_p50_us: float | None
    to_book_p99_us: float | None
    to_book_max_us: float | None
    to_durable_p50_us: float | None
    to_durable_p99_us: float | None
    queue_batches: int
    queue_limit: int
    clock_offset_us: float | None
    clock_error_us: float | None


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """
    Our wall clock was set, or the machine slept: it moved by ``step_ns`` against the monotonic one.

    Times of rows that came before are by the clock as it was, those of rows after as it is.
    """

    venue: str
    before_ns: int  # what it would have shown without the step, and what it showed
    after_ns: int
    mono_ns: int  # the monotonic clock at that moment
    diffs: int  # rows of ``Batch.diffs`` that came before

    @property
    def step_ns(self) -> int:
        """Return by how much it moved; below 0 when it was set back."""
        return self.after_ns - self.before_ns


@dataclass(frozen=True, slots=True)
class ClockRow:
    """How far the venue's clock is from ours; ``stream_ms``: what event times alone say, a lower bound."""

    venue: str
    ts_ns: int
    offset_ms: float  # venue minus ours
    error_ms: float  # bound
    rtt_ms: float
    probes: int
    source: str
    stream_ms: float | None
    network_p50_ms: float | None
    network_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class LegRow:
    """What one of two connections that carry the same streams did in one bucket."""

    venue: str
    ts_ns: int  # start of the bucket
    bucket_s: float
    line: str
    leg: str  # "A" or "B": a leg keeps its name over its connections
    in_use: bool  # at the end of the bucket; the other stands beside
    frames: int
    firsts: int  # of these, brought before the other leg brought them
    holes: int  # breaks in the update ids of its diffs, also from one connection to the next
    lost_ids: int  # … and update ids in them
    ends: int  # connections of it that ended
    lead_p50_ms: float | None  # over the other leg, where it was first
    lead_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class ListingRow:
    """
    What the venue lists of one symbol from some moment on; None where it says nothing.

    ``state`` is a `book.venues.common.listing.ListingState`, ``reason`` says why it is not simply LISTED.
    """

    venue: str
    symbol: str
    ts_ns: int  # when we heard of it
    state: str
    status: str | None  # the venue's word: TRADING, BREAK, …
    tick_size: str | None  # the venue's texts
    step_size: str | None
    contract_size: str | None  # in quote units
    reason: str

    def is_like(self, other: ListingRow) -> bool:
        """Whether both say the same, whenever that was."""
        return replace(self, ts_ns=0) == replace(other, ts_ns=0)


@dataclass(frozen=True, slots=True)
class AddressRow:
    """A change of how an address of the venue serves us."""

    venue: str
    ts_ns: int
    road: str  # "stream" or "rest"
    address: str
    event: str  # "refused", "reached" or "banned"
    reason: str
    until_ns: int | None  # end of a ban


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """Trades that the stream left out, ``first_id .. last_id``, and what came of asking for them."""

    venue: str
    symbol: str
    ts_ns: int  # when the last answer came
    first_id: int
    last_id: int
    stored: int  # rows that were added; an aggregate is one
    missing: int  # ids that are still missing
    reason: str  # why, "" if none is


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """
    What became of one book's diffs received in one minute, stage by stage; in µs.

    network     the venue made it, by its clock -> receipt, the difference of the clocks taken off
    queue       receipt -> the decoder takes it up, the work on others of the same read included
    decode      bytes -> numbers
    apply       numbers -> levels set, top held against the tickers, row in the batch
    durable     row in the batch -> its transaction committed

    None where nothing was measured. ``network_error_us`` bounds the error of the clocks' difference.
    """

    venue: str
    symbol: str
    minute_ns: int  # start of the minute
    diffs: int  # received in it; a minute may have several rows, each of a part of them
    network_p50_us: float | None
    network_p99_us: float | None
    network_error_us: float | None
    queue_p50_us: float | None
    queue_p99_us: float | None
    decode_p50_us: float | None
    decode_p99_us: float | None
    apply_p50_us: float | None
    apply_p99_us: float | None
    durable_p50_us: float | None
    durable_p99_us: float | None
