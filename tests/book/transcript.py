"""Short words for transcripts: what a book hears, who hears it, and what it should say."""

from __future__ import annotations

from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.messages import DepthDiff, DepthSnapshot, Level
from leadline.book.sync.events import BookReady, SnapshotNeeded, State
from leadline.book.sync.machine import BookSync
from leadline.book.sync.rules import SequenceRule
from leadline.book.venues.binance.sequence import SPOT

BID, ASK = (100, 5), (101, 7)  # what a diff or seed carries unless a test says otherwise
EPOCH_US = 1_000_000


def diff(
    first: int,
    last: int,
    prev: int | None = None,
    *,
    bids: tuple[Level, ...] = (BID,),
    asks: tuple[Level, ...] = (ASK,),
) -> DepthDiff:
    """A diff over ``first..last``; give ``prev`` for futures."""
    return DepthDiff("BTCUSDT", first, last, prev, last * 1_000_000, last * 1_000_000, bids, asks)


def seed(
    last: int,
    *,
    at_us: int = EPOCH_US,
    bids: tuple[Level, ...] = (BID,),
    asks: tuple[Level, ...] = (ASK,),
) -> DepthSnapshot:
    """A seed at ``last``, received at ``at_us``."""
    return DepthSnapshot("BTCUSDT", last, at_us * 1000, bids, asks)


Sync = BookSync[DepthDiff, DepthSnapshot]
WAITING, BUFFERING, LIVE = State.WAITING, State.BUFFERING, State.LIVE
SUSPECT, STALE, HALTED = State.SUSPECT, State.STALE, State.HALTED
START = SnapshotNeeded(5, "start")

unhalt = Sync.unhalt
silence = Sync.mark_stale
seek = Sync.seek


def halt(book: Sync) -> list:
    return book.halt("BREAK")


def cut(book: Sync) -> list:
    return book.leave("session_lost")


def make(rule: SequenceRule = SPOT, **options) -> Sync:
    return BookSync(PlainLadder(), rule, **options)


def play(book: Sync, heard) -> list:
    events = []
    for item in heard:
        if isinstance(item, DepthDiff):
            events += book.receive_diff(item)
        elif isinstance(item, DepthSnapshot):
            events += book.receive_snapshot(item)
        else:
            events += item(book)
    return events


def ready(last_id: int, epoch: int = EPOCH_US) -> BookReady:
    return BookReady(epoch, last_id)


CROSSING = diff(8, 9, bids=((102, 1),))
NO_ASKS = diff(8, 9, asks=((101, 0),))
CLEARED = diff(8, 9, bids=((100, 0),), asks=((101, 0),))
