"""
The compiled way of a frame: bytes -> exact integers -> book -> row in the batch, in one call.

Each function here is an entry that Python calls; the work is in `book.kernel.scan_binance` (scanning) and
`book.kernel.ladder` (ladder). A call takes a whole frame and does all of it or nothing: levels are
scanned into the free tail of the batch's table first, and become visible when the counts move.

Entries are compiled when first asked for, and numba keeps them on disk. It asks only whether *this*
file changed since, so each entry is a closure over a digest of all the code it calls.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from types import CodeType, ModuleType
from typing import Any, NamedTuple, cast

from numba import njit, types

from leadline.book.kernel import attest as kernel_attest
from leadline.book.kernel import ladder as kernel_side
from leadline.book.kernel import memory as kernel_memory
from leadline.book.kernel import parse as kernel_parse
from leadline.book.kernel import scan_binance as kernel_scan
from leadline.book.kernel.attest import TURN_NS, check_book, hear_ticker
from leadline.book.kernel.ladder import (
    BOOK,
    CAPACITY,
    EPOCH,
    FUTURES,
    LAST_ID,
    LAST_RECV_NS,
    N_ASKS,
    N_BIDS,
    PRUNE_ABOVE,
    READY,
    fill_both,
    set_both,
)
from leadline.book.kernel.memory import Ints, mono_ns
from leadline.book.kernel.scan_binance import (
    ASKS_FOUND,
    BIDS_FOUND,
    DECODE,
    FIRST,
    LAST,
    PREV,
    QUEUE,
    TS_EVENT,
    scan_depth,
    scan_snapshot,
    scan_ticker,
    scan_trade,
)
from leadline.book.rows.batch import Count, DiffCol, TickerCol, TradeCol

APPLIED = 0  # the diff is in the book and in the batch
TOO_MANY = 1  # so it is, and a side now has more levels than it should
SCANNED = 2  # the diff lies in the free tail of the batch; what it means is for book.sync to say
GROW = 3  # the book has no room; nothing was changed
TOLD = 4  # done, and attestation has something to tell; a side may also have too many levels

# Slots of Batch.flat: a count, the rows there is room for, and where the table begins.
DIFFS, DIFF_ROOM, DIFFS_AT = int(Count.DIFFS), 4, 8
LEVELS, LEVEL_ROOM, LEVELS_AT = int(Count.LEVELS), 5, 9
TRADES, TRADE_ROOM, TRADES_AT = int(Count.TRADES), 6, 10
TICKERS, TICKER_ROOM, TICKERS_AT = int(Count.TICKERS), 7, 11
TICKER_ID = int(TickerCol.UPDATE_ID)
DIFF_WIDTH, TRADE_WIDTH, TICKER_WIDTH = len(DiffCol), len(TradeCol), len(TickerCol)
FULL = kernel_parse.FULL


def _receive_depth(stamp: int) -> Callable[..., int]:  # noqa: C901 - as below
    def receive_depth(  # noqa: C901, PLR0911 - each is another thing to do next
        frame: bytes, start: int, state: Ints, batch: Ints, work: Ints, ts_recv_ns: int, recv_mono_ns: int
    ) -> int:
        """Take a diff's frame; apply it if the book is ready and the diff is the next one."""
        _ = stamp
        is_timed = recv_mono_ns != 0
        began = mono_ns() if is_timed else 0
        row = batch[LEVELS_AT] + 2 * batch[LEVELS]
        limit = batch[LEVELS_AT] + 2 * batch[LEVEL_ROOM]
        code = scan_depth(frame, start, state, batch, row, limit)
        if is_timed:
            state[QUEUE] = began - recv_mono_ns
            state[DECODE] = mono_ns() - began
        if code != 0:
            return code
        if batch[DIFFS] == batch[DIFF_ROOM]:
            return FULL
        last = state[LAST]
        if state[READY] == 0 or last <= state[LAST_ID]:
            return SCANNED
        if state[FUTURES]:
            if state[PREV] != state[LAST_ID]:
                return SCANNED
        elif state[FIRST] > state[LAST_ID] + 1:
            return SCANNED
        bids, asks = state[BIDS_FOUND], state[ASKS_FOUND]
        if max(state[N_BIDS] + bids, state[N_ASKS] + asks) > state[CAPACITY]:
            return GROW
        if not set_both(state, batch, row, bids, asks, work):
            # Crossed or one-sided: book.sync applies the diff once more, which changes nothing since
            # quantities are absolute, and says what follows.
            return SCANNED
        at = batch[DIFFS_AT] + batch[DIFFS] * DIFF_WIDTH
        batch[at] = state[BOOK]
        batch[at + 1] = state[EPOCH]
        batch[at + 2] = state[TS_EVENT]
        batch[at + 3] = ts_recv_ns
        batch[at + 4] = state[FIRST]
        batch[at + 5] = last
        batch[at + 6] = state[PREV]
        batch[at + 7] = bids
        batch[at + 8] = asks
        batch[at + 9] = batch[at + 10] = batch[at + 11] = 0
        batch[LEVELS] += bids + asks
        batch[DIFFS] += 1
        state[LAST_ID] = last
        state[LAST_RECV_NS] = ts_recv_ns
        is_told = check_book(state) != 0 or ts_recv_ns >= state[TURN_NS]
        if is_timed:
            batch[at + 9] = mono_ns() - recv_mono_ns
            batch[at + 10] = state[QUEUE]
            batch[at + 11] = state[DECODE]
        if is_told:
            return TOLD
        return TOO_MANY if max(state[N_BIDS], state[N_ASKS]) > state[PRUNE_ABOVE] else APPLIED

    return receive_depth


