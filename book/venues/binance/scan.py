"""
Compiled scanning of whole messages: depth diffs, trades, book tickers, snapshots.

Each function walks the fields of one JSON object in whatever order they come, keeps the numbers it
knows, skips plain fields it does not, and returns 0; or `ODD`, or `FULL` (see `book.kernel.parse`).
A field that comes twice, a missing one, or another symbol's message is `ODD`.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR2004 - scanners branch; 255 is: every field seen,
# 256 one that may be missing

from __future__ import annotations

from leadline.book.kernel.ladder import (
    ASKS_FOUND,
    BIDS_FOUND,
    BY_PREV_ID,
    FIRST,
    LAST,
    PREV,
    PRICE_DECIMALS,
    PRICE_UNIT,
    QTY_DECIMALS,
    QTY_UNIT,
    SYMBOL,
    SYMBOL_BYTES,
    TIME_UNIT_NS,
    TS_EVENT,
    TS_TRANSACTION,
)
from leadline.book.kernel.memory import Ints, compiled, inlined, load2, load4, load8
from leadline.book.kernel.parse import (
    BACKSLASH,
    CLOSE,
    COLON,
    COMMA,
    INT64_MAX,
    ODD,
    OPEN,
    QUOTE,
    decimal,
    integer,
    levels,
    same_text,
    skip_value,
    string_end,
)

# Keys: the letter itself, or a number above all letters; -1 stands for one we do not use.
KEY_A, KEY_B, KEY_E, KEY_M, KEY_P, KEY_Q, KEY_S, KEY_T, KEY_U = (ord(c) for c in "abempqstu")
BIG_A, BIG_B, BIG_E, BIG_T, BIG_U, BIG_X = (ord(c) for c in "ABETUX")
LETTER_A, LETTER_Z = ord("A"), ord("z")
KEY_PU, PU_TEXT = 0x100, int.from_bytes(b'"pu"', "little")
OTHER = -1

DEPTH_HEAD, DEPTH_TAIL = (int.from_bytes(t, "little") for t in (b'"depthUp', b'hUpdate"'))
MARKET_TEXT = int.from_bytes(b'"MARKET"', "little")
TRADE_TEXT = int.from_bytes(b'"trade",', "little")
TICKER_HEAD, TICKER_TAIL = (int.from_bytes(t, "little") for t in (b'"bookTic', b'kTicker"'))
TRUE, FALS = (int.from_bytes(t, "little") for t in (b"true", b"fals"))
LAST_UPDATE_HEAD, LAST_UPDATE_TAIL = (int.from_bytes(t, "little") for t in (b"lastUpda", b'pdateId"'))
BIDS_TEXT, ASKS_TEXT = (int.from_bytes(t, "little") for t in (b"bids", b"asks"))


@compiled
def key_and_value(frame: bytes, at: int, end: int) -> tuple[int, int]:
    """Read ``"key":``; return the key as a number, or `OTHER`, and where its value begins (or `ODD`)."""
    if at + 6 > end or frame[at] != QUOTE:
        return OTHER, ODD
    word = load4(frame, at)
    letter = (word >> 8) & 0xFF
    if (word >> 16) == (COLON << 8 | QUOTE) and LETTER_A <= letter <= LETTER_Z and letter != BACKSLASH:
        return letter, at + 4
    if word == PU_TEXT and frame[at + 4] == COLON:
        return KEY_PU, at + 5
    close = string_end(frame, at + 1, end)
    if close < 0 or close + 1 >= end or frame[close + 1] != COLON:
        return OTHER, ODD
    return OTHER, close + 2


@inlined
def field_end(frame: bytes, at: int, end: int) -> int:
    """Return 1 where another field follows, 0 at the end of the object, else `ODD`."""
    if at < 0 or at >= end:
        return ODD
    if frame[at] == COMMA:
        return 1
    return 0 if frame[at] == CLOSE else ODD


@compiled
def symbol_end(frame: bytes, at: int, end: int, state: Ints) -> int:
    """Return where the quoted symbol ends if it is this book's, else `ODD`."""
    if at >= end or frame[at] != QUOTE:
        return ODD
    count = state[SYMBOL_BYTES]
    if not same_text(frame, at + 1, end, state, SYMBOL, count):
        return ODD
    return at + int(count) + 2


