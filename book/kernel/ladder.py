"""
Compiled ladder: two sides of a book as sorted columns inside one flat int64 array.

    state   [ header: the slots below | CAPACITY bids | CAPACITY asks ]   a level is: key, lots

A *key* is the price in ticks, negated on the ask side, so that both sides are ascending and the best
level is the last one. Changes happen near the top (on BTCUSDT half of them within 100 levels of it),
so an insert or a delete moves few elements.

A frame lists its levels in order of price. `set_levels` therefore finds each place by galloping on
from the place before, and then moves every stretch between two changes once, by as many places as
the changes below it ask for, instead of moving the whole top for each change.
"""

from __future__ import annotations

from leadline.book.kernel.memory import Ints, compiled, inlined, move

# The header. A fast path may be taken while READY is 1; see `book.engine.compiled`.
N_BIDS, N_ASKS, CAPACITY, LAST_ID, LAST_RECV_NS = 0, 1, 2, 3, 4
BID_TICKS, BID_LOTS, ASK_TICKS, ASK_LOTS = 5, 6, 7, 8
READY, BY_PREV_ID, EPOCH, BOOK, TIME_UNIT_NS, PRUNE_ABOVE = 9, 10, 11, 12, 13, 14
PRICE_DECIMALS, PRICE_UNIT, QTY_DECIMALS, QTY_UNIT = 15, 16, 17, 18
SYMBOL_BYTES, SYMBOL = 19, 20  # its UTF-8 bytes, one a slot
SYMBOL_ROOM = 64
# What the last scan found, for the caller to read: in the book's own array, as others scan meanwhile.
FOUND = SYMBOL + SYMBOL_ROOM
FOUND_ROOM = 10
FIRST, LAST, PREV, TS_EVENT, BIDS_FOUND, ASKS_FOUND = range(FOUND, FOUND + 6)
# … and what it took, where asked: receive -> scan, and the scan, in ns.
QUEUE, DECODE = FOUND + 6, FOUND + 7
TS_TRANSACTION = FOUND + 8  # 0 where the message has none
# The venue's time of the newest diff held, ns; 0 while there is none since the seed.
LAST_EVENT_NS = FOUND + 9
# Tickers and tops that `book.kernel.attest` compares.
ATTEST = FOUND + FOUND_ROOM
ATTEST_ROOM = 872
HEADER = ATTEST + ATTEST_ROOM

# Places of one frame's changes; frames with more go level by level. The largest recorded has 1,226.
MOVES = 4096
WORK_ROOM = 2 * MOVES

BIDS, ASKS = 0, 1  # also the slots N_BIDS, N_ASKS: ``state[side]`` is how many levels a side has


@inlined
def side_at(state: Ints, side: int) -> int:
    """Return where the levels of a side begin."""
    return HEADER + 2 * side * int(state[CAPACITY])


@inlined
def find_below(state: Ints, base: int, high: int, key: int) -> int:
    """
    Return how many of the ``high`` lowest levels are below ``key``, galloping down from ``high``.

    The key itself, if held and lower than the key at ``high``, stands at the place returned.
    """
    step = 1
    low = high - 1
    while low >= 0 and state[base + 2 * low] >= key:
        high = low
        low -= step
        step += step
    low = max(low, -1) + 1  # levels before ``low`` are below the key, those from ``high`` on are not
    count = high - low
    while count > 0:  # without a branch on what is compared, which nobody could predict
        half = (count + 1) >> 1
        low += half if state[base + 2 * (low + half - 1)] < key else 0
        count -= half
    return low


@compiled
def set_level(state: Ints, side: int, key: int, quantity: int) -> None:
    """Set, insert or delete one level; the caller has seen to room for one more."""
    base = side_at(state, side)
    n = state[side]
    place = find_below(state, base, n, key)
    at = base + 2 * place
    if place < n and state[at] == key:
        if quantity != 0:
            state[at + 1] = quantity
            return
        move(state, at, at + 2, 2 * (n - place - 1))
        state[side] = n - 1
    elif quantity != 0:
        move(state, at + 2, at, 2 * (n - place))
        state[at] = key
        state[at + 1] = quantity
        state[side] = n + 1


@compiled
def set_one_by_one(state: Ints, side: int, table: Ints, row: int, count: int) -> None:
    """Set levels in the order given, whatever it is: the last word on a price counts."""
    sign = 1 - 2 * side
    for n in range(count):
        set_level(state, side, sign * table[row + 2 * n], table[row + 2 * n + 1])


