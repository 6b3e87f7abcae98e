"""
Market data that others keep as tables, turned into the lines of a recording.

    Tardis CSV         incremental_book_L2, trades, quotes and book_ticker, plain or gzip
    hftbacktest npz    the array ``data`` of its events, as the local side saw them

Rows of one symbol with the same two times were one message. Rows that follow a snapshot's are its diffs;
a snapshot after diffs is a new book, and the one before it ends there as ``new_snapshot``. Numbers are
taken as they are written, never through a float, where the file has text; but digits past the fifteenth
are what a double left behind (0.30000000000000004), so they are rounded off.

Sources: tardis.dev, "Downloadable CSV files"; hftbacktest 2.4, "Data preparation", ``types.py`` (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from leadline.book.venues.converted.frames import FrameWriter, Level
from leadline.storage.recordings.notes import left_line

Side: TypeAlias = Literal["bid", "ask"]
Note: TypeAlias = Callable[[int, str], None]
"""Takes the number of a row, from 1, and what is wrong with it in words."""

NEW_SNAPSHOT: Final = "new_snapshot"
CLEARED: Final = "cleared"
BAD_ROW: Final = "bad_row"
EXACT_DIGITS: Final = 15  # significant ones, that every double holds exactly
EXACT: Final = Context(prec=EXACT_DIGITS)


class BadRow(ValueError):
    """A row that says nothing one could store; the message names the value and what was expected."""


class Depth(NamedTuple):
    """One level of a message; times in ns since 1970, quantity 0 deletes the level."""

    symbol: str
    event_ns: int
    recv_ns: int
    is_snapshot: bool
    side: Side
    px: str
    qty: str


class TradeRow(NamedTuple):
    """One trade; without an id of its own where ``trade_id`` is None."""

    symbol: str
    event_ns: int
    recv_ns: int
    trade_id: int | None
    px: str
    qty: str
    buyer_is_maker: bool


class Top(NamedTuple):
    """Best prices and their sizes."""

    symbol: str
    event_ns: int
    recv_ns: int
    bid: Level
    ask: Level


class Gone(NamedTuple):
    """There is no book of this symbol from here on."""

    symbol: str
    recv_ns: int
    reason: str


Row: TypeAlias = Depth | TradeRow | Top | Gone


@dataclass(slots=True)
class _Symbol:
    """What was written of one symbol so far."""

    name: str  # as the decoder will know it
    frames: FrameWriter
    has_book: bool = False
    trades: int = 0
    levels: dict[Side, list[Level]] = field(default_factory=lambda: {"bid": [], "ask": []})
    seen: set[tuple[Side, str]] = field(default_factory=set)
    message: tuple[int, int, bool] | None = None  # event and receive time of the open message

    def goes_on(self, row: Row) -> bool:
        """Whether the open message has this row as well; a level that comes again is the next message's."""
        return (
            isinstance(row, Depth)
            and (row.event_ns, row.recv_ns, row.is_snapshot) == self.message
            and (row.side, row.px) not in self.seen
        )

    def add(self, row: Depth) -> None:
        """Add a level to the open message, which it opens if there is none."""
        self.message = (row.event_ns, row.recv_ns, row.is_snapshot)
        self.seen.add((row.side, row.px))
        self.levels[row.side].append((row.px, row.qty))

    def close(self) -> Iterator[tuple[int, bytes]]:
        """Write the open message."""
        assert self.message is not None
        event_ns, recv_ns, is_snapshot = self.message
        bids, asks = self.levels["bid"], self.levels["ask"]
        if is_snapshot:
            if self.has_book:
                yield recv_ns, left_line([self.name], NEW_SNAPSHOT)
            self.has_book = True
            yield recv_ns, self.frames.snapshot(bids, asks)
        else:
            yield recv_ns, self.frames.diff(event_ns // 1_000, bids, asks)
        self.levels = {"bid": [], "ask": []}
        self.seen.clear()
        self.message = None


class Converter:
    """Turns rows, in the order of their receive times, into ``(ts_recv_ns, frame)``."""

    def __init__(self) -> None:
        self._symbols: dict[str, _Symbol] = {}

    def take(self, rows: Iterable[Row]) -> Iterator[tuple[int, bytes]]:
        """Yield the frames of rows; a message is complete when the next one of any symbol begins."""
        opened: _Symbol | None = None
        for row in rows:
            known = self._symbols.get(row.symbol)
            if known is None:
                known = self._symbols[row.symbol] = _Symbol(row.symbol.upper(), FrameWriter(row.symbol))
            if opened is not None and not (opened is known and known.goes_on(row)):
                yield from opened.close()
                opened = None
            if isinstance(row, Depth):
                known.add(row)
                opened = known
            else:
                yield from _other(row, known)
        if opened is not None:
            yield from opened.close()


def _other(row: TradeRow | Top | Gone, known: _Symbol) -> Iterator[tuple[int, bytes]]:
    if isinstance(row, TradeRow):
        known.trades = known.trades + 1 if row.trade_id is None else row.trade_id
        yield row.recv_ns, known.frames.trade(
            row.event_ns // 1_000, known.trades, row.px, row.qty, buyer_is_maker=row.buyer_is_maker
        )  # fmt: skip
    elif isinstance(row, Top):
        yield row.recv_ns, known.frames.ticker(row.bid, row.ask)
    elif known.has_book:
        known.has_book = False
        yield row.recv_ns, left_line([known.name], row.reason)


def plain_decimal(text: str, what: str, *, zero: bool = False) -> str:
    """
    Return a positive number without an exponent; ``zero`` allows 0 as well. Raises `BadRow`.

    Its digits stay as they are written, up to the fifteenth that counts.
    """
    if (match := _NUMBER.fullmatch(text)) is None or (not zero and not Decimal(text)):
        raise BadRow(f"{what} {text!r}: expected a number above 0{' or 0' if zero else ''}")
    if len(text) <= EXACT_DIGITS and not match[1]:
        return text
    number = Decimal(text)
    if len(number.normalize().as_tuple().digits) > EXACT_DIGITS:
        number = EXACT.plus(number).normalize()
    return f"{number:f}"


_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
