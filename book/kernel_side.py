"""
Compiled ladder: two sides of a book as sorted columns inside one flat int64 array.

    state   [ header: the slots below | bid keys | bid lots | ask keys | ask lots ]   each CAPACITY long

A *key* is the price in ticks, negated on the ask side, so that both sides are ascending and the best
level is the last one. Changes happen near the top (on BTCUSDT half of them within 100 levels of it),
so an insert or a delete moves few elements.

A frame lists its levels in order of price. `set_levels` therefore finds each place by galloping on
from the place before, and then moves every stretch between two changes once, by as many places as
the changes below it ask for, instead of moving the whole top for each change.
"""

from __future__ import annotations

from book.kernel_memory import Ints, compiled, inlined, move

# The header. A fast path may be taken while READY is 1; see book.compiled.
N_BIDS, N_ASKS, CAPACITY, LAST_ID, LAST_RECV_NS = 0, 1, 2, 3, 4
BID_TICKS, BID_LOTS, ASK_TICKS, ASK_LOTS = 5, 6, 7, 8
READY, FUTURES, EPOCH, BOOK, TIME_UNIT_NS, PRUNE_ABOVE = 9, 10, 11, 12, 13, 14
PRICE_DECIMALS, PRICE_UNIT, QTY_DECIMALS, QTY_UNIT = 15, 16, 17, 18
SYMBOL_BYTES, SYMBOL = 19, 20  # its UTF-8 bytes, one a slot
SYMBOL_ROOM = 64
HEADER = SYMBOL + SYMBOL_ROOM

# Places of one frame's changes; frames with more go level by level. The largest recorded has 1,226.
MOVES = 4096
FOUND = 2 * MOVES  # in the working space, behind the places: what was scanned
WORK_ROOM = FOUND + 8

BIDS, ASKS = 0, 1


@inlined
def keys_at(state: Ints, side: int) -> int:
    """Return where the keys of a side begin; its lots begin CAPACITY later."""
    return HEADER + 2 * side * int(state[CAPACITY])


@compiled
def find_below(state: Ints, keys: int, high: int, key: int) -> int:
    """
    Return how many of the ``high`` lowest keys are below ``key``, galloping down from ``high``.

    The key itself, if held and lower than the key at ``high``, stands at the place returned.
    """
    step = 1
    low = high - 1
    while low >= 0 and state[keys + low] >= key:
        high = low
        low -= step
        step += step
    low = max(low, -1) + 1  # keys below ``low`` are smaller, those from ``high`` on are not
    while low < high:
        middle = (low + high) >> 1
        if state[keys + middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def set_level(state: Ints, side: int, key: int, quantity: int) -> None:
    """Set, insert or delete one level; the caller has seen to room for one more."""
    keys = keys_at(state, side)
    lots = keys + state[CAPACITY]
    n = state[side]
    at = find_below(state, keys, n, key)
    if at < n and state[keys + at] == key:
        if quantity != 0:
            state[lots + at] = quantity
            return
        move(state, keys + at, keys + at + 1, n - at - 1)
        move(state, lots + at, lots + at + 1, n - at - 1)
        state[side] = n - 1
    elif quantity != 0:
        move(state, keys + at + 1, keys + at, n - at)
        move(state, lots + at + 1, lots + at, n - at)
        state[keys + at] = key
        state[lots + at] = quantity
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
    keys = keys_at(state, side)
    lots = keys + state[CAPACITY]
    at, step = row, 2
    if sign * table[row] < sign * table[row + 2 * (count - 1)]:
        at, step = row + 2 * (count - 1), -2  # best first
    place = size = state[side]
    changes = 0  # work: place and level of each insert (level >= 0) and delete (-1), best first
    above = 0
    for n in range(count):
        key = sign * table[at]
        quantity = table[at + 1]
        if n > 0 and key >= above:  # not in order, or a price twice
            set_one_by_one(state, side, table, row, count)
            return
        above = key
        place = find_below(state, keys, place, key)
        if place < size and state[keys + place] == key:
            if quantity != 0:
                state[lots + place] = quantity
            else:
                work[2 * changes] = place
                work[2 * changes + 1] = -1
                changes += 1
        elif quantity != 0:
            work[2 * changes] = place
            work[2 * changes + 1] = at
            changes += 1
        at += step
    if changes > 0:
        shift(state, keys, lots, size, table, sign, work, changes)
        state[side] = size + grown(work, changes)


@compiled
def grown(work: Ints, changes: int) -> int:
    """Return inserts minus deletes."""
    by = 0
    for n in range(changes):
        by += 1 if work[2 * n + 1] >= 0 else -1
    return by


@inlined
def shift_stretch(state: Ints, keys: int, lots: int, start: int, end: int, by: int) -> None:
    """Move a stretch of both columns by ``by`` places."""
    if end > start:
        move(state, keys + start + by, keys + start, end - start)
        move(state, lots + start + by, lots + start, end - start)


@compiled
def shift(
    state: Ints, keys: int, lots: int, size: int, table: Ints, sign: int, work: Ints, changes: int
) -> None:
    """
    Carry out inserts and deletes by moving each stretch between two of them once.

    The stretch above a change moves by the inserts minus the deletes at and below it. Stretches that
    move down are moved lowest first and those that move up highest first, so none is overwritten
    before it moved: a run of either kind ends where the sum is zero, and never reaches the other.
    """
    by = 0
    for n in range(changes - 1, -1, -1):  # lowest first
        place, level = work[2 * n], work[2 * n + 1]
        if level >= 0:
            if by < 0:
                state[keys + place + by] = sign * table[level]
                state[lots + place + by] = table[level + 1]
            by += 1
        else:
            by -= 1
            place += 1
        if by < 0:
            shift_stretch(state, keys, lots, place, work[2 * n - 2] if n > 0 else size, by)
    end = size
    for n in range(changes):  # highest first; ``by`` is what the stretch above change n moves by
        place, level = work[2 * n], work[2 * n + 1]
        if by > 0:
            shift_stretch(state, keys, lots, place if level >= 0 else place + 1, end, by)
        end = place
        if level >= 0:
            by -= 1
            if by >= 0:
                state[keys + place + by] = sign * table[level]
                state[lots + place + by] = table[level + 1]
        else:
            by += 1


@compiled
def fill(state: Ints, side: int, table: Ints, row: int, count: int) -> None:
    """Replace a side by levels that are sorted, best first, and not empty."""
    sign = 1 - 2 * side
    keys = keys_at(state, side)
    lots = keys + state[CAPACITY]
    for n in range(count):
        state[keys + count - 1 - n] = sign * table[row + 2 * n]
        state[lots + count - 1 - n] = table[row + 2 * n + 1]
    state[side] = count


@compiled
def note_top(state: Ints) -> bool:
    """Write the best levels into the header; return True when the book is two-sided and uncrossed."""
    bids, asks = state[N_BIDS], state[N_ASKS]
    if bids == 0 or asks == 0:
        return False
    capacity = state[CAPACITY]
    bid = HEADER + bids - 1
    ask = HEADER + 2 * capacity + asks - 1
    state[BID_TICKS] = state[bid]
    state[BID_LOTS] = state[bid + capacity]
    state[ASK_TICKS] = -state[ask]
    state[ASK_LOTS] = state[ask + capacity]
    return bool(state[BID_TICKS] < state[ASK_TICKS])
