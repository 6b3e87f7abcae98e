"""
Compiled attestation: the comparisons of `book.trust.attestation`, inside the book's own array.

    ATTEST  [ the slots below | TICKERS rows: id, top | WAITING rows: id, receive time, top, since ]

A top is four slots: bid ticks and lots, ask ticks and lots; ``since`` two: at which ids best bid and best
ask became what they are. Rows are used in turn: the n-th ticker lies in row n modulo TICKERS. The functions
return 1 if Python must look at what was found, else 0.
"""

from __future__ import annotations

from leadline.book.kernel.ladder import ATTEST, ATTEST_ROOM, BID_TICKS, LAST_ID, LAST_RECV_NS
from leadline.book.kernel.memory import Ints, compiled, inlined
from leadline.book.rows.evidence import Kind
from leadline.book.trust import attestation

TICKERS, WAITING = attestation.TICKERS, attestation.WAITING
HEARD = ATTEST  # tickers taken since the last `forget`
FIRST_WAITING, NEXT_WAITING = ATTEST + 1, ATTEST + 2  # counts of books, never going back
EQUAL_ID, BRACKETED, MISSES, UNCHECKED = ATTEST + 3, ATTEST + 4, ATTEST + 5, ATTEST + 6
AGREED_ID, AGREED_NS, STREAK = ATTEST + 7, ATTEST + 8, ATTEST + 9
CLOSELY = ATTEST + 10
TURN_NS = ATTEST + 11  # a diff received then or later makes Python look: its minute is over
MISS_KIND, MISS_BOOK_ID, MISS_OURS = ATTEST + 12, ATTEST + 13, ATTEST + 14
MISS_TICKER = ATTEST + 18  # id, top
MISS_NEXT_ID = ATTEST + 23
UNSURE_ID = ATTEST + 24
SINCE = ATTEST + 25  # at which ids best bid and best ask became …
TOP = ATTEST + 27  # … what they are
TICKER_ROWS, TICKER_WIDTH = ATTEST + 31, 5
BOOK_ROWS, BOOK_WIDTH = TICKER_ROWS + TICKERS * TICKER_WIDTH, 8
END = BOOK_ROWS + WAITING * BOOK_WIDTH
assert END <= ATTEST + ATTEST_ROOM

HEAL_AFTER = attestation.HEAL_AFTER
KIND_EQUAL_ID = int(Kind.EQUAL_ID)
KIND_BRACKETED = int(Kind.BRACKETED)


@inlined
def ticker_row(number: int) -> int:
    """Return where the ``number``-th ticker lies."""
    return TICKER_ROWS + (number % TICKERS) * TICKER_WIDTH


@inlined
def book_row(number: int) -> int:
    """Return where the ``number``-th waiting book lies."""
    return BOOK_ROWS + (number % WAITING) * BOOK_WIDTH


@inlined
def explain(state: Ints, book: int, ticker: int, closing: int) -> bool:
    """Tell whether tickers that were left out between two rows explain the top of a book's row."""
    for side in range(2):
        ours, before, after = book + 2 + 2 * side, ticker + 1 + 2 * side, closing + 1 + 2 * side
        is_before = state[ours] == state[before] and state[ours + 1] == state[before + 1]
        is_after = state[ours] == state[after] and state[ours + 1] == state[after + 1]
        if not is_before and not (is_after and state[book + 6 + side] > state[ticker]):
            return False
    return True


@compiled
def compare(state: Ints, book: int, ticker: int, closing: int) -> int:
    """Compare a book's row with that of the ticker in force, which ``closing`` follows; -1: equal ids."""
    kind = KIND_EQUAL_ID if closing < 0 else KIND_BRACKETED
    if (
        state[book + 2] == state[ticker + 1]
        and state[book + 3] == state[ticker + 2]
        and state[book + 4] == state[ticker + 3]
        and state[book + 5] == state[ticker + 4]
    ):
        state[EQUAL_ID + kind - 1] += 1
        if state[MISS_KIND] == 0:
            state[AGREED_ID] = state[book]
            state[AGREED_NS] = state[book + 1]
        state[STREAK] += HEAL_AFTER if kind == KIND_EQUAL_ID else 1
        return int(state[CLOSELY])
    if closing >= 0 and explain(state, book, ticker, closing):
        state[UNCHECKED] += 1
        state[UNSURE_ID] = state[book]
        return 0
    state[EQUAL_ID + kind - 1] += 1
    state[MISSES] += 1
    state[STREAK] = 0
    state[MISS_KIND] = kind
    state[MISS_BOOK_ID] = state[book]
    for n in range(4):
        state[MISS_OURS + n] = state[book + 2 + n]
    for n in range(5):
        state[MISS_TICKER + n] = state[ticker + n]
    next_id = state[closing] if closing >= 0 else -1
    state[MISS_NEXT_ID] = next_id
    while state[FIRST_WAITING] < state[NEXT_WAITING] and (
        kind == KIND_EQUAL_ID or state[book_row(state[FIRST_WAITING])] < next_id
    ):
        state[FIRST_WAITING] += 1
    return 1


@compiled
def hear_ticker(state: Ints, table: Ints, at: int) -> int:
    """Take the ticker whose id, and top behind it, lie at ``table[at]``."""
    heard = state[HEARD]
    newest = table[at]
    if heard > 0 and newest <= state[ticker_row(heard - 1)]:
        return 0
    row = ticker_row(heard)
    before = ticker_row(heard - 1) if heard > 0 else -1
    for n in range(TICKER_WIDTH):
        state[row + n] = table[at + n]
    state[HEARD] = heard + 1
    told = 0
    while state[FIRST_WAITING] < state[NEXT_WAITING]:
        book = book_row(state[FIRST_WAITING])
        if state[book] > newest:
            break
        state[FIRST_WAITING] += 1
        if state[book] == newest:
            told |= compare(state, book, row, -1)
        elif before >= 0:
            told |= compare(state, book, before, row)
        else:
            state[UNCHECKED] += 1
    return told


@compiled
def check_book(state: Ints) -> int:
    """Take the top as it stands in the header."""
    last = state[LAST_ID]
    number = state[HEARD] - 1
    waits = number < 0 or state[ticker_row(number)] < last
    if waits and state[NEXT_WAITING] - state[FIRST_WAITING] == WAITING:
        state[FIRST_WAITING] += 1
        state[UNCHECKED] += 1
    # A book that need not wait lies in the next row as well: none waits then, all are below its id.
    book = book_row(state[NEXT_WAITING])
    state[book] = last
    state[book + 1] = state[LAST_RECV_NS]
    for side in range(2):
        price, lots = state[BID_TICKS + 2 * side], state[BID_TICKS + 2 * side + 1]
        if price != state[TOP + 2 * side] or lots != state[TOP + 2 * side + 1]:
            state[TOP + 2 * side], state[TOP + 2 * side + 1] = price, lots
            state[SINCE + side] = last
        state[book + 2 + 2 * side], state[book + 3 + 2 * side] = price, lots
        state[book + 6 + side] = state[SINCE + side]
    if waits:
        state[NEXT_WAITING] += 1
        return 0
    oldest = max(0, state[HEARD] - TICKERS)
    closing = -1
    while number >= oldest:
        ticker = ticker_row(number)
        if state[ticker] == last:
            return compare(state, book, ticker, -1)
        if state[ticker] < last:
            return compare(state, book, ticker, closing)
        closing = ticker
        number -= 1
    state[UNCHECKED] += 1
    return 0