@compiled
def scan_depth(frame: bytes, start: int, state: Ints, out: Ints, row: int, limit: int) -> int:
    """Scan a ``depthUpdate``: its levels go to ``out[row:limit]``, bids first, the rest to the header."""
    end = len(frame)
    if start < 0 or start >= end or frame[start] != OPEN:
        return ODD
    units = (state[PRICE_DECIMALS], state[PRICE_UNIT], state[QTY_DECIMALS], state[QTY_UNIT])
    at = start + 1
    seen = 0
    state[TS_TRANSACTION] = 0
    while True:
        key, at = key_and_value(frame, at, end)
        if at < 0:
            return ODD
        if key == KEY_E:
            bit = 1
            if at + 13 > end or load8(frame, at) != DEPTH_HEAD or load8(frame, at + 5) != DEPTH_TAIL:
                return ODD
            at += 13
        elif key == BIG_E:
            bit = 2
            ms, at = integer(frame, at, end)
            if ms < 0 or ms > INT64_MAX // state[TIME_UNIT_NS]:
                return ODD
            state[TS_EVENT] = ms * state[TIME_UNIT_NS]
        elif key == BIG_T:
            bit = 256
            ms, at = integer(frame, at, end)
            if ms < 0 or ms > INT64_MAX // state[TIME_UNIT_NS]:
                return ODD
            state[TS_TRANSACTION] = ms * state[TIME_UNIT_NS]
        elif key == KEY_S:
            bit = 4
            at = symbol_end(frame, at, end, state)
        elif key == BIG_U:
            bit = 8
            state[FIRST], at = integer(frame, at, end)
            if state[FIRST] < 0:
                return ODD
        elif key == KEY_U:
            bit = 16
            state[LAST], at = integer(frame, at, end)
            if state[LAST] < 0:
                return ODD
        elif key == KEY_PU:
            bit = 32
            state[PREV], at = integer(frame, at, end)
            if state[PREV] < 0:
                return ODD
        elif key == KEY_B:
            bit = 64
            count, at = levels(frame, at, end, units, out, row, limit)
            if count < 0:
                return count
            state[BIDS_FOUND] = count
            row += 2 * count
        elif key == KEY_A and seen & 64:
            bit = 128
            count, at = levels(frame, at, end, units, out, row, limit)
            if count < 0:
                return count
            state[ASKS_FOUND] = count
        else:
            bit = 0
            at = ODD if key == KEY_A else skip_value(frame, at, end)
        more = field_end(frame, at, end)
        if more < 0 or seen & bit:
            return ODD
        seen |= bit
        at += 1
        if more == 0:
            break
    if not seen & 32:
        state[PREV] = -1
    if seen | 32 | 256 != 511 or (state[BY_PREV_ID] and not seen & 32) or state[FIRST] > state[LAST]:
        return ODD
    return 0


@compiled
def scan_trade(frame: bytes, start: int, state: Ints, out: Ints, row: int) -> int:
    """Scan a ``trade`` into the row of ``Batch.trades`` that begins at ``out[row]``."""
    end = len(frame)
    if start < 0 or start >= end or frame[start] != OPEN:
        return ODD
    unit_ns = state[TIME_UNIT_NS]
    at = start + 1
    seen = 0
    while True:
        key, at = key_and_value(frame, at, end)
        if at < 0:
            return ODD
        number = 0
        if key == KEY_E:
            bit = 1
            if at + 8 > end or load8(frame, at) != TRADE_TEXT:
                return ODD
            at += 7
        elif key in (BIG_E, BIG_T):
            bit = 2 if key == BIG_E else 4
            number, at = integer(frame, at, end)
            if number > INT64_MAX // unit_ns:
                return ODD
            out[row + (1 if key == BIG_E else 3)] = number * unit_ns
        elif key == KEY_S:
            bit = 8
            at = symbol_end(frame, at, end, state)
        elif key == KEY_T:
            bit = 16
            number, at = integer(frame, at, end)
            out[row + 4] = number
        elif key in (KEY_P, KEY_Q):
            bit = 32 if key == KEY_P else 64
            if at + 1 >= end or frame[at] != QUOTE:
                return ODD
            if key == KEY_P:
                number, at = decimal(frame, at + 1, end, state[PRICE_DECIMALS], state[PRICE_UNIT])
                out[row + 5] = number
            else:
                number, at = decimal(frame, at + 1, end, state[QTY_DECIMALS], state[QTY_UNIT])
                out[row + 6] = number
        elif key == BIG_X:  # any other word says that it was no trade of the market
            bit = 256
            if at + 8 > end or load8(frame, at) != MARKET_TEXT:
                return ODD
            at += 8
        elif key == KEY_M:
            bit = 128
            if at + 5 > end:
                return ODD
            out[row + 7] = load4(frame, at) == TRUE
            if not out[row + 7] and load4(frame, at) != FALS:
                return ODD
            at = skip_value(frame, at, end)
        else:
            bit = 0
            at = skip_value(frame, at, end)
        more = field_end(frame, at, end)
        if number < 0 or more < 0 or seen & bit:
            return ODD
        seen |= bit
        at += 1
        if more == 0:
            return 0 if seen | 256 == 511 and out[row + 5] != 0 else ODD