@compiled
def set_levels(state: Ints, side: int, table: Ints, row: int, count: int, work: Ints) -> None:
    """Set ``count`` levels found at ``table[row:]``; the caller has seen to room for all of them."""
    if count == 0:
        return
    if count > MOVES:
        set_one_by_one(state, side, table, row, count)
        return
    sign = 1 - 2 * side
    base = side_at(state, side)
    at, step = row, 2
    if sign * table[row] < sign * table[row + 2 * (count - 1)]:
        at, step = row + 2 * (count - 1), -2  # best first
    place = size = state[side]
    changes = by = 0  # work: place and level of each insert (level >= 0) and delete (-1), best first
    above = 0
    for n in range(count):
        key = sign * table[at]
        quantity = table[at + 1]
        if n > 0 and key >= above:  # not in order, or a price twice
            set_one_by_one(state, side, table, row, count)
            return
        above = key
        place = find_below(state, base, place, key)
        held = place < size and state[base + 2 * place] == key
        if quantity != 0 and held:
            state[base + 2 * place + 1] = quantity
        elif quantity != 0 or held:
            work[2 * changes] = place
            work[2 * changes + 1] = -1 if held else at
            changes += 1
            by += -1 if held else 1
        at += step
    if changes > 0:
        shift(state, base, size, by, table, sign, work, changes)
        state[side] = size + by


@inlined
def shift(
    state: Ints, base: int, size: int, by: int, table: Ints, sign: int, work: Ints, changes: int
) -> None:
    """
    Carry out inserts and deletes by moving each stretch between two of them once.

    The stretch above a change moves ``by`` the inserts minus the deletes at and below it; ``by`` comes
    as the sum of all. Stretches that move down are moved lowest first and those that move up highest
    first, so none is overwritten before it moved: a run of either kind ends where the sum is zero, and
    never reaches the other.
    """
    end = size
    sinks = False
    for n in range(changes):  # highest first
        place, level = work[2 * n], work[2 * n + 1]
        start = place if level >= 0 else place + 1
        if by > 0 and end > start:
            move(state, base + 2 * (start + by), base + 2 * start, 2 * (end - start))
        sinks |= by < 0
        end = place
        if level >= 0:
            by -= 1
            if by >= 0:
                at = base + 2 * (place + by)
                state[at] = sign * table[level]
                state[at + 1] = table[level + 1]
        else:
            by += 1
    if not sinks:
        return
    for n in range(changes - 1, -1, -1):  # lowest first; ``by`` is 0 again
        place, level = work[2 * n], work[2 * n + 1]
        start = place if level >= 0 else place + 1
        if level >= 0:
            if by < 0:
                at = base + 2 * (place + by)
                state[at] = sign * table[level]
                state[at + 1] = table[level + 1]
            by += 1
        else:
            by -= 1
        if by < 0:
            end = work[2 * n - 2] if n > 0 else size
            move(state, base + 2 * (start + by), base + 2 * start, 2 * (end - start))


@compiled
def set_both(state: Ints, table: Ints, row: int, bids: int, asks: int, work: Ints) -> bool:
    """Set the levels of a diff, bids first in the table; return True when the top is sound."""
    count = bids
    for side in range(2):  # a loop: with literal sides numba would compile all of it twice
        set_levels(state, side, table, row, count, work)
        row += 2 * count
        count = asks
    return note_top(state)


@compiled
def fill_both(state: Ints, table: Ints, bids: int, asks: int) -> bool:
    """Replace all levels by those of a seed; return True when the top is sound."""
    row, count = 0, bids
    for side in range(2):
        fill(state, side, table, row, count)
        row += 2 * count
        count = asks
    return note_top(state)


@compiled
def fill(state: Ints, side: int, table: Ints, row: int, count: int) -> None:
    """Replace a side by levels that are sorted, best first, and not empty."""
    sign = 1 - 2 * side
    at = side_at(state, side) + 2 * count
    for level in range(row, row + 2 * count, 2):
        at -= 2
        state[at] = sign * table[level]
        state[at + 1] = table[level + 1]
    state[side] = count


@compiled
def note_top(state: Ints) -> bool:
    """Write the best levels into the header; return True when the book is two-sided and uncrossed."""
    bids, asks = state[N_BIDS], state[N_ASKS]
    if bids == 0 or asks == 0:
        return False
    bid = HEADER + 2 * (bids - 1)
    ask = HEADER + 2 * (state[CAPACITY] + asks - 1)
    state[BID_TICKS] = state[bid]
    state[BID_LOTS] = state[bid + 1]
    state[ASK_TICKS] = -state[ask]
    state[ASK_LOTS] = state[ask + 1]
    return bool(state[BID_TICKS] < state[ASK_TICKS])
