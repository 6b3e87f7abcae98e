"""
The compiled engine of a live book: the usual frame in one call of `book.kernel`, the rest as `book.plain`.

    frame ──> kernel ── in sequence, sound ──────────────────> book and batch are done: nothing to tell
                │
                ├── scanned, but not simply the next diff ──> RawDiff ──> book.sync, as in the plain engine
                └── not in the spelling it knows ──> book.decode: the same diff, or the precise error

The kernel may take the short way only while its READY slot is set, that is while the book is LIVE and
bridged; `CompiledBook._settled` sets it after everything that went through `book.sync`.

The kernel also takes the time of each diff's stages, at 60 ns a diff: less than Python's clock costs.

A kernel call holds the GIL: other threads see a book and a batch before it or after it, never between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

import numpy as np

from book import kernel_scan as scan
from book import kernel_side as slot
from book.batch import Batch, Count, DiffCol, Market
from book.compiled_attestor import CompiledAttestor
from book.decode import decode_depth, decode_snapshot, decode_trade
from book.errors import EmptySide
from book.events import Event, State
from book.kernel import APPLIED, FULL, GROW, LEVELS, LEVELS_AT, SCANNED, TOLD, TOO_MANY, kernels
from book.kernel_memory import MONOTONIC, PYTHONS_CLOCK, Ints
from book.ladders import TopState
from book.live import LiveBook
from book.messages import Bbo, DepthDiff, DepthSnapshot, Level
from book.options import Options
from book.rules import Rule

_FIRST_CAPACITY = 256
_read_top = Struct("=4q").unpack_from  # BID_TICKS, BID_LOTS, ASK_TICKS, ASK_LOTS
_TOP_AT = slot.BID_TICKS * 8
_LIVE = State.LIVE
_make_bbo = Bbo._make
_LEAST_LEVEL_BYTES = 9  # ["1","0"]
_DONE = (APPLIED, TOO_MANY, TOLD)  # the diff is in the book and in the batch

# One for all books: nothing stays in it when a kernel call ends, and each holds the GIL until then.
_WORK: Ints = np.zeros(slot.WORK_ROOM, np.int64)


@dataclass(frozen=True, slots=True)
class RawDiff:
    """A diff as the kernel scanned it: ``levels`` is price, quantity, price, …, bids first."""

    first_id: int
    last_id: int
    prev_id: int | None
    ts_event_ns: int
    ts_recv_ns: int
    bids: int
    asks: int
    levels: Ints


@dataclass(frozen=True, slots=True)
class RawSeed:
    """A snapshot as the kernel scanned it; laid out as `RawDiff`, sorted and without empty levels."""

    last_id: int
    ts_recv_ns: int
    ts_event_ns: int | None
    bids: int
    asks: int
    levels: Ints


class CompiledLadder:
    """The ladder of `book.kernel_side`, grown as needed; ``state`` is its array."""

    state: Ints
    memory: memoryview

    def __init__(self, index: int, market: Market, rule: Rule, time_unit_ns: int) -> None:
        self.kernels = kernels()
        state = np.zeros(slot.HEADER + 4 * _FIRST_CAPACITY, np.int64)
        scale, name = market.scale, market.symbol.encode()
        state[slot.CAPACITY] = _FIRST_CAPACITY
        state[slot.LAST_ID] = -1
        state[slot.FUTURES] = rule is Rule.FUTURES
        state[slot.BOOK] = index
        state[slot.TIME_UNIT_NS] = time_unit_ns
        state[slot.PRICE_DECIMALS] = scale.price_decimals
        state[slot.PRICE_UNIT] = 10**scale.price_decimals
        state[slot.QTY_DECIMALS] = scale.qty_decimals
        state[slot.QTY_UNIT] = 10**scale.qty_decimals
        if len(name) <= slot.SYMBOL_ROOM:  # a longer one matches nothing and goes through book.decode
            state[slot.SYMBOL_BYTES] = len(name)
            state[slot.SYMBOL : slot.SYMBOL + len(name)] = list(name)
        self._hold(state)

    @property
    def last_id(self) -> int:
        """Id of the newest update held; -1 while there is none."""
        return int(self.state[slot.LAST_ID])

    @property
    def last_recv_ns(self) -> int:
        """When it reached us, ns since 1970; 0 while there is none."""
        return int(self.state[slot.LAST_RECV_NS])

    def seed(self, snapshot: RawSeed) -> None:
        """Replace all levels by those of a seed."""
        self.clear()
        self.make_room(snapshot.bids, snapshot.asks)
        self.kernels.fill_levels(self.state, snapshot.levels, snapshot.bids, snapshot.asks)
        self._stand_at(snapshot.last_id, snapshot.ts_recv_ns)

    def apply(self, diff: RawDiff) -> None:
        """Set the levels of a diff; whether it is the right one is for `book.sync` to say."""
        self.make_room(diff.bids, diff.asks)
        self.kernels.apply_levels(self.state, diff.levels, 0, diff.bids, diff.asks, _WORK)
        self._stand_at(diff.last_id, diff.ts_recv_ns)

    def clear(self) -> None:
        """Forget everything, memory for unusually many levels included."""
        if self.state[slot.CAPACITY] > _FIRST_CAPACITY:
            self._hold(self.state[: slot.HEADER + 4 * _FIRST_CAPACITY].copy())
            self.state[slot.CAPACITY] = _FIRST_CAPACITY
        self.state[slot.N_BIDS] = self.state[slot.N_ASKS] = 0
        self._stand_at(-1, 0)

    def top_state(self) -> TopState:
        """Judge the two best levels."""
        if not all(self.level_counts()):
            return TopState.EMPTY_SIDE
        bid, _, ask, _ = _read_top(self.memory, _TOP_AT)
        return TopState.CROSSED if bid >= ask else TopState.SOUND

    def best(self) -> Bbo:
        """Return the two best levels, crossed or not; raises `EmptySide`."""
        bids, asks = self.level_counts()
        if not (bids and asks):
            raise EmptySide(f"{bids} bid and {asks} ask levels at id {self.last_id}")
        return _make_bbo(_read_top(self.memory, _TOP_AT))

    def level_counts(self) -> tuple[int, int]:
        """Return how many bids and asks are held."""
        return int(self.state[slot.N_BIDS]), int(self.state[slot.N_ASKS])

    def top(self, n: int | None = None) -> tuple[list[Level], list[Level]]:
        """Return the ``n`` best levels of each side, or all of them, best first."""
        return self._top(slot.BIDS, n), self._top(slot.ASKS, n)

    def ghosts(self, low: int, high: int) -> tuple[int, int]:
        """Return how many bids stand below ``low`` and how many asks above ``high``, in ticks."""
        bids, asks = self._levels(slot.BIDS)[:, 0], self._levels(slot.ASKS)[:, 0]
        return int(bids.searchsorted(low, "left")), int(asks.searchsorted(-high, "left"))

    def lots_within(self, low: int, high: int) -> tuple[int, int]:
        """Return the lots of the bids at ``low`` or above and of the asks at ``high`` or below."""
        below, above = self.ghosts(low, high)
        bids, asks = self._levels(slot.BIDS)[below:, 1], self._levels(slot.ASKS)[above:, 1]
        return sum(bids.tolist()), sum(asks.tolist())  # exact past 64 bits

    def drop_worst(self, bids: int, asks: int) -> None:
        """Delete the lowest ``bids`` bids and the highest ``asks`` asks."""
        for side, gone in ((slot.BIDS, bids), (slot.ASKS, asks)):
            levels = self._levels(side)
            levels[: len(levels) - gone] = levels[gone:].copy()
            self.state[side] -= gone

    def set_levels(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Set levels and stay at the same id; 0 deletes."""
        self.make_room(len(bids), len(asks))
        self.kernels.apply_levels(self.state, _flat(bids, asks), 0, len(bids), len(asks), _WORK)

    def make_room(self, bids: int, asks: int) -> None:
        """See to room for so many more levels on each side."""
        held = self.level_counts()
        needed = max(held[0] + bids, held[1] + asks)
        if needed <= self.state[slot.CAPACITY]:
            return
        capacity = needed + needed // 4 + _FIRST_CAPACITY
        state = np.zeros(slot.HEADER + 4 * capacity, np.int64)
        state[: slot.HEADER] = self.state[: slot.HEADER]
        state[slot.CAPACITY] = capacity
        old = self.state
        self._hold(state)
        start = slot.HEADER + 2 * int(old[slot.CAPACITY])
        for to, at, count in (
            (slot.HEADER, slot.HEADER, held[0]),
            (slot.HEADER + 2 * capacity, start, held[1]),
        ):
            state[to : to + 2 * count] = old[at : at + 2 * count]

    def _levels(self, side: int) -> Ints:
        """Return the levels of a side, worst first: a view of two columns, keys and lots."""
        start = slot.HEADER + 2 * side * int(self.state[slot.CAPACITY])
        return self.state[start : start + 2 * int(self.state[side])].reshape(-1, 2)

    def _top(self, side: int, n: int | None) -> list[Level]:
        start = slot.HEADER + 2 * side * int(self.state[slot.CAPACITY])
        end = start + 2 * int(self.state[side])
        if n is not None:
            start = max(start, end - 2 * n)
        numbers = self.state[start:end].tolist()
        lots, keys = numbers[::-2], numbers[-2::-2]
        return list(zip(keys if side == slot.BIDS else [-key for key in keys], lots, strict=True))

    def _hold(self, state: Ints) -> None:
        """Use this array from now on; ``memory`` shows the same, and is quicker to read from Python."""
        self.state = state
        self.memory = state.data

    def _stand_at(self, last_id: int, recv_ns: int) -> None:
        self.state[slot.LAST_ID] = last_id
        self.state[slot.LAST_RECV_NS] = recv_ns


