"""
The compiled way of a frame: bytes -> exact integers -> book -> row in the batch, in one call.

Each function here is an entry that Python calls; the work is in `scan` (beside this file) and
`book.kernel.accept`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from leadline.book.kernel import accept, attest, ladder, memory, parse
from leadline.book.kernel.accept import (
    FULL,
    LEVEL_ROOM,
    LEVELS,
    LEVELS_AT,
    TICKER_ROOM,
    TICKER_WIDTH,
    TICKERS,
    TICKERS_AT,
    TRADE_ROOM,
    TRADE_WIDTH,
    TRADES,
    TRADES_AT,
    accept_depth,
    accept_ticker,
    accept_trade,
)
from leadline.book.kernel.entries import NUMBER, TABLE, TEXT, entry, stamp_of
from leadline.book.kernel.ladder import DECODE, QUEUE
from leadline.book.kernel.memory import Ints, mono_ns
from leadline.book.venues.binance import scan
from leadline.book.venues.binance.scan import scan_depth, scan_snapshot, scan_ticker, scan_trade
from leadline.book.venues.common.scanner import Scanner


def _receive_depth(stamp: int) -> Callable[..., int]:
    def receive_depth(
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
        return accept_depth(state, batch, row, work, ts_recv_ns, recv_mono_ns)

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
            accept_trade(state, batch, at, ts_recv_ns)
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
        return code if code != 0 else accept_ticker(state, batch, at, ts_recv_ns)

    return receive_ticker


def _read_snapshot(stamp: int) -> Callable[..., int]:
    def read_snapshot(body: bytes, state: Ints, out: Ints) -> int:
        """Read the venue's depth snapshot into ``out`` and the header; the levels stay as they are."""
        _ = stamp
        return scan_snapshot(body, state, out)

    return read_snapshot


@cache
def scanner() -> Scanner:
    """Load the entries, compiling what numba has not kept: 0.3 s, or 10 s the first time."""
    stamp = stamp_of(memory, parse, ladder, attest, accept, scan)
    return Scanner(
        entry(_receive_depth(stamp), TEXT, NUMBER, TABLE, TABLE, TABLE, NUMBER, NUMBER),
        entry(_receive_trade(stamp), TEXT, NUMBER, TABLE, TABLE, NUMBER),
        entry(_receive_ticker(stamp), TEXT, NUMBER, TABLE, TABLE, NUMBER),
        entry(_read_snapshot(stamp), TEXT, TABLE, TABLE),
    )
