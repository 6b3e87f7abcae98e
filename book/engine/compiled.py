"""
The compiled engine of a live book: the usual frame is one kernel call, the rest goes as in the plain one.

    frame ──> kernel ── in sequence, sound ──────────────────> book and batch are done: nothing to tell
                │
                ├── scanned, but not simply the next diff ──> RawDiff ──> book.sync, as in the plain engine
                └── not in the spelling it knows ──> the decoder: the same diff, or the precise error

The kernel may take the short way only while its READY slot is set, that is while the book is LIVE and
bridged; `CompiledBook._settled` sets it after everything that went through `book.sync.machine`. Frames of a
venue without a scanner are decoded; the ladder is compiled all the same.

The kernel also takes the time of each diff's stages, at 60 ns a diff: less than Python's clock costs.

A kernel call holds the GIL: other threads see a book and a batch before it or after it, never between.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leadline.book.engine.compiled_attestor import CompiledAttestor
from leadline.book.engine.compiled_ladder import (
    _LEAST_LEVEL_BYTES,
    _TOP_AT,
    _WORK,
    CompiledLadder,
    RawDiff,
    RawSeed,
    _flat,
    _levels,
    _make_bbo,
    _read_top,
)
from leadline.book.engine.live import LiveBook
from leadline.book.engine.options import Options
from leadline.book.kernel import ladder as slot
from leadline.book.kernel.accept import APPLIED, FULL, GROW, LEVELS, LEVELS_AT, SCANNED, TOLD, TOO_MANY
from leadline.book.kernel.memory import MONOTONIC, PYTHONS_CLOCK, Ints
from leadline.book.kernel.parse import ODD
from leadline.book.messages import Bbo, DepthDiff, DepthSnapshot
from leadline.book.rows.batch import Batch, Count, DiffCol, Market
from leadline.book.sync.events import Event, State
from leadline.book.trust.attestation import PlainAttestor
from leadline.book.venues.common.decoder import Decoder
from leadline.book.venues.common.scanner import Scanner

_LIVE = State.LIVE
_DONE = (APPLIED, TOO_MANY, TOLD)  # the diff is in the book and in the batch


class CompiledBook(LiveBook):
    """A live book whose usual work is compiled; see the head of this module and `book.engine.live`."""

    _ladder: CompiledLadder

    def __init__(
        self, index: int, market: Market, decoder: Decoder, scanner: Scanner | None, options: Options
    ) -> None:
        """``scanner`` None: the venue has none, and every frame is decoded."""
        if not options.faith.bracket:
            scanner = None  # it compares tickers as it goes, and believes that brackets hold
        ladder = CompiledLadder(index, market, options.time_unit_ns)
        self._kernel_attestor = None if scanner is None else CompiledAttestor(ladder)
        attestor = self._kernel_attestor or PlainAttestor(bracket=options.faith.bracket)
        super().__init__(index, market, ladder, decoder, options, attestor)
        self._scanner = scanner or READS_NOTHING
        self._take_depth = self._scanner.receive_depth
        self._unit = options.time_unit_ns
        self._kernel_times = options.mono_ns is PYTHONS_CLOCK and MONOTONIC >= 0
        self._settled()

    def bbo(self) -> Bbo:
        """Return best bid and offer; raises `NotLive` unless the book is LIVE."""
        if self._sync.state is not _LIVE:
            self._sync.book()  # raises, and says why
        return _make_bbo(_read_top(self._ladder.memory, _TOP_AT))

    def receive_depth(
        self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch, recv_mono_ns: int = 0
    ) -> Sequence[Event]:
        """Take the diff that begins at ``frame[start]``; bytes behind its end are ignored."""
        asked = recv_mono_ns if self._kernel_times else 0
        code = self._take_depth(frame, start, self._ladder.state, batch.flat, _WORK, ts_recv_ns, asked)
        if code in _DONE:
            if recv_mono_ns != asked:
                self._time_last(batch, recv_mono_ns)
            if code == APPLIED:
                return ()
            told = self._hear_witness(ts_recv_ns, batch) if code == TOLD else ()
            return [*told, *self._bound(ts_recv_ns, batch)]
        state = self._ladder.state
        if code == GROW:
            self._ladder.make_room(int(state[slot.BIDS_FOUND]), int(state[slot.ASKS_FOUND]))
            return self.receive_depth(frame, start, ts_recv_ns, batch, recv_mono_ns)
        if code == FULL:
            batch.reserve(1, len(frame) // _LEAST_LEVEL_BYTES)
            return self.receive_depth(frame, start, ts_recv_ns, batch, recv_mono_ns)
        if code == SCANNED:
            diff = _scanned_diff(state, batch, ts_recv_ns)
        else:
            decode = self._decoder.depth
            message = decode(frame, self._scale_of, ts_recv_ns, start=start, time_unit_ns=self._unit)
            if isinstance(message, DepthSnapshot):
                return self._sync_snapshot(_raw_seed(message), batch, streamed=True)
            diff = _raw_diff(message)
            if asked:
                state[slot.DECODE] = self._options.mono_ns() - asked - state[slot.QUEUE]
        before, took = int(batch.counts[Count.DIFFS]), (int(state[slot.QUEUE]), int(state[slot.DECODE]))
        events = self._sync_diff(diff, batch, recv_mono_ns)
        if asked:
            batch.note_stages(before, *took)
        return events

    def receive_ticker(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> Sequence[Event]:
        """Store the book ticker that begins at ``frame[start]``, and hold the book against it."""
        code = self._scanner.receive_ticker(frame, start, self._ladder.state, batch.flat, ts_recv_ns)
        if code == 0:
            return ()
        if code == TOLD:
            return self._hear_witness(ts_recv_ns, batch)
        return self._take_ticker(frame, start, ts_recv_ns, batch)

    def receive_trade(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> None:
        """Store the trades of the message that begins at ``frame[start]``."""
        if self._scanner.receive_trade(frame, start, self._ladder.state, batch.flat, ts_recv_ns):
            self._take_trades(frame, start, ts_recv_ns, batch)

    def _time_last(self, batch: Batch, recv_mono_ns: int) -> None:
        """Write into the newest row how long its diff took."""
        took = self._options.mono_ns() - recv_mono_ns
        batch.diffs[batch.counts[Count.DIFFS] - 1, DiffCol.TO_BOOK_NS] = took

    def _settled(self) -> None:
        """Arm or disarm the kernel's short way."""
        super()._settled()
        state, sync = self._ladder.state, self._sync
        state[slot.READY] = sync.state is State.LIVE and sync.bridged
        state[slot.EPOCH] = sync.applied_epoch
        state[slot.PRUNE_ABOVE] = self._ghosts.look_above
        if self._kernel_attestor is not None:
            self._kernel_attestor.turn_at(self._witness.turn_ns)

    def _add_row(self, diff: RawDiff, batch: Batch, to_book_ns: int) -> None:
        n, start = int(batch.counts[Count.DIFFS]), int(batch.counts[Count.LEVELS])
        count = diff.bids + diff.asks
        batch.levels[start : start + count] = diff.levels.reshape(-1, 2)
        head = (self.index, self._sync.applied_epoch, diff.ts_event_ns, diff.ts_recv_ns)
        prev_id = -1 if diff.prev_id is None else diff.prev_id
        tail = (diff.bids, diff.asks, diff.ts_transaction_ns or 0, to_book_ns, 0, 0)
        batch.diffs[n] = (*head, diff.first_id, diff.last_id, prev_id, *tail)
        batch.counts[Count.LEVELS] = start + count
        batch.counts[Count.DIFFS] = n + 1
        if diff.shared_id is not None:
            self._note_witness_id(diff.last_id, diff.shared_id)

    def _count_levels(self, diff: RawDiff) -> int:
        return diff.bids + diff.asks

    def _message(self, snapshot: RawSeed) -> DepthSnapshot:
        levels = _levels(snapshot.levels)
        return DepthSnapshot(
            self.market.symbol,
            snapshot.last_id,
            snapshot.ts_recv_ns,
            levels[: snapshot.bids],
            levels[snapshot.bids :],
            snapshot.ts_event_ns,
            snapshot.shared_id,
            snapshot.ts_transaction_ns,
        )

    def _read_seed(self, body: bytes, ts_recv_ns: int) -> RawSeed:
        """Scan a snapshot, or have it decoded."""
        found: Ints = np.empty(2 * (len(body) // _LEAST_LEVEL_BYTES), np.int64)
        state = self._ladder.state
        if self._scanner.read_snapshot(body, state, found):
            market = self.market
            decode = self._decoder.snapshot
            return _raw_seed(decode(body, market.symbol, market.scale, ts_recv_ns, time_unit_ns=self._unit))
        last_id, ts_event_ns, bids, asks = (
            int(state[at]) for at in (slot.LAST, slot.TS_EVENT, slot.BIDS_FOUND, slot.ASKS_FOUND)
        )
        return RawSeed(
            last_id,
            ts_recv_ns,
            None if ts_event_ns < 0 else ts_event_ns,
            bids,
            asks,
            found[: 2 * (bids + asks)].copy(),
            ts_transaction_ns=int(state[slot.TS_TRANSACTION]) or None,
        )


def _reads_no_depth(
    _frame: bytes, _start: int, state: Ints, _flat: Ints, _work: Ints, _ts_recv_ns: int, recv_mono_ns: int
) -> int:
    state[slot.QUEUE] = PYTHONS_CLOCK() - recv_mono_ns if recv_mono_ns else 0
    return ODD


READS_NOTHING = Scanner(_reads_no_depth, lambda *_: ODD, lambda *_: ODD, lambda *_: ODD)
"""The scanner of a venue that has none: no frame is in a spelling it knows."""


def _raw_diff(diff: DepthDiff) -> RawDiff:
    return RawDiff(
        diff.first_id,
        diff.last_id,
        diff.prev_id,
        diff.ts_event_ns,
        diff.ts_recv_ns,
        len(diff.bids),
        len(diff.asks),
        _flat(diff.bids, diff.asks),
        diff.shared_id,
        diff.ts_transaction_ns,
    )


def _raw_seed(snapshot: DepthSnapshot) -> RawSeed:
    return RawSeed(
        snapshot.last_id,
        snapshot.ts_recv_ns,
        snapshot.ts_event_ns,
        len(snapshot.bids),
        len(snapshot.asks),
        _flat(snapshot.bids, snapshot.asks),
        snapshot.shared_id,
        snapshot.ts_transaction_ns,
    )


def _scanned_diff(state: Ints, batch: Batch, ts_recv_ns: int) -> RawDiff:
    """Take away what the kernel scanned: its levels lie behind those that count."""
    first_id, last_id, prev_id, ts_event_ns, bids, asks = state[slot.FIRST : slot.ASKS_FOUND + 1].tolist()
    start = int(batch.flat[LEVELS_AT] + 2 * batch.flat[LEVELS])
    levels = batch.flat[start : start + 2 * (bids + asks)].copy()
    return RawDiff(
        first_id,
        last_id,
        None if prev_id < 0 else prev_id,
        ts_event_ns,
        ts_recv_ns,
        bids,
        asks,
        levels,
        ts_transaction_ns=int(state[slot.TS_TRANSACTION]) or None,
    )
