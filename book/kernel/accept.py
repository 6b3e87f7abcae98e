"""
What becomes of a frame once a venue's scanner has read it: into the book, into the batch, or not.

The scanner of a venue (`book.venues.common.scanner`) leaves numbers in the book's header and levels in
the free tail of the batch. The functions here are compiled into its entries. They do all of it or
nothing: rows become visible when the counts move.
"""

from __future__ import annotations

from leadline.book.kernel import parse
from leadline.book.kernel.attest import TURN_NS, check_book, hear_ticker
from leadline.book.kernel.ladder import (
    ASKS_FOUND,
    BIDS_FOUND,
    BOOK,
    BY_PREV_ID,
    CAPACITY,
    DECODE,
    EPOCH,
    FIRST,
    LAST,
    LAST_EVENT_NS,
    LAST_ID,
    LAST_RECV_NS,
    N_ASKS,
    N_BIDS,
    PREV,
    PRUNE_ABOVE,
    QUEUE,
    READY,
    TS_EVENT,
    TS_TRANSACTION,
    set_both,
)
from leadline.book.kernel.memory import Ints, inlined, mono_ns
from leadline.book.messages import TradeKind
from leadline.book.rows.batch import Count, DiffCol, TickerCol, TradeCol

APPLIED = 0  # the diff is in the book and in the batch
TOO_MANY = 1  # so it is, and a side now has more levels than it should
SCANNED = 2  # the diff lies in the free tail of the batch; what it means is for book.sync to say
GROW = 3  # the book has no room; nothing was changed
TOLD = 4  # done, and attestation has something to tell; a side may also have too many levels
FULL = parse.FULL  # the batch has no room; nothing was changed

# Slots of Batch.flat: a count, the rows there is room for, and where the table begins.
DIFFS, DIFF_ROOM, DIFFS_AT = int(Count.DIFFS), 4, 8
LEVELS, LEVEL_ROOM, LEVELS_AT = int(Count.LEVELS), 5, 9
TRADES, TRADE_ROOM, TRADES_AT = int(Count.TRADES), 6, 10
TICKERS, TICKER_ROOM, TICKERS_AT = int(Count.TICKERS), 7, 11
DIFF_WIDTH, TRADE_WIDTH, TICKER_WIDTH = len(DiffCol), len(TradeCol), len(TickerCol)

D_BOOK, D_EPOCH, D_EVENT, D_RECV = (
    int(column) for column in (DiffCol.BOOK, DiffCol.EPOCH, DiffCol.TS_EVENT_NS, DiffCol.TS_RECV_NS)
)
D_FIRST, D_LAST, D_PREV = (int(column) for column in (DiffCol.FIRST_ID, DiffCol.LAST_ID, DiffCol.PREV_ID))
D_BIDS, D_ASKS, D_TRANSACTION = (
    int(column) for column in (DiffCol.N_BIDS, DiffCol.N_ASKS, DiffCol.TS_TRANSACTION_NS)
)
D_TO_BOOK, D_QUEUE, D_DECODE = (
    int(column) for column in (DiffCol.TO_BOOK_NS, DiffCol.QUEUE_NS, DiffCol.DECODE_NS)
)
MARKET = int(TradeKind.MARKET)
TRADE_BOOK, TRADE_RECV = int(TradeCol.BOOK), int(TradeCol.TS_RECV_NS)
TRADE_KIND, TRADE_MARKET = int(TradeCol.KIND), int(TradeCol.MARKET_LOTS)
TRADE_COVERS_FIRST, TRADE_COVERS_LAST = int(TradeCol.COVERS_FIRST_ID), int(TradeCol.COVERS_LAST_ID)
TRADE_BACKFILLED = int(TradeCol.BACKFILLED)
TICKER_BOOK, TICKER_RECV = int(TickerCol.BOOK), int(TickerCol.TS_RECV_NS)
TICKER_ID = int(TickerCol.UPDATE_ID)


@inlined
def accept_depth(  # noqa: PLR0911 - each is another thing to do next
    state: Ints, batch: Ints, row: int, work: Ints, ts_recv_ns: int, recv_mono_ns: int
) -> int:
    """Apply the diff whose levels lie at ``batch[row]``, if the book is ready and it is the next one."""
    if batch[DIFFS] == batch[DIFF_ROOM]:
        return FULL
    last = state[LAST]
    if state[READY] == 0 or last <= state[LAST_ID]:
        return SCANNED
    if state[BY_PREV_ID]:
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
    batch[at + D_BOOK] = state[BOOK]
    batch[at + D_EPOCH] = state[EPOCH]
    batch[at + D_EVENT] = state[TS_EVENT]
    batch[at + D_RECV] = ts_recv_ns
    batch[at + D_FIRST] = state[FIRST]
    batch[at + D_LAST] = last
    batch[at + D_PREV] = state[PREV]
    batch[at + D_BIDS] = bids
    batch[at + D_ASKS] = asks
    batch[at + D_TRANSACTION] = state[TS_TRANSACTION]
    batch[at + D_TO_BOOK] = batch[at + D_QUEUE] = batch[at + D_DECODE] = 0
    batch[LEVELS] += bids + asks
    batch[DIFFS] += 1
    state[LAST_ID] = last
    state[LAST_RECV_NS] = ts_recv_ns
    state[LAST_EVENT_NS] = state[TS_EVENT]
    is_told = check_book(state) != 0 or ts_recv_ns >= state[TURN_NS]
    if recv_mono_ns != 0:
        batch[at + D_TO_BOOK] = mono_ns() - recv_mono_ns
        batch[at + D_QUEUE] = state[QUEUE]
        batch[at + D_DECODE] = state[DECODE]
    if is_told:
        return TOLD
    return TOO_MANY if max(state[N_BIDS], state[N_ASKS]) > state[PRUNE_ABOVE] else APPLIED


@inlined
def accept_trade(state: Ints, batch: Ints, at: int, ts_recv_ns: int) -> None:
    """Make the trade whose other columns stand at ``batch[at]`` a row: a single one, of the market."""
    batch[at + TRADE_BOOK] = state[BOOK]
    batch[at + TRADE_RECV] = ts_recv_ns
    batch[at + TRADE_KIND] = MARKET
    batch[at + TRADE_MARKET] = batch[at + TRADE_COVERS_FIRST] = batch[at + TRADE_COVERS_LAST] = -1
    batch[at + TRADE_BACKFILLED] = 0
    batch[TRADES] += 1


@inlined
def accept_ticker(state: Ints, batch: Ints, at: int, ts_recv_ns: int) -> int:
    """Make the ticker whose other columns stand at ``batch[at]`` a row; hold the book against it."""
    batch[at + TICKER_BOOK] = state[BOOK]
    batch[at + TICKER_RECV] = ts_recv_ns
    batch[TICKERS] += 1
    return TOLD if hear_ticker(state, batch, at + TICKER_ID) != 0 else 0
