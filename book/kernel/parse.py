"""
Compiled scanning of the venue's frames: bytes in, exact integers out, no Python object in between.

The venue writes its frames in one spelling (no spaces, prices and quantities as quoted decimals), and
that spelling is all these functions know. Anything else, valid or not, makes them return `ODD`, and
the caller gives the frame to the venue's decoder, which accepts what is valid and words the error for what
is not. So nothing here has to explain itself, and nothing here may accept what decode would
refuse.

Positions are byte offsets. Reading is safe because every read is either below ``end`` or, where said,
at most at ``end``: CPython ends each bytes object with a zero byte.

Digits are read eight at a time: after ``^ "00000000"`` a digit byte is 0..9, the first byte above 9
ends the number, and three multiplications fold eight digits into one integer (the method of
D. Lemire, "Quickly parsing eight digits", 2018).
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR2004, SIM110 - scanners branch; numba takes no generators

from __future__ import annotations

from leadline.book.kernel.memory import Ints, compiled, inlined, load2, load4, load8, trailing_zeros

ODD = -1  # not the spelling we know: let book.decode look at it
FULL = -2  # no room in the table of levels

QUOTE, POINT, COMMA, COLON = 0x22, 0x2E, 0x2C, 0x3A
OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = 0x7B, 0x7D, 0x5B, 0x5D
BACKSLASH, SPACE, ZERO, NINE, ASCII_END = 0x5C, 0x20, 0x30, 0x39, 0x80

EIGHT_ZEROS = 0x3030303030303030
ABOVE_NINE = 0x7676767676767676  # added to a byte it sets the high bit from 10 on
HIGH_BITS = -0x7F7F7F7F7F7F7F80  # 0x8080808080808080 as a signed integer
PAIRS = 0x000000FF000000FF
LOW_32 = 0xFFFFFFFF
INT64_MAX = 2**63 - 1

COMMA_QUOTE = 0x222C  # ,"
OPEN_TWO = 0x5B5B  # [[
OPEN_CLOSE = 0x5D5B  # []
NEXT_LEVEL = 0x5B2C5D  # ],[
CLOSE_TWO = 0x5D5D  # ]]
TRUE, FALS, NULL = 0x65757274, 0x736C6166, 0x6C6C756E


@inlined
def eight_digits(digits: int) -> int:
    """Fold eight bytes of 0..9, the most significant in the lowest byte, into one integer."""
    pairs = digits * 10 + (digits >> 8)
    low = (pairs & PAIRS) * 0x000F424000000064
    high = ((pairs >> 16) & PAIRS) * 0x0000271000000001
    return ((low + high) >> 32) & LOW_32


@inlined
def count_digits(digits: int) -> int:
    """Count the bytes from the lowest on that are 0..9; 8 when all are."""
    return trailing_zeros(((digits + ABOVE_NINE) | digits) & HIGH_BITS) >> 3


@compiled
def slow_decimal(frame: bytes, at: int, end: int, decimals: int) -> tuple[int, int]:
    """Read a quoted decimal digit by digit: long ones, and those near the end of the frame."""
    value = 0
    kept = -1  # decimals read; -1 before the point
    start = at
    while at < end:
        char = frame[at]
        if char == QUOTE:
            if at == start or frame[at - 1] == POINT:
                return ODD, at
            for _ in range(decimals - max(kept, 0)):
                if value > INT64_MAX // 10:
                    return ODD, at
                value *= 10
            return value, at + 1
        if char == POINT:
            if kept >= 0 or at == start:
                return ODD, at
            kept = 0
        elif ZERO <= char <= NINE:
            if kept >= 0:
                kept += 1
            if kept > decimals:
                if char != ZERO:
                    return ODD, at  # off the scale
                kept = decimals
            else:
                digit = char - ZERO
                if value > (INT64_MAX - digit) // 10:
                    return ODD, at  # past 64 bits
                value = value * 10 + digit
        else:
            return ODD, at
        at += 1
    return ODD, at


@inlined
def decimal(frame: bytes, at: int, end: int, decimals: int, unit: int) -> tuple[int, int]:
    """
    Read a decimal that began after its opening quote; return it in ``1/unit``, and where it ended.

    ``unit`` is ``10**decimals``. Exact or `ODD`; the end is behind the closing quote.
    """
    if at + 24 <= end and decimals <= 8:
        digits = load8(frame, at) ^ EIGHT_ZEROS
        n = count_digits(digits)
        if 0 < n < 8 and frame[at + n] == POINT:
            whole = eight_digits(digits << (64 - 8 * n))
            at_fraction = at + n + 1
            digits = load8(frame, at_fraction) ^ EIGHT_ZEROS
            n = count_digits(digits)
            if n > 0 and frame[at_fraction + n] == QUOTE:
                if n < 8:
                    digits &= (1 << (8 * n)) - 1
                if decimals < 8 and digits >> (8 * decimals) != 0:
                    return ODD, at  # off the scale
                if decimals > 0:
                    whole = whole * unit + eight_digits(digits << (64 - 8 * decimals))
                return whole, at_fraction + n + 1
    return slow_decimal(frame, at, end, decimals)


@compiled
def integer(frame: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a bare integer of at most 18 digits; return it (or `ODD`) and where it ended."""
    start = at
    value = 0
    while at < end:
        digit = frame[at] - ZERO
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        at += 1
    n = at - start
    if n == 0 or n > 18 or (n > 1 and frame[start] == ZERO):
        return ODD, at
    return value, at


