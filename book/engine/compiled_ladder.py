"""The ladder of the compiled engine: one array of integers that Python and the kernel share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

import numpy as np

from leadline.book.errors import EmptySide
from leadline.book.kernel import ladder as slot
from leadline.book.kernel.entries import kernels
from leadline.book.kernel.memory import Ints
from leadline.book.messages import Bbo, Level
from leadline.book.rows.batch import Market
from leadline.book.sync.ladder import TopState

_FIRST_CAPACITY = 256

_read_top = Struct("=4q").unpack_from  # BID_TICKS, BID_LOTS, ASK_TICKS, ASK_LOTS

_TOP_AT = slot.BID_TICKS * 8

_make_bbo = Bbo._make

_LEAST_LEVEL_BYTES = 9  # ["1","0"]


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
    shared_id: int | None = None
    ts_transaction_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RawSeed:
    """A snapshot as the kernel scanned it; laid out as `RawDiff`, sorted and without empty levels."""

    last_id: int
    ts_recv_ns: int
    ts_event_ns: int | None
    bids: int
    asks: int
    levels: Ints
    shared_id: int | None = None
    ts_transaction_ns: int | None = None


class CompiledLadder:
    """The ladder of `book.kernel.ladder`, grown as needed; ``state`` is its array."""

    state: Ints
    memory: memoryview

    def __init__(self, index: int, market: Market, time_unit_ns: int) -> None:
        self.kernels = kernels()
        self._shared_id: int | None = None  # a scanner knows of none: it stays so where there is one
        state = np.zeros(slot.HEADER + 4 * _FIRST_CAPACITY, np.int64)
        scale, name = market.scale, market.symbol.encode()
        state[slot.CAPACITY] = _FIRST_CAPACITY
        state[slot.LAST_ID] = -1
        state[slot.BY_PREV_ID] = market.rule.by_prev_id
        state[slot.BOOK] = index
        state[slot.TIME_UNIT_NS] = time_unit_ns
        state[slot.PRICE_DECIMALS] = scale.price_decimals
        state[slot.PRICE_UNIT] = 10**scale.price_decimals
        state[slot.QTY_DECIMALS] = scale.qty_decimals
        state[slot.QTY_UNIT] = 10**scale.qty_decimals
        if len(name) <= slot.SYMBOL_ROOM:  # a longer one matches nothing and is left to the decoder
            state[slot.SYMBOL_BYTES] = len(name)
            state[slot.SYMBOL : slot.SYMBOL + len(name)] = list(name)
        self._hold(state)

    @property
    def last_id(self) -> int:
        """Id of the newest update held; -1 while there is none."""
        return int(self.state[slot.LAST_ID])

    @property
    def witness_id(self) -> int:
        """What the symbol's other streams call the state held; -1 without one."""
        return self.last_id if self._shared_id is None else self._shared_id

    @property
    def last_recv_ns(self) -> int:
        """When it reached us, ns since 1970; 0 while there is none."""
        return int(self.state[slot.LAST_RECV_NS])

    @property
    def last_event_ns(self) -> int:
        """The venue's time of the newest diff held, ns; 0 while there is none since the seed."""
        return int(self.state[slot.LAST_EVENT_NS])

    def seed(self, snapshot: RawSeed) -> None:
        """Replace all levels by those of a seed."""
        self.clear()
        self.make_room(snapshot.bids, snapshot.asks)
        self.kernels.fill_levels(self.state, snapshot.levels, snapshot.bids, snapshot.asks)
        self._stand_at(snapshot.last_id, snapshot.ts_recv_ns)
        self._shared_id = snapshot.shared_id

    def apply(self, diff: RawDiff) -> None:
        """Set the levels of a diff; whether it is the right one is for `book.sync.machine` to say."""
        self.make_room(diff.bids, diff.asks)
        self.kernels.apply_levels(self.state, diff.levels, 0, diff.bids, diff.asks, _WORK)
        self._stand_at(diff.last_id, diff.ts_recv_ns, diff.ts_event_ns)
        self._shared_id = diff.shared_id

    def clear(self) -> None:
        """Forget everything, memory for unusually many levels included."""
        if self.state[slot.CAPACITY] > _FIRST_CAPACITY:
            self._hold(self.state[: slot.HEADER + 4 * _FIRST_CAPACITY].copy())
            self.state[slot.CAPACITY] = _FIRST_CAPACITY
        self.state[slot.N_BIDS] = self.state[slot.N_ASKS] = 0
        self._stand_at(-1, 0)
        self._shared_id = None

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

    def _stand_at(self, last_id: int, recv_ns: int, event_ns: int = 0) -> None:
        self.state[slot.LAST_ID] = last_id
        self.state[slot.LAST_RECV_NS] = recv_ns
        self.state[slot.LAST_EVENT_NS] = event_ns


def _levels(flat: Ints) -> tuple[Level, ...]:
    """Pair up what `_flat` laid out."""
    numbers = flat.tolist()
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _flat(bids: Sequence[Level], asks: Sequence[Level]) -> Ints:
    """Lay levels out as the kernel does."""
    return np.array([*bids, *asks], np.int64).reshape(-1)
