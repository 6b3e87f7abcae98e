"""
Rows of hftbacktest's event files (version 2), as the local side saw them; such a file names no symbol.

A CLEAR of a side ends the book, and the SNAPSHOT events after it begin the next. Its daily files may begin
with a snapshot whose times are 0: it gets the times of the first event after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from leadline.storage.exports.hftbacktest import (
    BUY_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    KIND,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    Events,
    read_events,
)
from leadline.storage.recordings.tables import CLEARED, Depth, Gone, Note, Row, TradeRow

ZIP_MAGIC = b"PK\x03\x04"


def rows(path: Path, symbol: str, note: Note) -> Iterator[Row]:
    """Yield what can be told of ``symbol``; ``note`` gets the number of an event and its fault."""
    seen = 0
    for events in read_events(path):
        yield from _rows(events, symbol, seen, note)
        seen += len(events)


def with_times(rows: Iterable[Row]) -> Iterator[Row]:
    """Give a snapshot without times those of the first row after it, in this file or the next."""
    early: list[Depth] = []
    for row in rows:
        if isinstance(row, Depth) and row.recv_ns <= 0:
            early.append(row)
            continue
        yield from (each._replace(event_ns=row.recv_ns, recv_ns=row.recv_ns) for each in early)
        early.clear()
        yield row


def _rows(events: Events, symbol: str, first: int, note: Note) -> Iterator[Row]:
    for number, (flags, exch_ns, local_ns, px, qty, _, ival, _) in enumerate(events.tolist(), first + 1):
        kind, is_buy, is_sell = flags & KIND, bool(flags & BUY_EVENT), bool(flags & SELL_EVENT)
        if not flags & LOCAL_EVENT:
            continue
        if kind == DEPTH_CLEAR_EVENT:
            yield Gone(symbol, local_ns, CLEARED)
        elif kind not in {DEPTH_EVENT, DEPTH_SNAPSHOT_EVENT, TRADE_EVENT}:
            note(number, f"kind {kind}: expected depth, a trade, a clear or a snapshot")
        elif is_buy == is_sell or not px > 0 or not (qty > 0 or (qty == 0 and kind != TRADE_EVENT)):
            note(number, f"price {px}, quantity {qty}, flags {flags:#x}: expected one side and numbers")
            if kind != TRADE_EVENT:
                yield Gone(symbol, local_ns, CLEARED)
        elif kind == TRADE_EVENT:
            made = ival if ival > 0 else None
            yield TradeRow(
                symbol, exch_ns, local_ns, made, _text(px), _text(qty), buyer_is_maker=is_sell
            )  # fmt: skip
        else:
            yield Depth(
                symbol,
                exch_ns,
                local_ns,
                kind == DEPTH_SNAPSHOT_EVENT,
                "bid" if is_buy else "ask",
                _text(px),
                _text(qty),
            )


def _text(number: float) -> str:
    """Write a double as the shortest plain decimal that reads back as the same."""
    return np.format_float_positional(number, trim="-")