@compiled
def string_end(frame: bytes, at: int, end: int) -> int:
    """Return where the plain ASCII string that began after its quote has its closing quote, or `ODD`."""
    while at < end:
        char = frame[at]
        if char == QUOTE:
            return at
        if char == BACKSLASH or char < SPACE or char >= ASCII_END:
            return ODD
        at += 1
    return ODD


@compiled
def skip_value(frame: bytes, at: int, end: int) -> int:
    """Return where the value of a field we do not use ends: a string, an integer, a word; else `ODD`."""
    if at + 5 > end:
        return ODD
    char = frame[at]
    if char == QUOTE:
        close = string_end(frame, at + 1, end)
        return ODD if close < 0 else close + 1
    if ZERO <= char <= NINE:
        value, at = integer(frame, at, end)
        return ODD if value < 0 else at
    word = load4(frame, at)
    if word in (TRUE, NULL):
        return at + 4
    if word == FALS and frame[at + 4] == 0x65:
        return at + 5
    return ODD


@compiled
def same_text(frame: bytes, at: int, end: int, text: Ints, first: int, count: int) -> bool:
    """Tell whether ``count`` bytes and a quote stand at ``at``; ``text[first:]`` holds one byte each."""
    if count <= 0 or at + count >= end or frame[at + count] != QUOTE:
        return False
    for n in range(count):
        if frame[at + n] != text[first + n]:
            return False
    return True


@compiled
def levels(
    frame: bytes, at: int, end: int, units: tuple[int, int, int, int], out: Ints, row: int, limit: int
) -> tuple[int, int]:
    """
    Read ``[["price","quantity"],…]`` into ``out`` from ``row`` on, a level being two numbers.

    ``units`` is price decimals, their unit, quantity decimals, their unit. Returns how many levels,
    or `ODD`, or `FULL` when they would pass ``limit``; and the place behind the closing bracket.
    """
    if at + 2 > end:
        return ODD, at
    first = load2(frame, at)
    if first == OPEN_CLOSE:
        return 0, at + 2
    if first != OPEN_TWO:
        return ODD, at
    price_decimals, price_unit, qty_decimals, qty_unit = units
    start = row
    at += 2
    while True:
        if at >= end or frame[at] != QUOTE:
            return ODD, at
        price, at = decimal(frame, at + 1, end, price_decimals, price_unit)
        if price < 0 or at + 2 > end or load2(frame, at) != COMMA_QUOTE:
            return ODD, at
        quantity, at = decimal(frame, at + 2, end, qty_decimals, qty_unit)
        if quantity < 0 or at + 3 > end:
            return ODD, at
        if row + 2 > limit:
            return FULL, at
        out[row] = price
        out[row + 1] = quantity
        row += 2
        closing = load4(frame, at) & 0xFFFFFF  # at + 3 <= end: the fourth is at most the final zero
        if closing == NEXT_LEVEL:
            at += 3
        elif closing & 0xFFFF == CLOSE_TWO:
            return (row - start) >> 1, at + 2
        else:
            return ODD, at