def _receive_trade(stamp: int) -> Callable[..., int]:
    def receive_trade(frame: bytes, start: int, state: Ints, batch: Ints, ts_recv_ns: int) -> int:
        """Take a trade's frame into the batch."""
        _ = stamp
        if batch[TRADES] == batch[TRADE_ROOM]:
            return FULL
        at = batch[TRADES_AT] + batch[TRADES] * TRADE_WIDTH
        code = scan_trade(frame, start, state, batch, at)
        if code == 0:
            batch[at] = state[BOOK]
            batch[at + 2] = ts_recv_ns
            batch[TRADES] += 1
        return code

    return receive_trade


def _receive_ticker(stamp: int) -> Callable[..., int]:
    def receive_ticker(frame: bytes, start: int, state: Ints, batch: Ints, ts_recv_ns: int) -> int:
        """Take a book ticker's frame into the batch, and hold the book against it."""
        _ = stamp
        if batch[TICKERS] == batch[TICKER_ROOM]:
            return FULL
        at = batch[TICKERS_AT] + batch[TICKERS] * TICKER_WIDTH
        code = scan_ticker(frame, start, state, batch, at)
        if code == 0:
            batch[at] = state[BOOK]
            batch[at + 2] = ts_recv_ns
            batch[TICKERS] += 1
            if hear_ticker(state, batch, at + TICKER_ID) != 0:
                return TOLD
        return code

    return receive_ticker


def _read_snapshot(stamp: int) -> Callable[..., int]:
    def read_snapshot(body: bytes, state: Ints, out: Ints) -> int:
        """Read the venue's depth snapshot into ``out`` and the header; the levels stay as they are."""
        _ = stamp
        return scan_snapshot(body, state, out)

    return read_snapshot


def _apply_levels(stamp: int) -> Callable[..., int]:
    def apply_levels(state: Ints, table: Ints, row: int, bids: int, asks: int, work: Ints) -> int:
        """Set the levels of a diff that was scanned before; there is room for them. 1 if sound."""
        _ = stamp
        return int(set_both(state, table, row, bids, asks, work))

    return apply_levels