class CompiledBook(LiveBook):
    """A live book whose usual work is compiled; see the head of this module and `book.live`."""

    _ladder: CompiledLadder

    def __init__(self, index: int, market: Market, rule: Rule, options: Options) -> None:
        ladder = CompiledLadder(index, market, rule, options.time_unit_ns)
        self._kernel_attestor = CompiledAttestor(ladder)
        super().__init__(index, market, ladder, rule, options, self._kernel_attestor)
        self._kernels = kernels()
        self._take_depth = self._kernels.receive_depth
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
        """Take the diff whose opening brace is ``frame[start]``; bytes behind its end are ignored."""
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
            self._ladder.make_room(int(state[scan.BIDS_FOUND]), int(state[scan.ASKS_FOUND]))
            return self.receive_depth(frame, start, ts_recv_ns, batch, recv_mono_ns)
        if code == FULL:
            batch.reserve(1, len(frame) // _LEAST_LEVEL_BYTES)
            return self.receive_depth(frame, start, ts_recv_ns, batch, recv_mono_ns)
        if code == SCANNED:
            diff = _scanned_diff(state, batch, ts_recv_ns)
        else:
            diff = _raw_diff(
                decode_depth(frame, self._scale_of, ts_recv_ns, start=start, time_unit_ns=self._unit)
            )
            if asked:
                state[scan.DECODE] = self._options.mono_ns() - asked - state[scan.QUEUE]
        before, took = int(batch.counts[Count.DIFFS]), (int(state[scan.QUEUE]), int(state[scan.DECODE]))
        events = self._sync_diff(diff, batch, recv_mono_ns)
        if asked:
            batch.note_stages(before, *took)
        return events

    def receive_ticker(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> Sequence[Event]:
        """Store the book ticker whose opening brace is ``frame[start]``, and hold the book against it."""
        code = self._kernels.receive_ticker(frame, start, self._ladder.state, batch.flat, ts_recv_ns)
        if code == 0:
            return ()
        if code == TOLD:
            return self._hear_witness(ts_recv_ns, batch)
        return self._take_ticker(frame, start, ts_recv_ns, batch, self._unit)

    def receive_trade(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> None:
        """Store the trade whose opening brace is ``frame[start]``."""
        if self._kernels.receive_trade(frame, start, self._ladder.state, batch.flat, ts_recv_ns):
            trade = decode_trade(frame, self._scale_of, ts_recv_ns, start=start, time_unit_ns=self._unit)
            batch.add_trade(self.index, trade)

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
        self._kernel_attestor.turn_at(self._witness.turn_ns)

    def _add_row(self, diff: RawDiff, batch: Batch, to_book_ns: int) -> None:
        n, start = int(batch.counts[Count.DIFFS]), int(batch.counts[Count.LEVELS])
        count = diff.bids + diff.asks
        batch.levels[start : start + count] = diff.levels.reshape(-1, 2)
        head = (self.index, self._sync.applied_epoch, diff.ts_event_ns, diff.ts_recv_ns)
        prev_id = -1 if diff.prev_id is None else diff.prev_id
        tail = (diff.bids, diff.asks, to_book_ns, 0, 0)
        batch.diffs[n] = (*head, diff.first_id, diff.last_id, prev_id, *tail)
        batch.counts[Count.LEVELS] = start + count
        batch.counts[Count.DIFFS] = n + 1

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
        )

    def _read_seed(self, body: bytes, ts_recv_ns: int) -> RawSeed:
        """Scan a snapshot, or have it decoded."""
        found: Ints = np.empty(2 * (len(body) // _LEAST_LEVEL_BYTES), np.int64)
        state = self._ladder.state
        if self._kernels.read_snapshot(body, state, found):
            market = self.market
            return _raw_seed(
                decode_snapshot(body, market.symbol, market.scale, ts_recv_ns, time_unit_ns=self._unit)
            )
        last_id, ts_event_ns, bids, asks = (
            int(state[at]) for at in (scan.LAST, scan.TS_EVENT, scan.BIDS_FOUND, scan.ASKS_FOUND)
        )
        levels = found[: 2 * (bids + asks)].copy()
        return RawSeed(last_id, ts_recv_ns, None if ts_event_ns < 0 else ts_event_ns, bids, asks, levels)


def _levels(flat: Ints) -> tuple[Level, ...]:
    """Pair up what `_flat` laid out."""
    numbers = flat.tolist()
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _flat(bids: Sequence[Level], asks: Sequence[Level]) -> Ints:
    """Lay levels out as the kernel does."""
    return np.array([*bids, *asks], np.int64).reshape(-1)


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
    )


def _raw_seed(snapshot: DepthSnapshot) -> RawSeed:
    return RawSeed(
        snapshot.last_id,
        snapshot.ts_recv_ns,
        snapshot.ts_event_ns,
        len(snapshot.bids),
        len(snapshot.asks),
        _flat(snapshot.bids, snapshot.asks),
    )


def _scanned_diff(state: Ints, batch: Batch, ts_recv_ns: int) -> RawDiff:
    """Take away what the kernel scanned: its levels lie behind those that count."""
    first_id, last_id, prev_id, ts_event_ns, bids, asks = state[scan.FIRST : scan.ASKS_FOUND + 1].tolist()
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
    )