@compiled
def scan_ticker(frame: bytes, start: int, state: Ints, out: Ints, row: int) -> int:
    """Scan a ``bookTicker`` into the row of ``Batch.tickers`` that begins at ``out[row]``."""
    end = len(frame)
    if start < 0 or start >= end or frame[start] != OPEN:
        return ODD
    at = start + 1
    seen = 0
    out[row + 1] = out[row + 8] = 0
    while True:
        key, at = key_and_value(frame, at, end)
        if at < 0:
            return ODD
        number = 0
        if key == KEY_E:
            bit = 1
            if at + 12 > end or load8(frame, at) != TICKER_HEAD or load8(frame, at + 4) != TICKER_TAIL:
                return ODD
            at += 12
        elif key == BIG_E:
            bit = 2
            number, at = integer(frame, at, end)
            if number > INT64_MAX // state[TIME_UNIT_NS]:
                return ODD
            out[row + 1] = number * state[TIME_UNIT_NS]
        elif key == BIG_T:
            bit = 256
            number, at = integer(frame, at, end)
            if number > INT64_MAX // state[TIME_UNIT_NS]:
                return ODD
            out[row + 8] = number * state[TIME_UNIT_NS]
        elif key == KEY_S:
            bit = 4
            at = symbol_end(frame, at, end, state)
        elif key == KEY_U:
            bit = 8
            number, at = integer(frame, at, end)
            out[row + 3] = number
        elif key in (KEY_B, KEY_A):
            bit = 16 if key == KEY_B else 32
            if at + 1 >= end or frame[at] != QUOTE:
                return ODD
            number, at = decimal(frame, at + 1, end, state[PRICE_DECIMALS], state[PRICE_UNIT])
            out[row + (4 if key == KEY_B else 6)] = number
        elif key in (BIG_B, BIG_A):
            bit = 64 if key == BIG_B else 128
            if at + 1 >= end or frame[at] != QUOTE:
                return ODD
            number, at = decimal(frame, at + 1, end, state[QTY_DECIMALS], state[QTY_UNIT])
            out[row + (5 if key == BIG_B else 7)] = number
        else:
            bit = 0
            at = skip_value(frame, at, end)
        more = field_end(frame, at, end)
        if number < 0 or more < 0 or seen & bit:
            return ODD
        seen |= bit
        at += 1
        if more == 0:
            return 0 if seen | 3 | 256 == 511 else ODD


@compiled
def sorted_side(out: Ints, row: int, count: int, sign: int) -> int:
    """Leave out empty levels; return how many are left; `ODD` unless prices rise (sign 1) or fall (-1)."""
    kept = row
    before = 0
    for at in range(row, row + 2 * count, 2):
        price = out[at]
        if at > row and sign * price <= sign * before:
            return ODD
        before = price
        out[kept] = price
        out[kept + 1] = out[at + 1]
        if out[at + 1] != 0:
            kept += 2
    return (kept - row) >> 1


@compiled
def scan_snapshot(body: bytes, state: Ints, out: Ints) -> int:
    """Scan a REST depth answer: its levels go to ``out``, bids first, the rest to the header."""
    end = len(body)
    if end < 2 or body[0] != OPEN:
        return ODD
    units = (state[PRICE_DECIMALS], state[PRICE_UNIT], state[QTY_DECIMALS], state[QTY_UNIT])
    row, at, seen = 0, 1, 0
    state[TS_EVENT], state[TS_TRANSACTION] = -1, 0
    while True:
        bit = 0
        if at + 9 > end or body[at] != QUOTE:
            return ODD
        if (
            at + 15 < end
            and load8(body, at + 1) == LAST_UPDATE_HEAD
            and load8(body, at + 6) == LAST_UPDATE_TAIL
        ):
            bit = 1
            if body[at + 14] != COLON:
                return ODD
            state[LAST], at = integer(body, at + 15, end)
            if state[LAST] < 0:
                return ODD
        elif load2(body, at + 5) == (COLON << 8 | QUOTE) and load4(body, at + 1) in (BIDS_TEXT, ASKS_TEXT):
            is_bids = load4(body, at + 1) == BIDS_TEXT
            bit = 2 if is_bids else 4
            if not is_bids and not seen & 2:
                return ODD
            count, at = levels(body, at + 7, end, units, out, row, len(out))
            if count > 0:
                count = sorted_side(out, row, count, -1 if is_bids else 1)
            if count < 0:
                return ODD
            state[BIDS_FOUND if is_bids else ASKS_FOUND] = count
            row += 2 * count
        else:
            key, at = key_and_value(body, at, end)
            if at < 0:
                return ODD
            if key in (BIG_E, BIG_T):
                bit = 8 if key == BIG_E else 16
                ms, at = integer(body, at, end)
                if ms < 0 or ms > INT64_MAX // state[TIME_UNIT_NS]:
                    return ODD
                state[TS_EVENT if key == BIG_E else TS_TRANSACTION] = ms * state[TIME_UNIT_NS]
            else:
                at = skip_value(body, at, end)
        more = field_end(body, at, end)
        if more < 0 or seen & bit:
            return ODD
        seen |= bit
        at += 1
        if more == 0:
            return 0 if seen & 7 == 7 else ODD