def _fill_levels(stamp: int) -> Callable[..., int]:
    def fill_levels(state: Ints, table: Ints, bids: int, asks: int) -> int:
        """Replace all levels by those of a seed; there is room for them. 1 if sound."""
        _ = stamp
        return int(fill_both(state, table, bids, asks))

    return fill_levels


def _check_top(stamp: int) -> Callable[..., int]:
    def check_top(state: Ints) -> int:
        """Hold the top as it stands against the tickers; 1 if there is something to tell."""
        _ = stamp
        return int(check_book(state))

    return check_top


def _hear_top(stamp: int) -> Callable[..., int]:
    def hear_top(state: Ints, ticker: Ints) -> int:
        """Hold the book against a ticker that was decoded elsewhere: id and top."""
        _ = stamp
        return int(hear_ticker(state, ticker, 0))

    return hear_top


class Kernels(NamedTuple):
    """The entries, ready to call; arguments as in the functions above."""

    receive_depth: Callable[[bytes, int, Ints, Ints, Ints, int, int], int]
    receive_trade: Callable[[bytes, int, Ints, Ints, int], int]
    receive_ticker: Callable[[bytes, int, Ints, Ints, int], int]
    read_snapshot: Callable[[bytes, Ints, Ints], int]
    apply_levels: Callable[[Ints, Ints, int, int, int, Ints], int]
    fill_levels: Callable[[Ints, Ints, int, int], int]
    check_top: Callable[[Ints], int]
    hear_top: Callable[[Ints, Ints], int]


@cache
def kernels() -> Kernels:
    """Load the entries, compiling what numba has not kept: 0.3 s, or 10 s the first time."""
    stamp = _stamp(kernel_memory, kernel_parse, kernel_side, kernel_scan, kernel_attest)
    text, number, table = types.Bytes(types.uint8, 1, "C"), types.int64, types.Array(types.int64, 1, "C")
    return Kernels(
        _entry(_receive_depth(stamp), text, number, table, table, table, number, number),
        _entry(_receive_trade(stamp), text, number, table, table, number),
        _entry(_receive_ticker(stamp), text, number, table, table, number),
        _entry(_read_snapshot(stamp), text, table, table),
        _entry(_apply_levels(stamp), table, table, number, number, number, table),
        _entry(_fill_levels(stamp), table, table, number, number),
        _entry(_check_top(stamp), table),
        _entry(_hear_top(stamp), table, table),
    )


def _entry(function: Callable[..., int], *arguments: Any) -> Callable[..., int]:
    """Compile ``function`` for these argument types, or load it, and return what calls it fastest."""
    signature = types.int64(*arguments)
    try:
        dispatcher = njit(signature, cache=True)(function)
    except RuntimeError:  # no folder that numba may write to: compile at every start
        dispatcher = njit(signature)(function)
    # The dispatcher looks at each argument to choose among overloads; there is one. Saves 0.25 µs.
    entry = getattr(dispatcher.get_compile_result(signature), "entry_point", None)
    return cast("Callable[..., int]", dispatcher if entry is None else entry)


def _stamp(*modules: ModuleType) -> int:
    """Return a digest of the code and the constants of modules, the same in every process."""
    digest = 0
    for module in modules:
        for name, thing in sorted(vars(module).items()):
            function = getattr(thing, "py_func", getattr(thing, "_defn", thing))
            code = getattr(function, "__code__", None)
            if code is not None:
                digest = zlib.crc32(_code_text(code), digest)
            elif isinstance(thing, int):
                digest = zlib.crc32(f"{name}={thing}".encode(), digest)
    return digest


def _code_text(code: CodeType) -> bytes:
    """Return what a code object does, without its file and line numbers."""
    inner = [c if not isinstance(c, CodeType) else _code_text(c) for c in code.co_consts]
    return code.co_code + repr((inner, code.co_names, code.co_varnames)).encode()
